"""A terminal that cannot show a character shows another one: no verb ends for that."""

import io
import sys

import pytest

from pipelines.cli import main


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_character_the_terminal_cannot_show_is_replaced(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    shown, heard = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(heard, encoding=encoding))
    monkeypatch.setattr(main, "app", lambda: sys.stdout.write("rank \N{GREEK SMALL LETTER RHO} 0.06"))
    main.main()
    sys.stdout.flush()
    assert shown.getvalue().decode(encoding) == "rank ? 0.06"

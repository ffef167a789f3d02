"""Cancel-all over HTTP: every order or all but stops, and keys that are named in `halt.json`, never held in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli.halt import HttpVenue
from tests.fakes.slow_broker import SlowBroker


@pytest.fixture
def broker() -> Iterator[SlowBroker]:
    with SlowBroker(round_trip_seconds=0, failing_fraction=0) as broker:
        broker.accounts["a"].working = {
            "entry": {"side": "buy", "type": "limit"},
            "exit": {"side": "sell", "type": "market"},
            "stop": {"side": "sell", "type": "stop"},
            "trail": {"side": "sell", "type": "trailing_stop"},
        }
        yield broker


def test_everything_is_cancelled(broker: SlowBroker) -> None:
    venue = HttpVenue(broker.orders_url("a"), {})
    assert venue.open_orders() == ["entry", "exit", "stop", "trail"]
    venue.cancel_all()
    assert venue.open_orders() == []


def test_stops_can_be_kept_and_then_do_not_count_as_open(broker: SlowBroker) -> None:
    venue = HttpVenue(broker.orders_url("a"), {}, keep_stops=True)
    venue.cancel_all()
    assert venue.open_orders() == []
    assert set(broker.accounts["a"].working) == {"stop", "trail"}


def test_keys_come_from_a_file_or_the_environment(
    broker: SlowBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    monkeypatch.setenv("CANCEL_KEY", "from-the-environment")
    headers = {"Key-Id": {"env": "CANCEL_KEY"}, "Secret-Key": {"file": str(tmp_path / "secret")}}
    HttpVenue(broker.orders_url("a"), headers).cancel_all()
    sent = broker.accounts["a"].headers
    assert (sent["Key-Id"], sent["Secret-Key"]) == ("from-the-environment", "from-a-file")


def test_an_answer_that_is_no_success_is_a_failure_that_is_tried_again(tmp_path: Path) -> None:
    with SlowBroker(round_trip_seconds=0, failing_fraction=1) as broker, pytest.raises(OSError):  # noqa: PT011 - each way to fail is an OSError
        HttpVenue(broker.orders_url("a"), {}).cancel_all()


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="http address"):
        HttpVenue("file:///etc/passwd", {}).cancel_all()

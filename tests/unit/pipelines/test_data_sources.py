import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assets import schemas
from assets.ingest.alpaca_data import AlpacaData
from assets.ingest.standing_in import StandingIn
from execution.domain.errors import BadSourceFile, SettingsRefused
from pipelines.analysis import build_definitions
from pipelines.analysis_adapters import sources_of
from pipelines.home import Home
from pipelines.settings import Settings

KEYS = {"key_id": "PKANALYSIS1", "secret_key": "canary-of-analysis"}


def paper(**changes: Any) -> Settings:
    trading = {"key_id": "PKTRADING11", "secret_key": "canary-of-trading"}
    return Settings.model_validate({"mode": "paper", "broker_keys": trading, **changes})


def test_paper_mode_reads_from_alpaca_with_keys_of_its_own(tmp_path: Path) -> None:
    sources = sources_of(paper(alpaca_data={**KEYS, "first_session": "2022-01-03"}), Home(tmp_path))
    assert (sources.name, sources.first_session, sources.last_session) == ("alpaca", date(2022, 1, 3), None)
    assert (sources.is_synthetic, sources.tape) == (False, None)


def test_the_trading_keys_are_not_taken_for_data(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="TOUCHSTONE__ALPACA_DATA__KEY_ID"):
        sources_of(paper(), Home(tmp_path))


def test_a_first_session_on_a_holiday_is_the_session_after_it(tmp_path: Path) -> None:
    sources = sources_of(paper(alpaca_data={**KEYS, "first_session": "2022-01-01"}), Home(tmp_path))
    assert sources.first_session == date(2022, 1, 3)


def test_no_key_is_told_when_settings_are_shown() -> None:
    shown = repr(paper(alpaca_data=KEYS))
    assert "canary" not in shown


def test_a_paper_home_without_keys_for_data_may_read_from_yahoo(tmp_path: Path) -> None:
    sources = sources_of(paper(yahoo={"use": "prices", "symbols": ["AAPL"]}), Home(tmp_path))
    assert (sources.name, sources.has(schemas.NEWS), sources.has(schemas.CORPORATE_ACTIONS)) == ("yahoo", False, True)


def test_yahoo_stands_in_for_splits_beside_alpaca_and_for_nothing_else(tmp_path: Path) -> None:
    sources = sources_of(paper(alpaca_data=KEYS, yahoo={"use": "stand_in"}), Home(tmp_path))
    assert (sources.name, type(sources.corporate_actions)) == ("alpaca", StandingIn)
    assert isinstance(sources.prices, AlpacaData)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"yahoo": {"use": "prices"}}, "names none"),
        ({"mode": "live", "yahoo": {"use": "prices", "symbols": ["AAPL"]}}, "is for paper homes"),
    ],
)
def test_yahoo_is_refused_where_it_cannot_serve(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsRefused, match=words):
        sources_of(paper(**changes), Home(tmp_path))


def test_without_the_extra_settings_that_want_yahoo_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(SettingsRefused, match="install the extra `yahoo`"):
        sources_of(paper(yahoo={"use": "prices", "symbols": ["AAPL"]}), Home(tmp_path))


def test_a_home_of_files_is_opened_without_its_folder_and_misses_it_when_it_takes_in(tmp_path: Path) -> None:
    columns = {"symbol": "s", "session": "d", "open_usd": "o", "high_usd": "h", "low_usd": "l", "close_usd": "c"}
    bars = {"file": "bars.csv", "columns": {**columns, "volume_shares": "v"}}
    told = {
        "mode": "files",
        "files": {"folder": tmp_path / "gone", "tables": {"daily_bars": [bars]}},
        "news_providers": {"finnhub": {"key": "a-key-of-a-test", "symbols": ["AAA"]}},
    }
    settings, home = Settings.model_validate(told), Home(tmp_path / "home")
    home.create()
    assert build_definitions(settings, home).resolve_asset_graph().materializable_asset_keys
    with pytest.raises(BadSourceFile, match=r"bars\.csv"):
        _ = sources_of(settings, home).first_session

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from assets.raw_store import RawStore
from execution.domain.errors import SettingsRefused
from pipelines.cli.backtest import stored_sessions, trial_of
from pipelines.home import Home

NEWEST = date(2024, 1, 5)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(RawStore, "latest_session", lambda *_: NEWEST)
    return Home(tmp_path / "home")


def span(home: Home, first: date | None = None, last: date | None = None) -> tuple[date, date]:
    return stored_sessions(home, first=first, last=last, sessions=3)


def test_by_default_the_newest_sessions_that_can_be_traded_are_tried(home: Home) -> None:
    assert span(home) == (date(2024, 1, 2), date(2024, 1, 4))


def test_a_day_the_exchange_is_closed_means_the_session_on_the_inner_side(home: Home) -> None:
    assert span(home, date(2023, 12, 23), date(2023, 12, 31)) == (date(2023, 12, 26), date(2023, 12, 29))
    assert span(home, None, date(2023, 12, 31)) == (date(2023, 12, 27), date(2023, 12, 29))


@pytest.mark.parametrize("last", [date(2099, 1, 4), NEWEST, date(1900, 1, 2)])
def test_a_last_day_that_cannot_be_traded_is_named(home: Home, last: date) -> None:
    with pytest.raises(SettingsRefused, match=f"found --last {last}, expected a day from .* to 2024-01-04"):
        span(home, last=last)


def test_a_first_day_after_the_last_session_is_named_with_it(home: Home) -> None:
    with pytest.raises(SettingsRefused, match=r"found --first 2024-01-06, expected a day up to .* 2024-01-04"):
        span(home, date(2024, 1, 6))
    with pytest.raises(SettingsRefused, match=r"found --first 2024-01-03, expected a day up to .* 2023-12-29"):
        span(home, date(2024, 1, 3), date(2023, 12, 31))


@pytest.mark.parametrize(
    ("costs", "capital", "told"),
    [
        ("-1", "", "found --costs -1, expected numbers above zero"),
        ("1,nan", "", "found --costs NaN, expected numbers above zero"),
        ("1,much", "", "--costs: found '1,much', expected numbers"),
        (" ", "", "found --costs ' ', expected at least one multiple"),
        ("1", "0", "found --capital 0, expected numbers above zero"),
    ],
)
def test_a_number_that_makes_no_sense_is_named_with_its_option(costs: str, capital: str, told: str) -> None:
    with pytest.raises(SettingsRefused, match=told):
        trial_of((NEWEST, NEWEST), scores="momentum_12_1", every=1, retrain=63, costs=costs, capital=capital)


def test_a_trial_that_makes_sense_is_as_it_was_asked_for() -> None:
    trial = trial_of((NEWEST, NEWEST), scores="momentum_12_1", every=1, retrain=63, costs="1,2", capital="5e5")
    assert (trial.cost_multiples, trial.capitals_usd) == ((Decimal(1), Decimal(2)), (Decimal(500000),))

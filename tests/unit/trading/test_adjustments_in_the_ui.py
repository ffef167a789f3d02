"""The job `adjust_account` with what a person may type into the Launchpad."""

from decimal import Decimal
from pathlib import Path

import pytest

from assets.trading.defs import adjust_account
from execution.domain.errors import SettingsRefused
from tests.builders.trading_days import TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

BY = {"actor": "A. Person", "reason": "in the venue's statement"}


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.plan()
    return days


def launch(days: TradingDays, **config: str) -> None:
    run_config = {"ops": {"record_adjustment": {"config": BY | config}}}
    adjust_account.execute_in_process(run_config=run_config, resources={"desk": days.desk})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"cash_usd": "abc"}, "cash_usd is 'abc': expected a number"),
        ({"cash_usd": "1,000"}, "cash_usd is '1,000': expected a number"),
        ({"cash_usd": "NaN"}, "cash_usd is 'NaN': expected a number"),
        ({"symbol": "FFF", "shares": "1.x"}, "shares is '1.x': expected a number"),
        ({"symbol": "FFF", "shares": "1", "cost_usd": ""}, "cost_usd is '': expected a number"),
    ],
)
def test_what_is_no_number_is_refused_by_the_name_of_its_field(
    days: TradingDays, config: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsRefused, match=said):
        launch(days, **config)
    assert days.desk.ledger.book().adjustments == ()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"symbol": "FFF", "shares": "10", "cost_usd": "900", "cash_usd": "500"},
            "symbol is FFF and cash_usd is 500: expected cash, or shares of a symbol, each in a run of its own",
        ),
        (
            {"cash_usd": "500", "shares": "10"},
            "shares is 10 and cost_usd is 0 without a symbol: expected the symbol of the shares, or cash alone",
        ),
        (
            {"cash_usd": "500", "cost_usd": "900"},
            "shares is 0 and cost_usd is 900 without a symbol: expected the symbol of the shares, or cash alone",
        ),
    ],
)
def test_cash_and_shares_are_not_moved_in_one_run(days: TradingDays, config: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsRefused, match=said):
        launch(days, **config)
    assert days.desk.ledger.book().adjustments == ()


def test_zeros_move_nothing_and_a_number_may_have_blanks_around_it(days: TradingDays) -> None:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    broker.cash_apart_usd = Decimal(500)
    launch(days, cash_usd=" 500.00 ", shares="0", cost_usd="0.00")
    [adjusted] = days.desk.ledger.book().adjustments
    assert (adjusted.symbol, adjusted.cash_usd) == (None, Decimal(500))

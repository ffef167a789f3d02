from decimal import Decimal

import dagster as dg
import pytest

from assets.identity import RunIdentity
from assets.ledger_frames import latest_export, load_export
from assets.raw_store import RawStore
from assets.reporting.daily_report import render
from assets.reporting.day_reading import read_day
from assets.reporting.defs import DEFINITIONS
from assets.schemas import DAILY_BARS
from execution.ledger.export import export_ledger
from execution.session import run_session
from tests.builders.batches import a_red_certificate
from tests.builders.raw_rows import bar, rows
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

SECOND = SESSIONS[1]
IDENTITY = RunIdentity(
    mode="simulated",
    is_synthetic=True,
    strategy="momentum",
    account="paper-1",
    settings_hash="5" * 64,
    code_hash="c" * 64,
)


def opens_after(session=FIRST):
    """The opens of the tape the venue filled from."""
    traded_on = CALENDAR.next(session)
    return {symbol: a_day_of(symbol, traded_on).open_usd for symbol in SYMBOLS}


def stored_bars(root):
    """A raw store that took in the same bars."""
    store, traded_on = RawStore(root), CALENDAR.next(FIRST)
    bars = [bar(symbol, traded_on, opened) for symbol, opened in opens_after().items()]
    recorded_at = CALENDAR.bars_known_at(traded_on)
    store.append(DAILY_BARS, rows(DAILY_BARS, bars), session=traded_on, recorded_at=recorded_at)
    return store


def day_after(days, session=FIRST):
    export_ledger(days.desk.ledger, days.artifacts_root, upto_session=CALENDAR.next(session))
    folder = latest_export(days.artifacts_root, CALENDAR.next(session))
    return read_day(
        session=session, frames=load_export(folder), batches=days.desk.batches, opens_usd=opens_after(session)
    )


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    days = TradingDays(tmp_path_factory.mktemp("traded"), is_on_files=True)
    days.live(FIRST)
    days.live(SECOND, days.a_batch(SECOND, best=("DDD", "EEE", "FFF", "AAA")))
    return days


def test_cash_and_positions_are_equity_to_the_last_digit(traded):
    for session in (FIRST, SECOND):
        day = day_after(traded, session)
        assert day.positions
        assert day.unexplained_usd == 0


def test_curve_begins_with_the_cash_the_ledger_opened_with(traded):
    assert day_after(traded).equity[0].equity_usd == Decimal(100_000)


def test_every_order_sent_is_on_the_page_with_its_fill(traded):
    day = day_after(traded)
    bought = [cost for cost in day.costs if cost.side == "buy"]
    assert bought
    assert all(cost.filled_shares == cost.ordered_shares for cost in bought)
    page = render(day, identity=IDENTITY)
    assert all(f'<td class="sym">{cost.symbol}</td>' in page for cost in bought)


def test_bought_above_the_close_shows_as_a_cost(traded):
    bought = [cost for cost in day_after(traded).costs if cost.side == "buy"]
    assert all(cost.slippage_to_close_bps > 0 for cost in bought)


def test_a_fill_at_the_open_costs_the_spread_and_the_impact(traded):
    day = day_after(traded)
    bought = [cost for cost in day.costs if cost.side == "buy"]
    assert {cost.symbol: cost.open_usd for cost in bought} == {
        cost.symbol: opens_after()[cost.symbol] for cost in bought
    }
    assert all(Decimal(10) < cost.slippage_to_open_bps < Decimal(15) for cost in bought)
    assert "vs open" in render(day, identity=IDENTITY)


def test_every_symbol_says_what_happened(traded):
    assert [row.symbol for row in day_after(traded).decisions] == list(SYMBOLS)


def test_sold_out_names_are_sells_of_the_second_day(traded):
    day = day_after(traded, SECOND)
    assert {row.symbol for row in day.decisions if row.outcome == "sold"}
    assert {cost.symbol for cost in day.costs if cost.side == "sell" and cost.filled_shares}


def test_held_positions_have_their_resting_stop_beside_them(traded):
    day = day_after(traded, SECOND)
    assert {position.symbol for position in day.positions} == set(day.resting_stops_usd)


def test_a_position_whose_stop_the_venue_refused_is_an_alarm(traded, tmp_path):
    assert "without a stop at the venue" not in render(day_after(traded), identity=IDENTITY)
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.desk.broker.faults["AAA", "stop"] = "refuse"
    days.live(FIRST)
    day = day_after(days)
    assert day.bare_symbols == ("AAA",)
    assert "Held after the close without a stop at the venue." in render(day, identity=IDENTITY)


def test_page_of_a_day_stays_the_same_after_later_days(traded):
    before = day_after(traded)
    export_ledger(traded.desk.ledger, traded.artifacts_root, upto_session=CALENDAR.next(SECOND))
    assert render(day_after(traded), identity=IDENTITY) == render(before, identity=IDENTITY)


def test_split_keeps_the_identity(tmp_path):
    rows = [
        a_day_of(symbol, session, open_usd="20", high_usd="20.5", low_usd="19.8", close_usd="20.1", split_ratio=ratio)
        for symbol in SYMBOLS[:1]
        for session, ratio in zip(SESSIONS[2:], ["2", *["1"] * 5], strict=False)
    ]
    days = TradingDays(tmp_path, bars=rows, is_on_files=True)
    days.live(FIRST)
    before = {one.symbol: one.shares for one in day_after(days).positions}
    days.live(SECOND)
    day = day_after(days, SECOND)
    assert {one.symbol: one.shares for one in day.positions}["AAA"] == pytest.approx(2 * before["AAA"], rel=0.1)
    assert day.unexplained_usd == 0


def test_stop_of_an_earlier_day_that_filled_is_on_the_page(tmp_path):
    crash = a_day_of("AAA", SESSIONS[2], open_usd="30", high_usd="31", low_usd="29", close_usd="30")
    days = TradingDays(tmp_path, bars=[crash], is_on_files=True)
    days.live(FIRST)
    days.live(SECOND)
    day = day_after(days, SECOND)
    (stopped,) = [cost for cost in day.costs if cost.leg == "stop" and cost.filled_shares]
    assert stopped.symbol == "AAA"
    assert day.totals.filled_shares >= stopped.filled_shares


def test_a_day_settled_after_the_next_open_has_its_page_and_says_that_its_close_was_not_valued(tmp_path):
    paying = a_day_of("AAA", SESSIONS[3], dividend_usd="0.50")
    days = TradingDays(tmp_path, bars=[paying], is_on_files=True)
    days.live(FIRST)
    days.plan(SECOND)
    days.submit(SECOND)
    # The venue was away over the evening and the night: a dividend came with the next open before anybody settled.
    run_session.settle(days.morning(SESSIONS[2]), session=SECOND)
    day = day_after(days, SECOND)
    page = render(day, identity=IDENTITY)
    assert (day.account, day.positions, day.unexplained_usd) == (None, (), 0)
    assert [point.session for point in day.equity][-1] == CALENDAR.next(FIRST)
    assert f"The account was not valued at the close of {day.traded_session}" in page
    assert "is all cash" not in page
    assert "do not add up" not in page


def test_red_gate_is_told_and_nothing_is_ordered(tmp_path):
    days = TradingDays(tmp_path, is_on_files=True)
    days.desk.batches.publish_certificate(a_red_certificate(session=FIRST, symbols=SYMBOLS))
    run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    days.submit(FIRST)
    days.settle(FIRST)
    day = day_after(days)
    page = render(day, identity=IDENTITY)
    assert (day.batch, day.costs) == (None, ())
    assert "59 of 100 symbols have no bar" in page
    assert {row.outcome for row in day.decisions} == {"refused"}


def test_asset_writes_the_page_and_shows_the_chart(traded, tmp_path):
    day_after(traded)
    result = dg.materialize(
        DEFINITIONS.assets,
        partition_key=FIRST.isoformat(),
        resources={
            "batches": traded.desk.batches,
            "raw_store": stored_bars(tmp_path / "raw"),
            "artifacts_root": traded.artifacts_root,
            "reports_root": tmp_path / "reports",
            "identity": IDENTITY,
        },
    )
    (event,) = result.asset_materializations_for_node("reports__daily_report")
    page = (tmp_path / "reports" / f"{FIRST}.html").read_text(encoding="utf-8")
    assert page == render(day_after(traded), identity=IDENTITY)
    assert event.metadata["page"] == dg.MetadataValue.path(f"reports/{FIRST}.html")
    assert event.metadata["unexplained_usd"] == dg.FloatMetadataValue(0.0)
    (account,) = (point for point in day_after(traded).equity if point.session == CALENDAR.next(FIRST))
    assert event.metadata["equity_usd"] == dg.FloatMetadataValue(float(account.equity_usd))
    assert "data:image/png;base64," in event.metadata["equity_chart"].value

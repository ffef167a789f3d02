"""A desk whose sizes are parts of a share: entries, stops, splits, exits, marks, and what is written of them."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from execution.artifact_files import FileArtifacts
from execution.domain.orders import OrderRequest
from execution.ledger.explain import why
from execution.ledger.export import export_ledger
from execution.ledger.order_record import OrderRecord
from execution.ledger.why_rows import read_why_rows
from execution.portfolio.sizing_policy import SizingPolicy
from execution.replay import replay_plan
from execution.session.flatten import FlattenPolicy, FlattenReport, arming_phrase, flatten
from tests.builders.trading_days import CALENDAR, CASH, FIRST, SESSIONS, TradingDays, a_day_of

SECOND, THIRD = SESSIONS[1:3]
NINE_DIGITS = SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), share_decimals=9)


def in_parts(folder: Path, **changes: Any) -> TradingDays:
    return TradingDays(folder, desk_changes={"sizing": NINE_DIGITS}, **changes)


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return in_parts(tmp_path)


def orders(days: TradingDays, *legs: str, session: Any = FIRST) -> list[OrderRecord]:
    records = days.desk.ledger.book().orders_of(days.desk.cycle_id(session))
    return [record for record in records if record.order.leg in legs]


def is_part(shares: object) -> bool:
    return isinstance(shares, Decimal)


def test_entries_take_what_their_weight_pays_for_to_the_ninth_digit(days: TradingDays) -> None:
    days.plan()
    for record in orders(days, "entry"):
        order = record.order
        assert is_part(order.quantity_shares)
        assert (order.order_type, order.time_in_force) == ("limit", "day")
    whole = TradingDays(days.folder / "whole")
    whole.plan()
    pairs = zip(orders(days, "entry"), orders(whole, "entry"), strict=True)
    assert all(0 <= part.order.quantity_shares - one.order.quantity_shares < 1 for part, one in pairs)


def test_a_venue_of_whole_shares_is_sent_whole_shares(tmp_path: Path) -> None:
    class Whole:
        def __init__(self, broker: Any) -> None:
            self._broker = broker
            self.capabilities = replace(broker.capabilities, fractional_sizes=None)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._broker, name)

    days, usual = in_parts(tmp_path / "parts", wrap_broker=Whole), TradingDays(tmp_path / "usual")
    assert days.plan().plan_hash == usual.plan().plan_hash


def test_a_stop_covers_the_whole_shares_and_says_what_has_none(days: TradingDays) -> None:
    days.plan()
    report = days.submit()
    held = days.desk.ledger.book().held_shares
    stops = {record.order.symbol: record for record in orders(days, "stop")}
    assert held.keys() == stops.keys() == report.bare_parts.keys()
    for symbol, stop in stops.items():
        assert stop.order.quantity_shares == held[symbol] // 1
        assert report.bare_parts[symbol] == held[symbol] % 1
        assert f"{report.bare_parts[symbol]} more has none" in stop.reason
    assert report.unprotected == ()


def test_nothing_drifts_over_days_of_parts(tmp_path: Path) -> None:
    bars = (
        a_day_of("AAA", SECOND, low_usd="38.00"),
        a_day_of(
            "BBB", THIRD, split_ratio="1.5", open_usd="28.00", high_usd="29.00", low_usd="27.50", close_usd="28.4"
        ),
        a_day_of("CCC", THIRD, dividend_usd="0.31"),
    )
    days = in_parts(tmp_path, bars=bars)
    likes = [("AAA", "BBB", "CCC", "DDD"), ("BBB", "CCC", "EEE", "AAA"), ("EEE", "FFF", "DDD", "AAA")]
    for session, best in zip(SESSIONS, likes, strict=False):
        report = days.live(session, days.a_batch(session, best=best))
        book, venue = days.desk.ledger.book(), days.venue.account()
        assert (report.status, book.cash_usd, book.held_shares) == ("settled", venue.cash_usd, venue.positions_shares)
        assert not book.quarantined
        cost = sum((held.cost_usd for held in book.positions.values()), Decimal(0))
        assert book.cash_usd + cost == CASH + book.realised_usd
        mark = book.marks[-1]
        assert mark.equity_usd == mark.cash_usd + sum(one.shares * one.close_usd for one in mark.positions)
    assert any(is_part(shares) for shares in book.held_shares.values())
    days.desk.ledger.verify_chain()


def test_a_sale_of_a_position_sells_its_part_too(days: TradingDays) -> None:
    days.live()
    days.live(SECOND, days.a_batch(SECOND, best=("DDD", "EEE", "FFF", "AAA", "BBB", "CCC")))
    gone = {record.order.symbol for record in orders(days, "exit", session=SECOND)}
    assert gone
    assert not gone & days.desk.ledger.book().held_shares.keys()


def test_flatten_sells_the_parts(days: TradingDays) -> None:
    days.live()
    days.clock.move_to(CALENDAR.opens_at(THIRD))
    desk = days.desk

    def flattened() -> FlattenReport:
        return flatten(desk, policy=FlattenPolicy(), arm=arming_phrase(desk), actor="ann", reason="the end of it")

    first = flattened()
    assert first.status in ("flat", "working", "pending")
    assert flattened().status == "flat"
    assert days.venue.account().positions_shares == {}


def test_a_plan_of_parts_comes_out_again_bit_for_bit(days: TradingDays) -> None:
    days.live()
    days.plan(SECOND)
    cycle = days.desk.ledger.book().cycles[days.desk.cycle_id(SECOND)]
    steps = replay_plan(days.desk, cycle, beside=FileArtifacts(days.folder / "beside"))
    assert [step.name for step in steps if not step.is_equal] == []


def test_why_and_the_export_tell_parts_exactly(days: TradingDays) -> None:
    days.live()
    book = days.desk.ledger.book()
    symbol, shares = next(iter(book.held_shares.items()))
    rows = read_why_rows(days.desk.artifacts, book.cycles[days.desk.cycle_id(FIRST)].why_rows[-1].artifact_hash)
    assert {row.symbol: row.filled_shares for row in rows}[symbol] == shares
    assert f"{shares} shares at" in why(days.desk.ledger, artifacts=days.desk.artifacts, symbol=symbol)
    export = export_ledger(days.desk.ledger, days.artifacts_root, upto_session=SECOND)
    for table, column in (("fills", "quantity_shares"), ("positions", "shares"), ("decisions", "filled_shares")):
        told = pq.read_table(export.path / f"{table}.parquet", columns=["symbol", column]).to_pylist()
        assert shares in [row[column] for row in told if row["symbol"] == symbol]


def test_a_part_for_longer_than_a_day_is_refused_by_name(days: TradingDays) -> None:
    days.live()
    symbol = next(iter(days.desk.ledger.book().held_shares))
    order = OrderRequest(
        client_order_id="t1part",
        symbol=symbol,
        side="sell",
        leg="stop",
        quantity_shares=Decimal("0.5"),
        order_type="limit",
        time_in_force="gtc",
        limit_usd=Decimal(90),
        is_reduce_only=True,
    )
    refused = days.venue.submit(order)
    assert refused.reason == "this venue takes no part of a share for gtc; it takes day"  # type: ignore[union-attr]  # refused, as the text says


def test_a_stop_of_whole_shares_fills_in_whole_shares_where_the_entry_used_up_parts_of_the_volume(
    tmp_path: Path,
) -> None:
    days = in_parts(tmp_path, bars=[a_day_of("AAA", SECOND, low_usd="30.00", volume_shares=4980)])
    days.live()
    [entry], [stop] = (
        [record for record in orders(days, leg) if record.order.symbol == "AAA"] for leg in ("entry", "stop")
    )
    # A twentieth of the volume is 249 shares: what the entry left is 4 and a part.
    assert is_part(entry.filled_shares)
    assert (stop.order.quantity_shares, stop.filled_shares) == (int(entry.filled_shares), 4)
    assert days.desk.ledger.book().held_shares["AAA"] == entry.filled_shares - 4

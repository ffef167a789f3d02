"""How long 500 orders take from a batch to rows on disk: sizing, pre-trade checks, and a ledger that syncs each one.

The batch and the account want 500 entries that all pass. Three stages are timed: deciding (sizing and checks), one
transaction that intends them all, and one transaction an order that lets it out, which is the row before the wire; the
last look at each order and the wire itself are the simulator's business. Run as `python benchmarks/order_path.py`.

Then the stress of RTS 6, article 10 (Commission Delegated Regulation (EU) 2017/589): ten largest cycles, none of whose
orders has ended, go into one ledger, and each order of the second and tenth may take what one of the first takes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

from measuring import conditions, print_table, typical, write_result

from execution.domain.events import AccountOpened, OrderIntended, PlanRecorded, SubmissionStarted
from execution.domain.orders import OrderRequest, ProposedOrder, client_order_id
from execution.domain.signals import SymbolSignal
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingContext
from execution.session.decide import Decisions, decided_on_batch
from execution.trading_calendar import TradingCalendar

ORDERS: Final = 500
STRESS_CYCLES: Final = 10
ROUNDS: Final = 5
STAGES: Final = ("decide", "intend", "let out")
AIM_SECONDS: Final = {"wal": 0.5, "delete": 1.5}
EQUITY_OF_ONE_ORDER: Final = Decimal(10_000)
CALENDAR: Final = TradingCalendar.shipped()
SESSION: Final = CALENDAR.sessions[3_000]
CYCLE: Final = f"bench:bench:{SESSION.isoformat()}"
# Every rule is asked; what would leave fewer than all of the orders is loose.
LIMITS: Final = RiskLimits.model_validate(
    {
        "names_max": 500,
        "entries_per_day_max": 1_000,
        "basket_notional_max_usd": EQUITY_OF_ONE_ORDER * ORDERS,
        "sector_max_weight": 1,
        "var95_max_fraction": 1,
        "macro_blackout_sessions": 1,
    }
)
SIZING: Final = SizingPolicy(
    max_names=500, entry_top_fraction=Decimal(1), hold_top_fraction=Decimal(1), position_min_weight=Decimal(0)
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=ORDERS, help="how many entries the batch wants, 1 to 500")
    count = options.parse_args().orders
    signals = [signal_of(number) for number in range(count)]
    result: dict[str, Any] = {"conditions": conditions(), "orders": count, "rounds": ROUNDS}
    for journal in ("wal", "delete"):
        result[journal] = measured(signals, journal)
    columns = [stage + kind for stage in (*STAGES, "all") for kind in ("", " cpu")]
    print_table(
        f"{count} orders from a batch to a durable ledger, seconds, median of {ROUNDS}",
        ["journal", *columns, "aim"],
        [
            [journal, *(f"{result[journal][stage]:.3f}" for stage in columns), f"{aim:.1f}"]
            for journal, aim in AIM_SECONDS.items()
        ],
    )
    result["stress"] = stressed(signals)
    print_table(
        f"{STRESS_CYCLES} cycles of {count} orders in one ledger (wal), milliseconds an order",
        ["cycle", "orders working", "decide", "intend", "let out", "let out p99"],
        [
            [
                str(number),
                f"{(number - 1) * count:,}",
                *(f"{result['stress'][number - 1][stage]:.3f}" for stage in (*STAGES, "let out p99")),
            ]
            for number in (1, 2, STRESS_CYCLES)
        ],
    )
    if count == ORDERS:
        write_result("order_path", result)


def stressed(signals: list[SymbolSignal]) -> list[dict[str, float]]:
    """Return, per cycle, the milliseconds an order takes in each stage, and the 99th percentile of letting it out."""
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.db", journal_mode="wal")
        ledger.record(
            lambda _: (
                AccountOpened(at=CALENDAR.as_of(SESSION), account="bench", cash_usd=EQUITY_OF_ONE_ORDER * len(signals)),
            )
        )
        cycles = []
        for number in range(STRESS_CYCLES):
            spent, waits = one_cycle(ledger, signals, cycle_id=f"{CYCLE}:{number}")
            of_order = {stage: 1_000 * spent[stage] / len(waits) for stage in STAGES}
            cycles.append(of_order | {"let out p99": 1_000 * sorted(waits)[len(waits) * 99 // 100]})
        return cycles


def measured(signals: list[SymbolSignal], journal: Literal["wal", "delete"]) -> dict[str, float]:
    """Return the median seconds of each stage."""
    rounds = [one_round(signals, journal) for _ in range(ROUNDS)]
    return {stage: typical(each[stage] for each in rounds) for stage in rounds[0]}


def one_round(signals: list[SymbolSignal], journal: Literal["wal", "delete"]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.db", journal_mode=journal)
        opened = AccountOpened(at=CALENDAR.as_of(SESSION), account="bench", cash_usd=EQUITY_OF_ONE_ORDER * len(signals))
        ledger.record(lambda _: (opened,))
        spent, _ = one_cycle(ledger, signals, cycle_id=CYCLE)
        for kind in ("", " cpu"):
            spent["all" + kind] = sum(spent[stage + kind] for stage in STAGES)
        return spent


def one_cycle(
    ledger: SqliteLedger, signals: list[SymbolSignal], *, cycle_id: str
) -> tuple[dict[str, float], list[float]]:
    """Return the seconds of each stage, and those each order took to be let out."""
    spent: dict[str, float] = {}
    decided: list[Decisions] = []
    timed(spent, "decide", lambda: decided.append(decide(signals)))
    orders = [(each.order, each.shares) for each in decided[0].orders if each.order is not None]
    if len(orders) != len(signals):
        raise SystemExit(f"{len(orders)} of {len(signals)} orders passed: the figures would be of less work")
    intents = [intent_of(order, shares, cycle_id=cycle_id) for order, shares in orders]
    timed(spent, "intend", lambda: ledger.record(lambda _: (plan_of(cycle_id), *intents)))
    waits: list[float] = []
    timed(spent, "let out", lambda: waits.extend(let_out(ledger, intents)))
    return spent, waits


def timed(spent: dict[str, float], stage: str, work: Callable[[], object]) -> None:
    """Do a stage and add its seconds, by the clock and of this process's CPU."""
    cpu, began = time.process_time(), time.perf_counter()
    work()
    spent[stage], spent[f"{stage} cpu"] = time.perf_counter() - began, time.process_time() - cpu


def decide(signals: list[SymbolSignal]) -> Decisions:
    equity_usd = EQUITY_OF_ONE_ORDER * len(signals)
    context = TradingContext(
        session=SESSION,
        now=CALENDAR.as_of(SESSION) + timedelta(minutes=1),
        calendar=CALENDAR,
        trading_state="active",
        equity_usd=equity_usd,
        day_start_equity_usd=equity_usd,
        drawdown_fraction=Decimal(0),
        cash_usd=equity_usd,
        unsettled_usd=Decimal(0),
        positions_shares={},
        closes_usd={signal.symbol: signal.close_usd for signal in signals if signal.close_usd is not None},
        signals={signal.symbol: signal for signal in signals},
        messages_today=0,
        losses_in_a_row=0,
        is_macro_calendar_known=True,
    )
    return decided_on_batch(
        signals=signals, regime="bull_calm", vix=15.0, holdings={}, context=context, sizing=SIZING, limits=LIMITS
    )


def let_out(ledger: SqliteLedger, intents: Iterable[OrderIntended]) -> Iterator[float]:
    for intent in intents:
        began = time.perf_counter()
        order = intent.order
        started = SubmissionStarted(
            at=intent.at, client_order_id=order.client_order_id, quantity_shares=order.quantity_shares
        )
        ledger.record(lambda book, started=started: (started,) if book.orders[started.client_order_id] else ())
        yield time.perf_counter() - began


def signal_of(number: int) -> SymbolSignal:
    drawn = Random(number)  # noqa: S311 - made prices, not secrets
    close = Decimal(drawn.randrange(2_000, 20_000)) / 100
    return SymbolSignal(
        symbol=f"S{number:03}",
        sector=f"Sector {number % 11}",
        score=drawn.random(),
        expected_return_bps=80.0,
        probability_up=0.56,
        contributions={},
        features={},
        features_hash=None,
        close_usd=close,
        atr14_usd=close / 50,
        adv20_shares=5_000_000,
        volatility_20d=0.015,
        dollar_volume_20d_usd=close * 5_000_000,
        is_tradable=True,
        is_halted=False,
        next_event_at=None,
        is_event_calendar_known=True,
        missing_reason=None,
        returns_60d=tuple(drawn.gauss(0.0, 0.012) for _ in range(60)),
    )


def intent_of(order: ProposedOrder, shares: int, *, cycle_id: str) -> OrderIntended:
    key = client_order_id(
        account="bench",
        epoch=0,
        cycle_id=cycle_id,
        strategy="bench",
        symbol=order.symbol,
        side=order.side,
        leg=order.leg,
    )
    request = OrderRequest(
        client_order_id=key,
        symbol=order.symbol,
        side=order.side,
        leg=order.leg,
        quantity_shares=shares,
        order_type="limit",
        time_in_force="day",
        limit_usd=order.limit_usd,
    )
    at = CALENDAR.as_of(SESSION)
    return OrderIntended(at=at, cycle_id=cycle_id, leg=order.leg, order=request, reason=order.reason)


def plan_of(cycle_id: str) -> PlanRecorded:
    return PlanRecorded(
        at=CALENDAR.as_of(SESSION),
        cycle_id=cycle_id,
        session=SESSION,
        plan_hash="p" * 64,
        batch_hash="b" * 64,
        limits_hash="l" * 64,
        decision_source="model",
    )


if __name__ == "__main__":
    main()

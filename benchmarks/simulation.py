"""What a simulated schedule costs, and how long a desk with 1,000 open orders takes from start to reconciled.

    .venv/bin/python benchmarks/simulation.py [--schedules 400]

Schedules are counted per CPU second of one core. The restart opens the ledger file, verifies its chain, folds it and
asks a venue that answers at once for each of the orders; wall seconds on the disk of the temporary folder.
"""

import argparse
import tempfile
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from measuring import Stopwatch, conditions, write_result

from execution.domain.events import AccountOpened, OrderAccepted, OrderIntended, PlanRecorded, SubmissionStarted
from execution.domain.orders import AccountSnapshot, OrderRequest, OrderState
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.session.desk import Desk
from execution.session.reconcile import reconcile
from execution.simulation.faults import MODES
from execution.simulation.market import CALENDAR, CODE_HASH, SESSIONS, SETTINGS_HASH, STRATEGY, PublishedBatches
from execution.simulation.schedule import run_seed
from execution.simulation.stage import ACCOUNT, CASH_USD, LIMITS, SIZING

OPEN_ORDERS = 1_000
_OPEN_AT = CALENDAR.submit_window(SESSIONS[0])[0]


def main() -> None:
    """Measure, print, and write the result beside the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=400)
    schedules = parser.parse_args().schedules
    result: dict[str, Any] = {"conditions": conditions()}
    for mode, count in (("normal", schedules), ("sqlite", max(1, schedules // 20))):
        run_seed(0, MODES[mode])
        watch = Stopwatch()
        stops = sum(run_seed(seed, MODES[mode]).stops for seed in range(1, count + 1))
        used = watch.stop()
        ledger = MODES[mode].ledger
        result[f"{ledger}_schedules_per_cpu_second"] = round(count / used.cpu_seconds, 1)
        result[f"{ledger}_stops_per_schedule"] = round(stops / count)
    result["restart_seconds"] = round(restarted_seconds(), 2)
    for name, value in result.items():
        print(f"{name}: {value}")
    write_result("simulation", result)


def restarted_seconds() -> float:
    """Return how long it takes from opening a ledger with 1,000 open orders until it is reconciled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        orders = [_order(number) for number in range(OPEN_ORDERS)]
        _filled(path, orders)
        wire = _Venue(orders)
        began = time.perf_counter()
        desk = _desk(SqliteLedger(path), wire)
        desk.ledger.verify_chain()
        reconciled = reconcile(desk)
        took = time.perf_counter() - began
        assert len(reconciled.book.unproven_orders) == OPEN_ORDERS  # noqa: S101 - a wrong figure is worse than none
        assert not reconciled.differences  # noqa: S101 - as above
    return took


def _order(number: int) -> OrderRequest:
    return OrderRequest(
        client_order_id=f"t1{number:026d}",
        symbol=f"S{number:04d}",
        side="buy",
        leg="entry",
        quantity_shares=10,
        order_type="limit",
        time_in_force="day",
        limit_usd=Decimal(5),
    )


def _filled(path: Path, orders: list[OrderRequest]) -> None:
    ledger, at, cycle = SqliteLedger(path), _OPEN_AT, f"{ACCOUNT}:{STRATEGY}:{SESSIONS[0]}"
    planned = PlanRecorded(
        at=at,
        cycle_id=cycle,
        session=SESSIONS[0],
        plan_hash="p" * 64,
        batch_hash="b" * 64,
        limits_hash="l" * 64,
        decision_source="model",
    )
    ledger.append(AccountOpened(at=at, account=ACCOUNT, cash_usd=CASH_USD), planned)
    ledger.append(
        *(
            OrderIntended(at=at, cycle_id=cycle, leg="entry", order=order, reason="to be found again")
            for order in orders
        )
    )
    ids = [order.client_order_id for order in orders]
    ledger.append(*(SubmissionStarted(at=at, client_order_id=one, quantity_shares=10) for one in ids))
    ledger.append(*(OrderAccepted(at=at, client_order_id=one, broker_order_id=f"v{one}") for one in ids))


class _Venue:
    """A venue that answers at once: every order works, nothing was filled."""

    def __init__(self, orders: list[OrderRequest]) -> None:
        self._states = {order.client_order_id: _working(order) for order in orders}

    def order(self, client_order_id: str) -> OrderState | None:
        return self._states.get(client_order_id)

    def open_orders(self) -> tuple[OrderState, ...]:
        return tuple(self._states.values())

    def fills(self, *, since: datetime) -> tuple[()]:  # noqa: ARG002 - the port's argument
        return ()

    def corporate_actions(self, *, since: datetime) -> tuple[()]:  # noqa: ARG002 - as above
        return ()

    def account(self) -> AccountSnapshot:
        return AccountSnapshot(cash_usd=CASH_USD, positions_shares={})


class _Clock:
    def now(self) -> datetime:
        return _OPEN_AT

    def monotonic_seconds(self) -> float:
        return time.perf_counter()

    def wait_seconds(self, seconds: float) -> bool:  # noqa: ARG002 - as above
        return False


def _working(order: OrderRequest) -> OrderState:
    return OrderState(
        client_order_id=order.client_order_id,
        broker_order_id=f"v{order.client_order_id}",
        symbol=order.symbol,
        side=order.side,
        quantity_shares=order.quantity_shares,
        filled_shares=0,
        status="open",
        order_type=order.order_type,
        limit_usd=order.limit_usd,
        stop_usd=None,
    )


def _desk(ledger: SqliteLedger, venue: Any) -> Desk:
    unused: Any = None
    return Desk(
        account=ACCOUNT,
        strategy=STRATEGY,
        mode="simulated",
        calendar=CALENDAR,
        clock=_Clock(),
        broker=venue,
        quotes=venue,
        ledger=ledger,
        batches=PublishedBatches(),
        artifacts=unused,
        kill_switch=unused,
        sizing=SIZING,
        limits=LIMITS,
        settings_hash=SETTINGS_HASH,
        code_hash=CODE_HASH,
        initial_cash_usd=CASH_USD,
    )


if __name__ == "__main__":
    main()

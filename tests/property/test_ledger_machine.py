"""Any sequence of acts, in memory and in SQLite side by side: one chain, one trading hash, one book, one set of tables.

Also after restarts, refused appends, leases taken and lost, and rebuilt tables.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from execution.domain.errors import Fenced, LedgerError
from execution.domain.events import (
    AuditNoted,
    CancelRequested,
    ControlChanged,
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderEnded,
    OrderRefused,
    OrderVoided,
    OutcomeUnknown,
    RepriceRequested,
    SettleFinished,
    SubmissionStarted,
    SubmitFinished,
)
from execution.domain.orders import OrderRequest
from execution.domain.quantities import Shares
from execution.ledger.lease import Lease
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.projections import stored
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver
from execution.ledger.store import LedgerStore
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    accepted,
    account_opened,
    an_action,
    an_order,
    intended,
    plan_recorded,
)

SYMBOLS = st.sampled_from(["AAA", "BBB", "CCC"])
SIZES = st.integers(1, 50) | st.decimals("0.000000001", "50", places=9)
LEGS = st.sampled_from([("buy", "entry"), ("sell", "exit"), ("sell", "stop"), ("buy", "entry_2")])
KINDS = ("sent", "accepted", "refused", "unknown", "voided", "cancel", "given_up", "ended")


class LedgerMachine(RuleBasedStateMachine):
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._driver = SqliteDriver(":memory:", clock_seconds=lambda: self._seconds)
        self.memory, self.sqlite = MemoryLedger(lambda: self._seconds), SqlLedger(self._driver)
        self.executions = 0
        self._append(account_opened(), plan_recorded())

    def _append(self, *events: Event) -> None:
        """Append to both, and let both refuse alike."""
        self._both(self.memory, self.sqlite, events)

    def _both(self, memory: LedgerStore, sqlite: LedgerStore, events: Sequence[Event]) -> None:
        outcomes = []
        for ledger in (memory, sqlite):
            try:
                outcomes.append(str(ledger.record(lambda _: events)))
            except LedgerError as error:
                # Which store found it first differs for facts that exist once; that it is refused does not.
                outcomes.append("Fenced" if isinstance(error, Fenced) else "refused")
        assert outcomes[0] == outcomes[1]

    @rule(symbol=SYMBOLS, leg=LEGS, shares=SIZES)
    def intend(self, symbol: str, leg: tuple[str, str], shares: Shares) -> None:
        side, name = leg
        kind = name.partition("_")[0]
        order = an_order(symbol, side=side, leg=kind, quantity_shares=shares, client_order_id=f"t1{symbol}{side}{name}")
        self._append(intended(order, leg=name))

    @rule(data=st.data(), kind=st.sampled_from(KINDS))
    def happen(self, data: st.DataObject, kind: str) -> None:
        order = self._some_order(data)
        if order is None:
            return
        key, filled = order.client_order_id, self.memory.book().orders[order.client_order_id].filled_shares
        events: dict[str, Event] = {
            "sent": SubmissionStarted(
                at=AT, client_order_id=key, quantity_shares=order.quantity_shares, reserved_usd=Decimal("50.5")
            ),
            "accepted": accepted(order),
            "refused": OrderRefused(at=AT, client_order_id=key, reason="no"),
            "unknown": OutcomeUnknown(at=AT, client_order_id=key, reason="lost"),
            "voided": OrderVoided(at=AT, client_order_id=key, reason="late"),
            "cancel": CancelRequested(at=AT, client_order_id=key, reason="deadline"),
            "given_up": RepriceRequested(at=AT, client_order_id=key, next_order_id="t1next", reason="its time is over"),
            "ended": OrderEnded(at=AT, client_order_id=key, status="cancelled", filled_shares=filled, reason=""),
        }
        self._append(events[kind])

    @rule(data=st.data(), shares=SIZES, price=st.decimals("0.01", "99", places=4), again=st.booleans())
    def fill(self, data: st.DataObject, shares: Shares, price: Decimal, *, again: bool) -> None:
        order = self._some_order(data)
        if not again:
            self.executions += 1
        fill = a_fill(
            f"x{self.executions}",
            order.symbol if order else "AAA",
            side=order.side if order else "buy",
            client_order_id=order.client_order_id if order else "foreign",
            quantity_shares=shares,
            price_usd=price,
        )
        self._append(FillBooked(at=AT, fill=fill))

    @rule(symbol=SYMBOLS, cash=st.decimals("-5", "5", places=2))
    def pay(self, symbol: str, cash: Decimal) -> None:
        self.executions += 1
        self._append(CorporateActionBooked(at=AT, entry=an_action(f"c{self.executions}", symbol, cash_usd=cash)))

    @rule(kind=st.sampled_from(["submit", "settle", "halt", "note"]))
    def say(self, kind: str) -> None:
        told: dict[str, Event] = {
            "submit": SubmitFinished(at=AT, cycle_id=CYCLE, session=SESSION),
            "settle": SettleFinished(at=AT, cycle_id=CYCLE, session=SESSION),
            "halt": ControlChanged(at=AT, state="halted", actor="somebody", reason="test"),
            "note": AuditNoted(at=AT, topic="test", session=None, subject="subject", detail="detail"),
        }
        self._append(told[kind])

    @rule(symbol=SYMBOLS)
    def append_two_of_which_the_second_is_refused(self, symbol: str) -> None:
        note = AuditNoted(at=AT, topic="test", session=None, subject=symbol, detail="must not stay")
        self._append(note, plan_recorded())

    @rule(target=leases, holder=st.sampled_from(["one", "two"]), ttl=st.integers(1, 20))
    def take(self, holder: str, ttl: int) -> Lease | None:
        lease = self.memory.take_lease("act", holder=holder, ttl_seconds=ttl)
        assert self.sqlite.take_lease("act", holder=holder, ttl_seconds=ttl) == lease
        return lease

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        self._seconds += seconds

    @rule(lease=leases)
    def write_under_a_lease(self, lease: Lease | None) -> None:
        if lease is not None:
            note = AuditNoted(at=AT, topic="leased", session=None, subject=str(lease.token), detail="")
            self._both(self.memory.fenced(lease), self.sqlite.fenced(lease), [note])

    @rule(lease=consumes(leases))
    def give_back(self, lease: Lease | None) -> None:
        if lease is not None:
            self.memory.release_lease(lease)
            self.sqlite.release_lease(lease)

    @rule()
    def restart(self) -> None:
        self.sqlite = SqlLedger(self._driver)

    @rule()
    def rebuild(self) -> None:
        before = self._tables()
        self.sqlite.rebuild_projections()
        assert self._tables() == before

    @invariant()
    def both_say_the_same(self) -> None:
        assert self.memory.head() == self.sqlite.head()
        assert self.memory.book() == self.sqlite.book()

    @invariant()
    def indexes_hold_what_looking_through_all_orders_would_find(self) -> None:
        book = self.memory.book()
        assert book.unproven_orders == tuple(record for record in book.orders.values() if record.is_unproven)
        for cycle_id in book.cycles:
            of_cycle = tuple(record for record in book.orders.values() if record.cycle_id == cycle_id)
            assert book.orders_of(cycle_id) == of_cycle
        for symbol in ("AAA", "BBB", "CCC"):
            of_symbol = tuple(r for r in book.orders.values() if r.order.symbol == symbol)
            assert book.orders_in(symbol) == of_symbol == tuple(book.newest_in(symbol))[::-1]
        assert book.cycles_of(SESSION) == tuple(book.cycles.values())

    @invariant()
    def indexes_hold_what_looking_through_all_fills_would_find(self) -> None:
        book = self.memory.book()
        fills = tuple(book.fills.values())
        for symbol in ("AAA", "BBB", "CCC"):
            assert book.fills_in.get(symbol, ()) == tuple(one for one in fills if one.fill.symbol == symbol)
        assert (book.fills_since(AT), book.fills_since(AT + timedelta(microseconds=1))) == (fills, ())
        assert book.held_shares == {s: held.shares for s, held in sorted(book.positions.items()) if held.shares}
        # Nothing is in quarantine here, and nobody answered for a symbol.
        strange = {one.fill.symbol for one in fills if one.fill.client_order_id not in book.orders}
        assert book.foreign_symbols == strange

    def teardown(self) -> None:
        assert self.memory.verify_chain() == self.sqlite.verify_chain() == self.memory.head()
        assert self.memory.trading_hash() == self.sqlite.trading_hash()
        self.sqlite.verify_projections()
        before = self._tables()
        self.sqlite.rebuild_projections()
        assert self._tables() == before

    def _tables(self) -> dict[str, list[tuple[int | str | None, ...]]]:
        with self._driver.reading() as connection:
            return stored(connection)

    def _some_order(self, data: st.DataObject) -> OrderRequest | None:
        orders = [record.order for record in self.memory.book().orders.values()]
        return data.draw(st.sampled_from(orders)) if orders else None


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)

"""What each fact leaves in the tables that people and reports read."""

from decimal import Decimal

import pytest

from execution.domain.errors import IllegalTransition
from execution.domain.events import (
    AuditNoted,
    ControlChanged,
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderEnded,
    OutcomeUnknown,
    PlanApproved,
    PlanHeld,
    PlanMissed,
    ReleaseApproved,
    SettleFinished,
    SubmissionStarted,
    SubmitFinished,
)
from execution.ledger.sql_driver import Value
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_check,
    a_fill,
    accepted,
    account_opened,
    an_action,
    an_order,
    gate_judged,
    intended,
    plan_recorded,
)

ORDER = an_order()
ID = ORDER.client_order_id
SENT = SubmissionStarted(at=AT, client_order_id=ID, quantity_shares=8, reserved_usd=Decimal("408.00"))


@pytest.fixture
def ledger() -> SqlLedger:
    told = SqlLedger(SqliteDriver(":memory:"))
    told.append(account_opened(), plan_recorded(), intended(ORDER))
    return told


def rows(ledger: SqlLedger, query: str) -> list[tuple[Value, ...]]:
    with ledger.driver.reading() as connection:
        return connection.fetch(query)


def state_of_cycle(ledger: SqlLedger) -> Value:
    return rows(ledger, "select state from cycle")[0][0]


def test_a_cycle_goes_from_planned_to_settled(ledger: SqlLedger) -> None:
    acts: list[Event] = [
        PlanApproved(at=AT, cycle_id=CYCLE, plan_hash="p" * 64, approver="ann", reason="read it"),
        SubmitFinished(at=AT, cycle_id=CYCLE, session=SESSION),
        SettleFinished(at=AT, cycle_id=CYCLE, session=SESSION),
    ]
    seen = [state_of_cycle(ledger)]
    for act in acts:
        ledger.append(act)
        seen.append(state_of_cycle(ledger))
    assert seen == ["planned", "approved", "submitted", "settled"]
    assert rows(ledger, "select plan_hash, approver from approval") == [("p" * 64, "ann")]


def test_a_gate_is_told_check_by_check(ledger: SqlLedger) -> None:
    late = a_check("bars_late", subject="raw/news", passed=False, value="3 h", threshold="at most 2 h", reason="late")
    ledger.append(gate_judged(checks=(a_check(), late)))
    assert rows(ledger, "select * from gate order by line") == [
        (CYCLE, 1, "bars_present", "raw/daily_bars", "passed", "100 %", "at least 98 %", 4),
        (CYCLE, 2, "bars_late", "raw/news", "failed", "3 h", "at most 2 h", 4),
    ]
    assert rows(ledger, "select cycle_id, batch_hash from cycle") == [(CYCLE, "b" * 64)]
    ledger.verify_projections()


def test_a_plan_has_one_gate_for_ever(ledger: SqlLedger) -> None:
    ledger.append(gate_judged())
    with pytest.raises(IllegalTransition, match="is told already"):
        ledger.append(gate_judged())
    with pytest.raises(IllegalTransition, match="which has no plan"):
        ledger.append(gate_judged(cycle_id="nobody planned"))


def test_holds_and_missed_sessions_are_cycles_without_a_gate() -> None:
    ledger = SqlLedger(SqliteDriver(":memory:"))
    ledger.append(
        PlanHeld(
            at=AT, cycle_id="held", session=SESSION, plan_hash="h", batch_hash=None, limits_hash="l", reason="red gate"
        ),
        PlanMissed(at=AT, cycle_id="missed", session=SESSION, reason="nobody was there"),
        SettleFinished(at=AT, cycle_id="missed", session=SESSION),
    )
    assert rows(ledger, "select cycle_id, plan, plan_hash, state from cycle order by 1") == [
        ("held", "held", "h", "planned"),
        ("missed", "missed", None, "missed"),
    ]
    assert rows(ledger, "select * from gate") == []


def test_an_intent_follows_its_order(ledger: SqlLedger) -> None:
    query = "select state, quantity_shares, reserved_usd, filled_shares, broker_order_id from intent"
    assert rows(ledger, query) == [("intended", "10", "0", "0", None)]
    ledger.append(SENT, accepted(ORDER), FillBooked(at=AT, fill=a_fill(quantity_shares=8)))
    assert rows(ledger, query) == [("open", "8", "408", "8", "v-1")]
    ledger.append(OrderEnded(at=AT, client_order_id=ID, status="filled", filled_shares=8, reason=""))
    assert rows(ledger, query)[0][0] == "filled"


def test_a_day_reserves_what_may_be_spent_and_frees_it_when_the_end_is_proven(ledger: SqlLedger) -> None:
    query = "select session, reserved_usd, filled_usd, entries, realised_usd from risk_day"
    ledger.append(SENT)
    assert rows(ledger, query) == [("2024-03-06", "408", "0", 1, "0")]
    ledger.append(OutcomeUnknown(at=AT, client_order_id=ID, reason="lost"))
    assert rows(ledger, query)[0][1] == "408"
    ledger.append(accepted(ORDER), FillBooked(at=AT, fill=a_fill(quantity_shares=8)))
    ledger.append(OrderEnded(at=AT, client_order_id=ID, status="filled", filled_shares=8, reason=""))
    assert rows(ledger, query) == [("2024-03-06", "0", "400.8", 1, "0")]


def test_a_day_knows_what_was_earned_in_it(ledger: SqlLedger) -> None:
    ledger.append(CorporateActionBooked(at=AT, entry=an_action(cash_usd=Decimal("1.20"))))
    assert rows(ledger, "select session, realised_usd from risk_day") == [("2024-03-05", "1.2")]
    assert rows(ledger, "select entry_id, kind, cash_usd from corporate_action") == [("c1", "dividend", "1.2")]


def test_control_is_one_row_that_says_the_newest(ledger: SqlLedger) -> None:
    ledger.append(ControlChanged(at=AT, state="halted", actor="ann", reason="smoke"))
    ledger.append(ControlChanged(at=AT, state="active", actor="bob", reason="no fire"))
    assert rows(ledger, "select id, state, actor from control") == [(1, "active", "bob")]


def test_every_release_is_kept(ledger: SqlLedger) -> None:
    for model in ("m" * 64, None):
        ledger.append(
            ReleaseApproved(
                at=AT,
                release_id="r",
                code_hash="c",
                settings_hash="s",
                schema_version=2,
                model_hash=model,
                approver="auto",
            )
        )
    assert rows(ledger, "select model_hash, approver from release order by sequence") == [
        ("m" * 64, "auto"),
        (None, "auto"),
    ]


def test_the_audit_view_is_every_row_and_the_outbox_what_somebody_is_told(ledger: SqlLedger) -> None:
    ledger.append(
        SENT,
        OutcomeUnknown(at=AT, client_order_id=ID, reason='a "kind":"SettleFinished", in a text is no event'),
        AuditNoted(at=AT, topic="test", session=None, subject="subject", detail="detail"),
    )
    assert [row[0] for row in rows(ledger, "select sequence from audit order by 1")] == [1, 2, 3, 4, 5, 6]
    assert [row[0] for row in rows(ledger, "select sequence from outbox order by 1")] == [5, 6]

"""Keys are changed while orders go out: no session is missed, nothing goes out twice, the former keys end."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from execution.domain.errors import AccessDenied
from execution.session import run_session
from execution.session.run_session import Desk
from tests.builders.alpaca_days import AlpacaDays, alpaca_days
from tests.builders.http_venue import KEY_ID, SECRET_KEY
from tests.builders.trading_days import SESSIONS

ROTATIONS = 4


def with_key(told: AlpacaDays, secret_key: str) -> Desk:
    """Return a desk of a process that was started with another key; the day goes on with it."""
    told.changes["secret_key"] = secret_key
    return told.restarted()


def test_a_key_changed_each_day_while_orders_go_out_misses_no_session(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        former = SECRET_KEY
        for number, session in enumerate(SESSIONS[:ROTATIONS]):
            newer = f"rehearsal-secret-{number}"
            told.days.plan(session)
            before = told.days.morning(session)
            told.venue.keys.add((KEY_ID, newer))
            after = with_key(told, newer)
            with ThreadPoolExecutor(2) as pool:
                asked = [pool.submit(run_session.submit, desk, session=session) for desk in (before, after)]
            assert {each.result().status for each in asked} <= {"submitted", "already_submitted", "busy"}
            told.venue.keys.discard((KEY_ID, former))
            run_session.submit(after, session=session)
            told.days.cancel_rest(session)
            assert told.days.settle(session).status == "settled"
            former = newer
        assert len(told.accepted_ids) == len(set(told.accepted_ids)) > ROTATIONS
        told.assert_ledger_is_venue()


def test_keys_that_end_before_the_newer_ones_are_in_place_send_nothing_and_lose_nothing(tmp_path: Path) -> None:
    with alpaca_days(tmp_path) as told:
        told.days.plan()
        told.venue.keys.clear()
        with pytest.raises(AccessDenied):
            told.days.submit()
        assert told.venue.accepted == ()
        told.venue.keys.add((KEY_ID, "rehearsal-secret-newer"))
        run_session.submit(with_key(told, "rehearsal-secret-newer"), session=SESSIONS[0])
        told.days.cancel_rest()
        told.days.settle()
        assert told.days.desk.ledger.book().held_shares
        told.assert_ledger_is_venue()

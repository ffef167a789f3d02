"""An account of which the venue takes no order: known before anything is ended to make room for one, and told once."""

from datetime import date

from execution.session.desk import Desk
from execution.session.notes import note_once
from execution.session.reconcile import Reconciled


def block_told(desk: Desk, session: date, reconciled: Reconciled) -> str:
    """Return why nothing may be sent of the account, and note it once a session; empty when orders are taken."""
    if not reconciled.account.block:
        return ""
    reason = f"nothing is sent: {reconciled.account.block}"
    note_once(desk, topic="account_blocked", session=session, subject=desk.account, detail=reason)
    return reason

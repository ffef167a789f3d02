"""One trading session in three acts at three clock times.

`plan` in the evening of the decision session S, `submit` after the open of S+1, `settle` after its close; `cancel_rest`
between the last two, at the deadline of S's orders. Every act verifies the ledger's chain, makes the ledger agree with
the venue, and may be repeated any number of times by any number of processes: exactly-once lives in the ledger alone.
"""

from execution.session.approval import ApprovalReport, approve
from execution.session.desk import Desk
from execution.session.plan import PlanReport, plan
from execution.session.settle import SettleReport, settle
from execution.session.submit import SubmitReport, cancel_rest, submit

__all__ = [
    "ApprovalReport",
    "Desk",
    "PlanReport",
    "SettleReport",
    "SubmitReport",
    "approve",
    "cancel_rest",
    "plan",
    "settle",
    "submit",
]

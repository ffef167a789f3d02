"""One trading session in three acts at three clock times.

`plan` in the evening of the decision session S, `submit` after the open of S+1, `settle` after its close. Between the
last two, from the deadline of S's orders on: `cancel_rest`, and `watch` where the strategy has exit rules. Every act
verifies the ledger's chain, makes the ledger agree with the venue, and may be repeated any number of times by any
number of processes: exactly-once lives in the ledger alone.
"""

from execution.session.approval import ApprovalReport, approve
from execution.session.desk import Desk
from execution.session.plan import PlanReport, plan
from execution.session.settle import SettleReport, settle
from execution.session.submit import SubmitReport, cancel_rest, submit
from execution.session.watch import WatchReport, watch

__all__ = [
    "ApprovalReport",
    "Desk",
    "PlanReport",
    "SettleReport",
    "SubmitReport",
    "WatchReport",
    "approve",
    "cancel_rest",
    "plan",
    "settle",
    "submit",
    "watch",
]

"""Where a book's decisions begin: what lies before is history, which is neither planned nor missed."""

from collections.abc import Sequence
from datetime import date

from execution.domain.events import PlanMissed
from execution.ledger.book import Book


def first_decision(book: Book, judged: Sequence[date]) -> date:
    """Return the session a home's decisions begin with: the first judged one, until there is a plan.

    Sessions before the first plan that are judged later are history, filled in: nobody missed them, and a plan asked of
    one of them by hand, which came too late to be made, begins nothing.

    Args:
        book: the folded ledger.
        judged: the sessions analysis published something for, oldest first; at least one.
    """
    decided = (cycle.session for cycle in book.cycles.values() if not isinstance(cycle.plan, PlanMissed))
    return max(judged[0], min(decided, default=judged[0]))

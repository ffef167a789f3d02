"""One structured log line per fact, written at the edge of a run with the run's id and the decision it serves.

Pure modules stay silent; faces call this after the fact. What must never be lost stands in the ledger, not here.
"""

import structlog


def tell(event: str, *, run_id: str, decision_id: str, **facts: object) -> None:
    """Write one line.

    Args:
        event: what happened, past tense in snake case: `plan_made`.
        run_id: the orchestrator's id of the run.
        decision_id: what the fact belongs to: the decision session.
        facts: key and value pairs, plain values only; nothing secret.
    """
    structlog.get_logger("assets").info(event, run_id=run_id, decision_id=decision_id, **facts)

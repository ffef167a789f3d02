"""Figures and their intervals as text: where days are too few for an interval, the text says so in its place."""

from functools import partial
from typing import Final

from assets.ml.judgement import Estimate, HorizonJudgement, is_long_enough

TOO_SHORT: Final = "too short for an interval"


def with_interval(found: Estimate, form: str, *, days: int, block_sessions: int) -> str:
    """Return a figure with its interval, as far as so many days tell one.

    Args:
        found: the figure.
        form: format of its numbers, as `+.4f`.
        days: daily figures it is made of.
        block_sessions: sessions over which neighbouring ones hang together.
    """
    return f"{found.value:{form}} ({interval(found, form, days=days, block_sessions=block_sessions)})"


def interval(found: Estimate, form: str, *, days: int, block_sessions: int) -> str:
    """Return a figure's interval alone; arguments as in `with_interval`."""
    is_told = is_long_enough(days, block_sessions=block_sessions)
    return f"{found.low:{form}} to {found.high:{form}}" if is_told else TOO_SHORT


def horizon_row(one: HorizonJudgement) -> tuple[str, ...]:
    """Return the sessions of a horizon, the days judged, IC, rank IC and ICIR as text.

    The ratio stands alone on a card from before its interval was told.
    """
    told = partial(with_interval, days=one.days, block_sessions=one.horizon_sessions)
    ratio = one.rank_ic_ir_interval
    return (
        str(one.horizon_sessions),
        str(one.days),
        told(one.ic, "+.4f"),
        told(one.rank_ic, "+.4f"),
        f"{one.rank_ic_ir:+.2f}" if ratio is None else told(ratio, "+.2f"),
    )

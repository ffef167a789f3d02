"""Live judgement, drift and the hold-out as tables a person reads in the UI."""

from assets.ml.afterwards.looking_back import LookedBack
from assets.ml.hold_out import HoldOutJudgement
from assets.ml.judgement import Estimate

SHOWN_MOVED = 10


def live_facts(found: LookedBack) -> dict[str, str | int | float]:
    """Return what was judged and whether the champion goes on, for the asset's metadata."""
    live = found.live
    return {
        "range": f"{live.first} to {live.last}" if live.first else "no published session is over yet",
        "sessions": live.ranking.days,
        "entries": live.bought,
        "demoted": found.demoted or "none",
        "features_moved": len(found.drift.moved) if found.drift else 0,
    }


def live_pages(found: LookedBack) -> dict[str, str]:
    """Return tables on live scores and on drift, each Markdown, by name."""
    return {"live": live_table(found)} | ({} if found.drift is None else {"drift": drift_table(found)})


def live_table(found: LookedBack) -> str:
    """Return what published scores and real entries were worth as a Markdown table."""
    live = found.live
    bins = ", ".join(f"{one.promised:.3f} became {one.happened:.3f}" for one in live.calibration)
    return "\n".join(
        [
            "| measure | live |",
            "|---|---|",
            f"| IC, {live.ranking.days} sessions | {_told(live.ranking.ic, '+.4f')} |",
            f"| rank IC | {_told(live.ranking.rank_ic, '+.4f')} |",
            f"| hit rate | {_told(live.hit_rate, '.4f')} |",
            f"| probability to beat the market | {bins or 'none was promised'} |",
            f"| its mean error | {_told(live.calibration_error, '.4f')} |",
            f"| net return of {live.bought} entries, bps over the horizon | {_told(live.bought_net_bps, '+.1f')} |",
            f"| entries that beat the market | {_told(live.bought_hit_rate, '.4f')} |",
        ]
    )


def drift_table(found: LookedBack) -> str:
    """Return the stability of scores and of what moved most as a Markdown table; a sentence where it is unknown."""
    if found.drift is None:
        return "there is no champion"
    if found.unknown is not None:
        return f"drift is unknown: {found.unknown}"
    lines = ["| | stability index |", "|---|---|", f"| scores | {found.drift.scores:.3f} |"]
    shown = found.drift.moved[:SHOWN_MOVED]
    return "\n".join(lines + [f"| {name} | {found.drift.features[name]:.3f} |" for name in shown])


def hold_out_table(found: HoldOutJudgement) -> str:
    """Return what the sealed sessions said as a Markdown table."""
    opening, horizon = found.opening, found.label_horizon
    return "\n".join(
        [
            f"| {opening.first} to {opening.last}, {found.days} sessions, {opening.reason} | |",
            "|---|---|",
            f"| IC over {horizon.horizon_sessions} sessions | {_told(horizon.ic, '+.4f')} |",
            f"| rank IC | {_told(horizon.rank_ic, '+.4f')} |",
            f"| highest less lowest fifth, bps | {_told(found.spread_bps, '+.1f')} |",
            f"| hit rate | {_told(found.hit_rate, '.4f')} |",
        ]
    )


def _told(found: Estimate, form: str) -> str:
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"

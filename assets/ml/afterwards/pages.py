"""Live judgement, drift and the hold-out as tables a person reads in the UI."""

from functools import partial

from assets.ml.afterwards.looking_back import LookedBack
from assets.ml.hold_out import HoldOutJudgement
from assets.ml.judgement import CalibrationBin
from assets.ml.live_judgement import Outcomes
from assets.ml.told import with_interval

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
    """Return tables on live scores, what followed them and drift, each Markdown, by name."""
    told = {"live": live_table(found), "outcomes": outcomes_table(found)}
    return told | ({} if found.drift is None else {"drift": drift_table(found)})


def live_table(found: LookedBack) -> str:
    """Return what published scores and real entries were worth as a Markdown table."""
    live, horizon = found.live, found.live.ranking.horizon_sessions
    error_bought = live.calibration_error_bought
    scored = partial(with_interval, days=live.ranking.days, block_sessions=horizon)
    bought = partial(with_interval, days=live.bought_sessions, block_sessions=horizon)
    return "\n".join(
        [
            "| measure | live |",
            "|---|---|",
            f"| IC, {live.ranking.days} sessions | {scored(live.ranking.ic, '+.4f')} |",
            f"| rank IC | {scored(live.ranking.rank_ic, '+.4f')} |",
            f"| hit rate | {scored(live.hit_rate, '.4f')} |",
            f"| probability to beat the market | {_promises(live.calibration)} |",
            f"| its mean error | {scored(live.calibration_error, '.4f')} |",
            f"| the same of entries | {_promises(live.calibration_bought)} |",
            f"| its mean error | {bought(error_bought, '.4f') if error_bought else 'not told'} |",
            f"| net return of {live.bought} entries, bps over the horizon | {bought(live.bought_net_bps, '+.1f')} |",
            f"| entries that beat the market | {bought(live.bought_hit_rate, '.4f')} |",
        ]
    )


def outcomes_table(found: LookedBack) -> str:
    """Return what followed scores and entries over each horizon as a Markdown table."""
    lines = [
        "| sessions ahead | | sessions | names | IC | rank IC | hit rate | net, bps |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found.outcomes:
        for name, told in (("all scores; net of the best fifth", one.scored), ("entries bought", one.bought)):
            lines.append(f"| {one.horizon_sessions} | {name} | {' | '.join(_cells(told))} |")
    return "\n".join(lines)


def _cells(told: Outcomes) -> tuple[str, ...]:
    if not told.sessions:
        return ("0", "0", *["none is over"] * 4)
    ranked, horizon = told.ranking, told.ranking.horizon_sessions
    order = partial(with_interval, days=ranked.days, block_sessions=horizon)
    mean = partial(with_interval, days=told.sessions, block_sessions=horizon)
    # Entries of a session are ranked among themselves: one alone says nothing of order.
    orders = (order(ranked.ic, "+.4f"), order(ranked.rank_ic, "+.4f")) if ranked.days else ("one name a session",) * 2
    return (str(told.sessions), str(told.rows), *orders, mean(told.hit_rate, ".4f"), mean(told.net_bps, "+.1f"))


def _promises(bins: tuple[CalibrationBin, ...]) -> str:
    told = ", ".join(f"{one.promised:.3f} became {one.happened:.3f} ({one.rows})" for one in bins)
    return told or "none was promised"


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
    told = partial(with_interval, days=found.days, block_sessions=horizon.horizon_sessions)
    return "\n".join(
        [
            f"| {opening.first} to {opening.last}, {found.days} sessions, {opening.reason} | |",
            "|---|---|",
            f"| IC over {horizon.horizon_sessions} sessions | {told(horizon.ic, '+.4f')} |",
            f"| rank IC | {told(horizon.rank_ic, '+.4f')} |",
            f"| highest less lowest fifth, bps | {told(found.spread_bps, '+.1f')} |",
            f"| hit rate | {told(found.hit_rate, '.4f')} |",
        ]
    )

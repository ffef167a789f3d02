"""A model as one self-contained page and as a PDF: equal bytes for equal inputs, no clock, no outside resource.

On the first page stand how often something was tried and what that leaves of its Sharpe ratio, before anything that
could please. A market that was made, or symbols chosen because they survived, are said on every page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from assets.ml.dataset import Floats
from assets.ml.evidence import DailyRecord
from assets.ml.family_worth import family_rows
from assets.ml.forest_importance import most_important
from assets.ml.judgement import Estimate, HorizonJudgement, Judgement
from assets.ml.lived_facts import BAND_SESSIONS_MIN
from assets.ml.promotion import Promotion
from assets.ml.report_rendering import DrawnReport
from assets.ml.svg_charts import WIDTH, amounts_svg, growth_svg
from assets.ml.told import horizon_row, interval, with_interval
from assets.ml.train import ModelCard
from assets.ml.trials import Tried
from execution.artifact_files import write_by_hash
from execution.domain.errors import DataError

FOLDER: Final = "model_reports"
_HASH_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """What a report is made of.

    Attributes:
        model_hash: the model.
        card: its card, judged and with evidence.
        record: daily returns over the market of the model and of each rule.
        tried: its standing among all trials.
        verdict: whether it decides from now on, and why.
        band: (2, n_days) where growth of resampled days ends up, lower and upper; few days have none drawn.
        stamps: what must be said of the data on every page.
        importances: what a random forest's ranks lose without each feature, the most important first.
    """

    model_hash: str
    card: ModelCard
    record: DailyRecord
    tried: Tried
    verdict: Promotion
    band: Floats
    stamps: Sequence[str]
    importances: Mapping[str, Estimate] = field(default_factory=dict)


def drawn(report: ModelReport) -> DrawnReport:
    """Return the report, its charts drawn.

    Raises:
        DataError: the card was never judged.
    """
    return DrawnReport("model_report", _content(report))


def store_model_report(report: ModelReport, artifacts_root: Path) -> dict[str, str]:
    """Write page and PDF under the hashes of their content and return those, as an asset's metadata.

    Raises:
        DataError: the card was never judged.
    """
    folder, told = artifacts_root / FOLDER, drawn(report)
    return {
        "report_hash": write_by_hash(folder, told.html().encode(), suffix=".html"),
        "report_pdf_hash": write_by_hash(folder, told.pdf(), suffix=".pdf"),
    }


def _content(report: ModelReport) -> dict[str, Any]:
    card, judgement = report.card, report.card.judgement
    if judgement is None or card.evidence is None:
        raise DataError(f"model {report.model_hash} was never judged, expected judgement and evidence: train it again")
    # Blocks as in the evidence: what is held overlaps, and its entry is a session later.
    against = partial(with_interval, form="+.2f", block_sessions=card.horizon_sessions + 1)
    return {
        "title": f"Model {report.model_hash[:_HASH_SHOWN]}, learned from {card.train_first} to {card.train_last}",
        "verdict": report.verdict.reason,
        "is_promoted": report.verdict.is_promoted,
        "stamps": report.stamps,
        "identity": {
            "model": report.model_hash[:_HASH_SHOWN],
            "rows": card.dataset_hash[:_HASH_SHOWN],
            "code": card.code_hash[:_HASH_SHOWN],
            "taught up to": f"{card.trained_as_of:%Y-%m-%d %H:%M} UTC",
        },
        "tiles": _tiles(report, judgement),
        "charts": _charts(report, judgement),
        "has_band": _has_band(report),
        "band_sessions_min": BAND_SESSIONS_MIN,
        "conditions": [
            (one.name, f"{one.found:.4f}", one.asked, "met" if one.is_met else "not met")
            for one in report.verdict.conditions
        ],
        "horizons": [horizon_row(one) for one in judgement.horizons],
        "folds": [
            (
                f"{one.test_first} to {one.test_last}",
                f"{one.rank_ic:+.4f}",
                f"{one.rank_ic_ir:+.2f}",
                f"{one.rank_ic_t:+.1f}",
            )
            for one in card.folds
        ],
        "families": family_rows(card.families or {}, block_sessions=card.horizon_sessions),
        "groups": [(name, _told(one)) for name, one in {**judgement.by_regime, **judgement.by_sector}.items()],
        "calibration": [(f"{one.promised:.3f}", f"{one.happened:.3f}", str(one.rows)) for one in judgement.calibration],
        "rules": [
            (name, str(one.days), f"{one.net_bps:+.2f}", against(one.model_less_rule_bps, days=one.days))
            for name, one in sorted(card.evidence.rules.items())
        ],
        "dropped": len(card.dropped_features),
        "used": len(card.features),
        "turnover": f"{judgement.top_turnover:.0%}",
        "hit_rate": with_interval(
            judgement.hit_rate,
            "+.4f",
            days=_own_horizon(card, judgement).days,
            block_sessions=card.horizon_sessions,
        ),
    }


def _tiles(report: ModelReport, judgement: Judgement) -> list[tuple[str, str, str]]:
    own = _own_horizon(report.card, judgement)
    evidence, tried = report.card.evidence, report.tried
    trainings = "1 training" if tried.trials == 1 else f"{tried.trials} trainings"
    net = evidence.net_bps if evidence else Estimate(value=0.0, low=0.0, high=0.0)
    return [
        ("choices tried", str(tried.choices), f"in {trainings} and the backtests of this home"),
        ("deflated Sharpe", f"{tried.deflated_sharpe:.3f}", "probability of an edge after all choices"),
        ("overfitting", f"{tried.overfitting_probability:.2f}", "probability that the best choice fails elsewhere"),
        (
            f"rank IC, {own.horizon_sessions} session{'s' if own.horizon_sessions > 1 else ''}",
            f"{own.rank_ic.value:+.4f}",
            f"{interval(own.rank_ic, '+.4f', days=own.days, block_sessions=own.horizon_sessions)}, out of fold",
        ),
        ("over the market", f"{net.value:+.2f} bps", f"a day after costs, {net.low:+.2f} to {net.high:+.2f}"),
        ("turnover", f"{evidence.turnover if evidence else 0:.0%}", "of the money bought plus sold a day"),
    ]


def _own_horizon(card: ModelCard, judgement: Judgement) -> HorizonJudgement:
    """Return how the horizon that was taught was judged; of a card that was not, the first one judged on any day."""
    own = [one for one in judgement.horizons if one.horizon_sessions == card.horizon_sessions]
    return own[0] if own else next(one for one in judgement.horizons if one.days)


def _has_band(report: ModelReport) -> bool:
    return len(report.record.days) >= BAND_SESSIONS_MIN


def _charts(report: ModelReport, judgement: Judgement) -> dict[str, str]:
    record = report.record
    curves: dict[str, Floats] = {
        name: np.asarray(np.cumprod(1.0 + np.array(values)), dtype=np.float64)
        for name, values in {"model": record.model, **dict(sorted(record.rules.items()))}.items()
    }
    low, high = report.band if _has_band(report) else (curves["model"], curves["model"])
    fifths = {
        f"{place} of {len(judgement.quantile_returns_bps)}": value
        for place, value in enumerate(judgement.quantile_returns_bps, start=1)
    }
    charts = {
        "growth": growth_svg(record.days, curves, low=low, high=high, y_title="growth over the market"),
        "fifths": amounts_svg(fifths, x_title="net return over the horizon, bps", form=".0f"),
    }
    if report.importances:
        needed = most_important(report.importances)
        charts["importances"] = amounts_svg(needed, x_title="rank IC it loses without", form=".3f", width=WIDTH)
    return charts


def _told(found: Estimate, form: str = "+.4f") -> str:
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"

"""Learning and scoring as tables and charts a person reads in the UI. Nothing here decides anything."""

from typing import Final

from assets.charts import bars, histogram, png_markdown
from assets.ml.dataset import TrainingSet
from assets.ml.family_worth import family_table
from assets.ml.judgement import Estimate, Judgement
from assets.ml.promotion import Promotion
from assets.ml.scores import SessionScores
from assets.ml.scoring import Scored
from assets.ml.told import horizon_row
from assets.ml.train import ModelCard
from execution.domain.signals import SignalBatch

Facts = dict[str, str | int | float]

SHOWN_SCORES: Final = 5
SHOWN_CONTRIBUTIONS: Final = 3


def fold_table(card: ModelCard) -> str:
    """Return one line per walk-forward fold as a Markdown table."""
    lines = [
        "| test | rows | IC | rank IC | ICIR | t | hit rate | coverage |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {fold.test_first} to {fold.test_last} | {fold.test_rows} | {fold.ic:+.4f} | {fold.rank_ic:+.4f} "
        f"| {fold.rank_ic_ir:+.2f} | {fold.rank_ic_t:+.2f} | {fold.hit_rate:.3f} | {fold.coverage:.3f} |"
        for fold in card.folds
    ]
    return "\n".join(lines)


def rank_ic_chart(card: ModelCard) -> str:
    """Return the rank IC of each fold as a chart in Markdown."""
    amounts = {f"{fold.test_first} to {fold.test_last}": fold.rank_ic for fold in card.folds}
    return png_markdown(bars(amounts, title="Rank IC out of fold", y_title="rank IC"), title="rank IC by fold")


def horizon_table(judgement: Judgement) -> str:
    """Return what scores were worth over each horizon as a Markdown table; read downwards it is their decay."""
    lines = ["| sessions | days | IC | rank IC | ICIR |", "|---|---|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(horizon_row(one))} |" for one in judgement.horizons])


def group_table(judgement: Judgement) -> str:
    """Return the rank IC by regime and by sector as a Markdown table; a sentence when neither is."""
    groups = {**judgement.by_regime, **judgement.by_sector}
    if not groups:
        return "no regime and no sector is known on days enough for an interval"
    lines = ["| days or names | rank IC |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {_told(found, '+.4f')} |" for name, found in groups.items()])


def worth_table(judgement: Judgement) -> str:
    """Return fifths, spread, turnover, hit rate and calibration as a Markdown table."""
    fifths = ", ".join(_told(fifth, "+.1f") for fifth in judgement.fifths_bps) or ", ".join(
        f"{value:+.1f}" for value in judgement.quantile_returns_bps
    )
    turnover = f"{judgement.top_turnover:.1%}" if judgement.turnover is None else _told(judgement.turnover, ".1%")
    interval = judgement.calibration_error_interval
    error = f"{judgement.calibration_error:.4f}" if interval is None else _told(interval, ".4f")
    bins = ", ".join(f"{one.promised:.3f} became {one.happened:.3f}" for one in judgement.calibration)
    lines = [
        "| measure | out of fold |",
        "|---|---|",
        f"| net return of each fifth, bps, lowest scores first | {fifths} |",
        f"| highest less lowest fifth, bps | {_told(judgement.spread_bps, '+.1f')} |",
        f"| names new in the highest fifth, a day | {turnover} |",
        f"| hit rate | {_told(judgement.hit_rate, '.4f')} |",
        f"| probability to beat the market, last fold | {bins} |",
        f"| its mean error | {error} |",
    ]
    if judgement.coverage is not None:
        lines.append(f"| names with enough features, a day | {_told(judgement.coverage, '.1%')} |")
    return "\n".join(lines)


def _told(found: Estimate, form: str) -> str:
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"


def dropped_table(card: ModelCard) -> str:
    """Return the features that were offered and not used as a Markdown table; a sentence when there are none."""
    if not card.dropped_features:
        return "every feature offered was used"
    lines = ["| feature | why it was not used |", "|---|---|"]
    lines += [f"| {name} | {reason} |" for name, reason in card.dropped_features.items()]
    return "\n".join(lines)


def return_chart(training_set: TrainingSet) -> str:
    """Return the distribution of net forward returns, in percent, as a chart in Markdown."""
    percent = (training_set.net_return * 100.0).clip(-20.0, 20.0)
    title = f"Return over {training_set.horizon_sessions} sessions, net of the market"
    return png_markdown(histogram(percent.tolist(), title=title, x_title="percent, cut at 20"), title="labels")


def score_chart(scores: SessionScores) -> str:
    """Return the distribution of a session's scores as a chart in Markdown."""
    values = [score.score for score in scores.scores if score.score is not None]
    chart = histogram(values, title=f"Scores of {scores.session} by {scores.source}", x_title="score")
    return png_markdown(chart, title="score distribution")


def best_and_worst(scores: SessionScores, *, shown: int = SHOWN_SCORES) -> str:
    """Return the best and the worst names with what moved them as a Markdown table.

    Args:
        scores: a session's scores.
        shown: how many of each end.
    """
    ranked = scores.scored
    ends = ranked[:shown] + tuple(score for score in ranked[-shown:] if score not in ranked[:shown])
    lines = ["| symbol | score | probability up | expected, bps | moved most by |", "|---|---|---|---|---|"]
    for score in ends:
        largest = sorted(score.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))[:SHOWN_CONTRIBUTIONS]
        moved = ", ".join(f"{name} {amount:+.4f}" for name, amount in largest)
        probability = "" if score.probability_up is None else f"{score.probability_up:.3f}"
        expected = "" if score.expected_return_bps is None else f"{score.expected_return_bps:+.1f}"
        lines.append(f"| {score.symbol} | {score.score:+.4f} | {probability} | {expected} | {moved} |")
    return "\n".join(lines)


def missing_table(scores: SessionScores) -> str:
    """Return how many members have no score, by reason, as a Markdown table; a sentence when all have one."""
    reasons: dict[str, int] = {}
    for score in scores.scores:
        if score.missing_reason is not None:
            reasons[score.missing_reason] = reasons.get(score.missing_reason, 0) + 1
    if not reasons:
        return "every member was scored"
    lines = ["| members | why they have no score |", "|---|---|"]
    return "\n".join(lines + [f"| {count} | {reason} |" for reason, count in sorted(reasons.items())])


def training_set_facts(training_set: TrainingSet, *, dataset_hash: str) -> Facts:
    """Return what a training set is, for its asset's metadata."""
    days = training_set.days
    return {
        "rows": len(training_set.label),
        "sessions": len(days),
        "symbols": len(set(training_set.symbols.tolist())),
        "features": len(training_set.feature_names),
        "range": f"{days[0]} to {days[-1]}",
        "cut_off": str(training_set.cut_off),
        "dataset_hash": dataset_hash,
    }


def model_facts(card: ModelCard, *, model_hash: str, verdict: Promotion) -> Facts:
    """Return what a model is and whether it decides from now on, for its asset's metadata."""
    return {
        "model_hash": model_hash,
        "dataset_hash": card.dataset_hash,
        "rows": card.train_rows,
        "range": f"{card.train_first} to {card.train_last}",
        "trained_as_of": card.trained_as_of.isoformat(),
        "features": len(card.features),
        "rank_ic": card.rank_ic,
        "verdict": "promoted" if verdict.is_promoted else "champion kept",
        "why": verdict.reason,
        "data": "synthetic" if card.is_synthetic else "observed",
    }


def model_pages(card: ModelCard) -> dict[str, str]:
    """Return a model's tables and charts, each Markdown, by name."""
    pages = {"folds": fold_table(card), "rank_ic_by_fold": rank_ic_chart(card), "not_used": dropped_table(card)}
    if card.families is not None:
        pages["families"] = family_table(card.families, block_sessions=card.horizon_sessions)
    if card.judgement is None:
        return pages
    return pages | {
        "horizons": horizon_table(card.judgement),
        "worth": worth_table(card.judgement),
        "by_regime_and_sector": group_table(card.judgement),
    }


def scoring_facts(scored: Scored) -> Facts:
    """Return who scored a session, why and how many, for its asset's metadata."""
    note = scored.note
    facts: Facts = {"decision": note.source, "why": note.reason, "features_hash": note.features_hash}
    if scored.scores is not None:
        facts |= {"rows": len(scored.scores.scores), "scored": len(scored.scores.scored)}
    return facts | {
        name: value for name, value in (("model_hash", note.model_hash), ("scores_hash", note.scores_hash)) if value
    }


def score_pages(scores: SessionScores | None) -> dict[str, str]:
    """Return a session's tables and chart, each Markdown, by name; none while it is on hold."""
    if scores is None:
        return {}
    return {
        "best_and_worst": best_and_worst(scores),
        "score_distribution": score_chart(scores),
        "without_score": missing_table(scores),
    }


def batch_facts(batch: SignalBatch, *, batch_hash: str) -> Facts:
    """Return what a published batch is, for its asset's metadata."""
    return {
        "published": batch_hash,
        "rows": len(batch.signals),
        "scored": sum(1 for signal in batch.signals if signal.score is not None),
        "decision": batch.decision_source,
        "why": batch.decision_reason,
        "model_hash": batch.model_hash or "none",
        "features_hash": batch.features_hash,
        "certificate_hash": batch.certificate.hash,
        "regime": batch.regime or "unknown",
        "data": "synthetic" if batch.is_synthetic else "observed",
    }

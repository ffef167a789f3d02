"""A challenger's conditions and evidence as tables a person reads in the UI."""

from collections.abc import Sequence

from assets.ml.evidence import Evidence
from assets.ml.model_registry import Condition
from assets.ml.train import ModelCard
from assets.ml.trials import Tried


def condition_table(conditions: Sequence[Condition]) -> str:
    """Return every condition with what was found as a Markdown table; a sentence when none was told."""
    if not conditions:
        return "it was promoted before conditions were told"
    lines = ["| condition | found | asked | |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.found:.4f} | {one.asked} | {'met' if one.is_met else 'not met'} |" for one in conditions
    ]
    return "\n".join(lines)


def tried_facts(tried: Tried) -> dict[str, int | float]:
    """Return a training's standing among all others, for its asset's metadata."""
    return {
        "trials": tried.trials,
        "choices_tried": tried.choices,
        "deflated_sharpe": tried.deflated_sharpe,
        "overfitting_probability": tried.overfitting_probability,
        "superiority_p": tried.superiority_p,
    }


def evidence_pages(card: ModelCard) -> dict[str, str]:
    """Return the page on rules and luck, Markdown, by name; none on a card without evidence."""
    return {} if card.evidence is None else {"beside_rules_and_luck": evidence_table(card.evidence)}


def evidence_table(evidence: Evidence) -> str:
    """Return what holding the best fifth earned beside rules and luck as a Markdown table."""
    net = evidence.net_bps
    interval = f"{net.value:+.2f} ({net.low:+.2f} to {net.high:+.2f})"
    paths = [f"{path:+.2f}" for path in evidence.path_net_bps]
    lines = [
        "| held over the market, bps a day after costs | |",
        "|---|---|",
        f"| model, {evidence.days} days, mean of {len(paths)} paths | {interval} |",
        f"| each of its paths | {', '.join(paths)} |",
        f"| bought and sold a day | {evidence.turnover:.1%} |",
        f"| random portfolios beaten | {evidence.luck_quantile:.1%} |",
    ]
    for name, rule in sorted(evidence.rules.items()):
        over = rule.model_less_rule_bps
        lines.append(
            f"| {name}, {rule.days} days | {rule.net_bps:+.2f}; model less rule {over.value:+.2f} "
            f"({over.low:+.2f} to {over.high:+.2f}) |"
        )
    return "\n".join(lines)

"""A search as a table and as the lines a person may write into the settings."""

from assets.ml.tuning.search import Searched, told


def search_table(found: Searched, *, shown: int = 10) -> str:
    """Return the best choices as a Markdown table, the best first."""
    ranked = sorted(found.tried, key=lambda one: -one.rank_ic)[:shown]
    lines = ["| rank IC | net bps a day | settings | model |", "|---|---|---|---|"]
    lines += [
        f"| {one.rank_ic:+.4f} | {one.net_bps:+.2f} | {told(one.settings)} | {one.model_hash[:12]} |" for one in ranked
    ]
    return "\n".join(lines)


def settings_lines(found: Searched) -> str:
    """Return the best choice as lines of a settings file."""
    return "\n".join(["learning:", *(f"  {name}: {value!r}" for name, value in found.best.settings.items())])


def search_facts(found: Searched) -> dict[str, str | int | float]:
    """Return what was searched, for the asset's metadata."""
    return {
        "choices_tried": len(found.tried),
        "choices_ever_tried": found.choices,
        "dataset_hash": found.dataset_hash,
        "best_rank_ic": found.best.rank_ic,
        "first_rank_ic": found.tried[0].rank_ic,
        "best_model_hash": found.best.model_hash,
    }

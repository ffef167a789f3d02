"""What the feature assets tell people: rows, sessions, coverage per family, hashes. Pure readings of the warehouse."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import pyarrow as pa

from assets.charts import png_markdown, shares
from assets.feature_catalogue import FEATURES
from assets.features.dbt_bridge import NodeResult
from assets.features.dbt_manifest import DbtModel
from assets.features.written import Written
from assets.judged_rows import judged_features_hash
from assets.warehouse import Warehouse

Facts = Mapping[str, int | float | str]

SHOWN_SCARCE: Final = 10
_FAMILY_OF: Final[Mapping[str, str]] = {feature.name: feature.family for feature in FEATURES}

# Each by itself follows from what is known of a table's blocks; asked for together they read every row.
_COUNTS: Final = """
select
    (select count(*) from {name}),
    (select count(*) from {name} where session = ?),
    (select min(session)::varchar from {name}),
    (select max(session)::varchar from {name})
"""


def model_facts(warehouse: Warehouse, models: Sequence[DbtModel], session: date) -> Mapping[str, Facts]:
    """Return per model name its rows, and for models by session the rows and the range of sessions they hold."""
    found: dict[str, Facts] = {}
    with warehouse.connect(read_only=True) as connection:
        has_session = {
            f"{schema}.{table}"
            for schema, table in connection.execute(
                "select table_schema, table_name from information_schema.columns where column_name = 'session'"
            ).fetchall()
        }
        for model in models:
            name = f"{model.schema}.{model.name}"
            if name in has_session:
                row = connection.execute(_COUNTS.format(name=name), (session,)).fetchone()
                rows, of_session, first, last = row or (0, 0, None, None)
                found[model.name] = {"rows": rows, "session_rows": of_session, "sessions": f"{first} to {last}"}
            else:
                row = connection.execute(f"select count(*) from {name}").fetchone()  # noqa: S608 - names of the manifest
                found[model.name] = {"rows": 0 if row is None else int(row[0])}
    return found


def feature_facts(judged: Mapping[str, pa.Table]) -> Facts:
    """Return the hash that names a session's judged rows, and per family the share of values that are present."""
    rows = judged["fct_features"]
    coverage = {f"coverage_{family}": round(share, 4) for family, share in family_coverage(rows).items()}
    return {"features_hash": judged_features_hash(judged), "features": len(_feature_names(rows)), **coverage}


def coverage_pages(rows: pa.Table, session: date) -> dict[str, str]:
    """Return which features a session has, each as Markdown: families as a chart, the scarcest features as a table."""
    worst_first = sorted(family_coverage(rows).items(), key=lambda told: told[1])
    chart = shares(dict(worst_first), title=f"Values present on {session}, {rows.num_rows} symbols")
    return {"coverage_chart": png_markdown(chart, title="feature coverage"), "scarcest_features": scarcest_table(rows)}


def family_coverage(rows: pa.Table) -> dict[str, float]:
    """Return per family the share of its values that are present, over all symbols; nothing is present in no row."""
    present: dict[str, list[int]] = {}
    for name in _feature_names(rows):
        present.setdefault(_FAMILY_OF.get(name, "library"), []).append(rows.num_rows - rows.column(name).null_count)
    return {
        family: sum(counts) / (len(counts) * rows.num_rows) if rows.num_rows else 0.0
        for family, counts in present.items()
    }


def scarcest_table(rows: pa.Table, *, shown: int = SHOWN_SCARCE) -> str:
    """Return the features that fewest symbols have as a Markdown table; a sentence when every symbol has them all."""
    present = {name: rows.num_rows - rows.column(name).null_count for name in _feature_names(rows)}
    scarce = sorted((count, name) for name, count in present.items() if count < rows.num_rows)
    if not scarce:
        return "Every symbol has every feature." if rows.num_rows else "No symbol has a row."
    lines = ["| feature | family | symbols that have it |", "|---|---|--:|"]
    lines += [
        f"| {name} | {_FAMILY_OF.get(name, 'library')} | {count} of {rows.num_rows} |" for count, name in scarce[:shown]
    ]
    rest = f"\n\nand {len(scarce) - shown} more that some symbols lack" if len(scarce) > shown else ""
    return "\n".join(lines) + rest


def _feature_names(rows: pa.Table) -> list[str]:
    return [name for name in rows.column_names if name not in {"session", "symbol"}]


def written_facts(written: Written) -> Facts:
    """Return what a step stored, in numbers and names."""
    first, last = written.sessions[0], written.sessions[-1]
    return {
        "rows": written.rows,
        "session_rows": written.rows_of_session,
        "sessions": f"{len(written.sessions)}: {first} to {last}",
        "newest_part": written.parts[-1],
    }


def slow_models(built: Sequence[DbtModel], results: Mapping[str, NodeResult], *, most_seconds: float) -> str:
    """Return one line per model that took longer than it may, the slowest first; empty when none did."""
    taken = sorted(((results[model.unique_id].seconds, model.name) for model in built), reverse=True)
    return "\n".join(
        f"{name} took {seconds:.1f} s, {most_seconds:g} s are allowed (features.slow_model_seconds)"
        for seconds, name in taken
        if seconds > most_seconds
    )


def refusals(results: Sequence[NodeResult]) -> str:
    """Return one line per node that did not do what it should; empty when all did."""
    return "\n".join(
        f"{result.unique_id}: {result.status}{f', {result.failures} rows' if result.failures else ''}"
        f"{f' ({result.message})' if result.message else ''}"
        for result in results
        if not result.is_good
    )

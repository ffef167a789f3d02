"""Verdicts as a person reads them: Markdown tables and short metadata, no orchestrator."""

from collections.abc import Sequence

from assets.quality.verdicts import Report, Row
from execution.domain.provenance import GateCertificate

_LONGEST_CELL = 160


def markdown_table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table with the columns of the first row; `none` when there are no rows."""
    if not rows:
        return "none"
    columns = list(rows[0])
    lines = [_line(columns), _line(["---"] * len(columns))]
    lines += [_line([_cell(str(row.get(column, ""))) for column in columns]) for row in rows]
    return "\n".join(lines)


def verdict_table(report: Report) -> str:
    """Return every verdict of one check as a Markdown table."""
    return markdown_table(
        [
            {
                "verdict": "passed" if verdict.passed else "FAILED",
                "of": verdict.detail or report.name,
                "found": verdict.value,
                "demanded": verdict.threshold,
                "reason": verdict.reason,
            }
            for verdict in report.verdicts
        ]
    )


def certificate_table(certificate: GateCertificate) -> str:
    """Return every verdict of a certificate as a Markdown table, failures first."""
    ordered = sorted(certificate.checks, key=lambda check: check.passed)
    return markdown_table(
        [
            {
                "verdict": "passed" if check.passed else "FAILED",
                "check": check.name,
                "subject": check.subject,
                "found": check.value,
                "demanded": check.threshold,
                "reason": check.reason,
            }
            for check in ordered
        ]
    )


def excluded_table(excluded: Sequence[tuple[str, str]]) -> str:
    """Return the symbols left out, each with its reason, as a Markdown table."""
    return markdown_table([{"symbol": symbol, "reason": reason} for symbol, reason in excluded])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(text: str) -> str:
    shortened = text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 3] + "..."
    return shortened.replace("|", "\\|").replace("\n", " ")

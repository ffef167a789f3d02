"""The page on disk, and what the UI shows of it: file, hash, the day's chart and what was traded."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Final

from assets.charts import line, png_markdown
from assets.reporting import page_words
from assets.reporting.day import Day
from execution.artifact_files import write_atomically

SHOWN_TRADES: Final = 40


def write_page(reports_root: Path, session: date, page: str) -> Path:
    """Write a session's page atomically and return its path; a newer page of the session replaces the older."""
    path = reports_root / f"{session.isoformat()}.html"
    write_atomically(path, page.encode("utf-8"))
    return path


def describe(day: Day, page: Path) -> dict[str, str | int]:
    """Return what the UI shows of a day: the page's hash, the equity chart and the trades as Markdown."""
    account = day.account
    return {
        "hash": hashlib.sha256(page.read_bytes()).hexdigest(),
        "export_hash": day.export_hash,
        "gate": "no gate ran" if day.certificate is None else ("green" if day.certificate.is_green else "red"),
        "orders_sent": sum(1 for cost in day.costs if not cost.is_resting_stop),
        "positions": len(day.positions),
        "equity_usd": page_words.usd(account.equity_usd if account else None),
        "unexplained_usd": page_words.usd(day.unexplained_usd),
        "equity_chart": equity_markdown(day),
        "traded": traded_markdown(day),
    }


def equity_markdown(day: Day) -> str:
    """Return the account's value at each close as a Markdown image of at most 60 kB."""
    points = {point.session.isoformat(): float(point.equity_usd) for point in day.equity}
    return png_markdown(line(points, title="Equity at the close", y_title="USD"), title=f"equity to {day.session}")


def traded_markdown(day: Day) -> str:
    """Return what was traded as a Markdown table; one sentence when nothing was."""
    sent = [cost for cost in day.costs if not cost.is_resting_stop]
    if not sent:
        return "Nothing was traded."
    rows = [
        f"| {cost.side} | {_cell(cost.symbol)} | {cost.filled_shares} of {cost.ordered_shares} "
        f"| {page_words.price(cost.average_fill_usd)} | {page_words.bps(cost.slippage_to_close_bps)} |"
        for cost in sent[:SHOWN_TRADES]
    ]
    rest = f"\n\nand {len(sent) - SHOWN_TRADES} more in the page" if len(sent) > SHOWN_TRADES else ""
    return "\n".join(["| side | symbol | shares | fill, USD | bp vs close |", "|---|---|--:|--:|--:|", *rows]) + rest


def _cell(text: str) -> str:
    # A bar would end the cell, a bracket could begin a link: symbols come from files of the user's.
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in text)

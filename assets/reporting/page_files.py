"""The page on disk, and what the UI shows of it: file, hash, the day's chart and what was traded."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from assets.charts import bars, png_markdown
from assets.reporting import page_words
from assets.reporting.day import Day
from assets.reporting.inline_svg import sparkline_svg
from execution.artifact_files import write_atomically

SHOWN_TRADES: Final = 40
FEW_SESSIONS: Final = 12
_INLINE_CHARACTERS: Final = 1_000
"""The UI draws Markdown shorter than this in place and hides longer text behind a click."""


def write_page(reports_root: Path, session: date, page: str) -> Path:
    """Write a session's page atomically and return its path; a newer page of the session replaces the older."""
    path = reports_root / f"{session.isoformat()}.html"
    write_atomically(path, page.encode("utf-8"))
    return path


def described(day: Day, page: Path) -> dict[str, str | int | float]:
    """Return what the UI shows of a day as plain values: the page's hash, the gate's verdict, counts and equity.

    No equity where the account was not valued at the close. Money is a number, which the UI draws over the sessions,
    and a picture only: the report and the ledger have it as Decimal.
    """
    equity = {} if day.account is None else {"equity_usd": float(day.account.equity_usd)}
    return {
        "hash": hashlib.sha256(page.read_bytes()).hexdigest(),
        "export_hash": day.export_hash,
        "gate": "no gate ran" if day.certificate is None else ("green" if day.certificate.is_green else "red"),
        "orders_sent": sum(1 for cost in day.costs if not cost.is_resting_stop),
        "positions": len(day.positions),
        **equity,
        "unexplained_usd": float(day.unexplained_usd),
    }


def drawn(day: Day) -> dict[str, str]:
    """Return what the UI draws of a day as Markdown: a small curve in place, the whole charts, and the trades."""
    charts = {"equity": sparkline_markdown(day), "equity_chart": equity_markdown(day)}
    if traded := traded_usd(day):
        charts["traded_chart"] = traded_chart_markdown(traded, day.traded_session)
    return {**charts, "traded": traded_markdown(day)}


def sparkline_markdown(day: Day) -> str:
    """Return the account's newest values as a Markdown image short enough to be drawn in place."""
    drawing = sparkline_svg([point.equity_usd for point in day.equity])
    image = base64.b64encode(drawing.encode("ascii")).decode("ascii")
    markdown = f"![equity to {day.traded_session}](data:image/svg+xml;base64,{image})"
    if len(markdown) >= _INLINE_CHARACTERS:
        raise ValueError(
            f"the curve has {len(markdown)} characters, fewer than {_INLINE_CHARACTERS} are drawn in place"
        )
    return markdown


def equity_markdown(day: Day) -> str:
    """Return the account's value at each close as a Markdown image of at most 60 kB."""
    import altair as alt  # noqa: PLC0415 - definitions import this module; the library loads when a chart is drawn

    rows = [{"day": point.session.isoformat(), "usd": float(point.equity_usd)} for point in day.equity]
    # A time axis over a few days fills the gaps with hours, in which nothing is ever marked.
    axis = alt.X("day:O", title=None) if len(rows) <= FEW_SESSIONS else alt.X("day:T", title=None)
    chart = alt.Chart(alt.InlineData(values=rows), title="Equity at the close").mark_line(
        point=len(rows) <= FEW_SESSIONS
    )
    drawing = chart.encode(x=axis, y=alt.Y("usd:Q", title="USD", scale=alt.Scale(zero=False)))
    return png_markdown(drawing.properties(width=420, height=160), title=f"equity to {day.traded_session}")


def traded_usd(day: Day) -> dict[str, float]:
    """Return dollars bought less dollars sold by symbol, bought first, of the symbols of which something was filled.

    The largest `SHOWN_TRADES` stay, whichever their side.
    """
    net: dict[str, Decimal] = {}
    for cost in day.costs:
        if cost.average_fill_usd is not None:
            value_usd = cost.filled_shares * cost.average_fill_usd
            net[cost.symbol] = net.get(cost.symbol, Decimal(0)) + (value_usd if cost.side == "buy" else -value_usd)
    largest = sorted(net.items(), key=lambda traded: (-abs(traded[1]), traded[0]))[:SHOWN_TRADES]
    return {symbol: float(usd) for symbol, usd in sorted(largest, key=lambda traded: (-traded[1], traded[0]))}


def traded_chart_markdown(traded: Mapping[str, float], session: date) -> str:
    """Return what was traded, in dollars by symbol, as a Markdown image of at most 60 kB; sales hang below zero."""
    chart = bars(traded, title=f"Traded on {session}", y_title="USD bought, less sold")
    return png_markdown(chart, title=f"traded on {session}")


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

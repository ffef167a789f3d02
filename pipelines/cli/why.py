"""`touchstone why`: what happened to one symbol in one session, which stage said so, and what it looked at."""

from collections.abc import Iterator
from datetime import date

from execution.domain.decisions import WhyRow
from execution.domain.errors import DataError, SettingsRefused
from execution.ledger.book import Book, CycleRecord
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.ledger.why_rows import read_why_rows
from pipelines.cli.ledger_pages import usd
from pipelines.cli.text_table import text_table
from pipelines.home import Home

MOST_CONTRIBUTIONS = 6


def why_page(home: Home, symbol: str, session: date | None) -> str:
    """Return the story of one symbol in one decision session, from the hashed artifact the ledger names.

    Args:
        home: the home to look into.
        symbol: exchange symbol.
        session: decision session; None for the newest that has why-rows.

    Raises:
        SettingsRefused: there is no ledger, or it has no such session.
        DataError: the session has no row for the symbol, or the artifact is not what the ledger names.
    """
    if not home.ledger.exists():
        raise SettingsRefused(f"there is no ledger at {home.ledger}; run `make demo` first")
    book = SqliteLedger(home.ledger).book()
    cycle = _cycle(book, session)
    recorded = cycle.why_rows[-1]
    rows = read_why_rows(home.artifacts, recorded.artifact_hash)
    row = next((row for row in rows if row.symbol == symbol), None)
    if row is None:
        near = ", ".join(row.symbol for row in rows if row.symbol.startswith(symbol[:1]))[:60]
        raise DataError(
            f"{symbol} was not in the universe of {cycle.session}: {len(rows)} symbols were (near it: {near or 'none'})"
        )
    return "\n".join([*_story(row, recorded.stage), *_orders(row, book), *_origin(row, recorded.artifact_hash)])


def _cycle(book: Book, session: date | None) -> CycleRecord:
    told = [cycle for cycle in book.cycles.values() if cycle.why_rows and session in (None, cycle.session)]
    if not told:
        known = ", ".join(str(cycle.session) for cycle in list(book.cycles.values())[-5:] if cycle.why_rows)
        raise SettingsRefused(
            f"no why-rows for {session or 'any session'}; the newest sessions that have some: {known or 'none'}"
        )
    return max(told, key=lambda cycle: cycle.session)


def _story(row: WhyRow, stage: str) -> Iterator[str]:
    moment = "after the fills" if stage == "settle" else "as planned"
    yield f"{row.symbol} on {row.session}, {moment}: {row.outcome.upper().replace('_', ' ')}"
    yield f"  because  {row.reason}  [{row.stage}]"
    if row.not_filled_reason:
        yield f"  unfilled {row.not_filled_reason}"
    seen = {
        "score": row.score,
        "expected return bps": row.expected_return_bps,
        "probability up": row.probability_up,
        "decided by": row.decision_source,
        "close usd": row.close_usd,
        "atr14 usd": row.atr14_usd,
        "sector": row.sector,
        "regime": row.regime,
        "vix": row.vix,
        "target weight": row.target_weight,
        "held shares before": row.held_shares,
    }
    yield "  seen     " + ", ".join(f"{name} {_shown(value)}" for name, value in seen.items() if value is not None)
    for check in row.checks:
        yield f"  check    {check}"
    if row.contributions:
        yield ""
        strongest = sorted(row.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))[:MOST_CONTRIBUTIONS]
        yield text_table(
            ("feature", "value", "pushed the score by"),
            [(name, _shown(row.features.get(name)), f"{pushed:+.4f}") for name, pushed in strongest],
        )


def _orders(row: WhyRow, book: Book) -> Iterator[str]:
    orders = [
        record for record in book.orders.values() if record.order.symbol == row.symbol and record.session == row.session
    ]
    if orders:
        yield ""
        yield text_table(
            ("order", "side", "shares", "limit usd", "stop usd", "state", "filled", "average usd", "fee usd"),
            [
                (
                    record.leg,
                    record.order.side,
                    record.order.quantity_shares,
                    usd(record.order.limit_usd),
                    usd(record.order.stop_usd),
                    record.state,
                    record.filled_shares,
                    round(record.filled_usd / record.filled_shares, 4) if record.filled_shares else None,
                    record.fee_usd,
                )
                for record in orders
            ],
        )


def _origin(row: WhyRow, artifact_hash: str) -> Iterator[str]:
    yield ""
    hashes = {
        "why-rows": artifact_hash,
        "batch": row.batch_hash,
        "certificate": row.certificate_hash,
        "data snapshot": row.snapshot_hash,
        "features": row.features_hash,
        "model": row.model_hash,
        "settings": row.settings_hash,
        "limits": row.limits_hash,
        "code": row.code_hash,
    }
    yield "proven by  " + ", ".join(f"{name} {digest[:12]}" for name, digest in hashes.items() if digest)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "missing" if value is None else str(value)

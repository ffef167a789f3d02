"""The traded account on a page, as a PDF, as JSON and as a table. Nothing here decides or computes a figure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from assets.ml.afterwards.account import AccountRecord
from assets.ml.backtest import paid_in
from assets.ml.backtest_pages import figures
from assets.ml.lived_charts import rolling_svg
from assets.ml.lived_facts import TripRecord, is_long_enough, trip_record, trips_by
from assets.ml.lived_page import (
    fall_tile,
    lived_content,
    percent,
    plain,
    ratio,
    recovery,
    return_tile,
    sharpe_tile,
    turnover_tile,
)
from assets.ml.report_rendering import DrawnReport
from assets.performance import SHORTEST_HISTORY_SESSIONS
from execution.domain.canonical import canonical_bytes

SCHEMA: Final = "touchstone.account_performance"
SCHEMA_VERSION: Final = 1
_TOO_SHORT: Final = "too short"


def drawn(record: AccountRecord) -> DrawnReport:
    """Return the account's page, its charts drawn."""
    return DrawnReport("account_page", _content(record))


def json_page(record: AccountRecord) -> bytes:
    """Return what the page tells as canonical JSON, for programs: equal facts, equal bytes, numbers as decimal strings.

    `schema_version` rises when a field changes its meaning or goes; one that is added leaves it.
    """
    desk, facts = record.desk, record.facts
    closes = [
        {
            "session": day.mark.marked_session,
            "decided": day.session,
            "equity_usd": day.mark.equity_usd,
            "paid_in_usd": sum(day.paid_in_usd.values(), Decimal(0)),
            "paid_in_worth_usd": paid_in(day),
            "value_usd": value,
            "drawdown": float(drawdown),
            "exposure": float(exposure),
        }
        for day, value, drawdown, exposure in zip(
            desk.days, desk.values_usd[1:], facts.drawdown, facts.exposure, strict=True
        )
    ]
    return canonical_bytes(
        {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "account": desk.name,
            "first_session": facts.sessions[0],
            "last_session": facts.sessions[-1],
            "waiting_sessions": record.waiting_sessions,
            "stamps": tuple(record.stamps),
            "identity": dict(record.identity),
            "opened_with_usd": desk.initial_cash_usd,
            "performance": desk.performance,
            "turnover_per_year": desk.turnover_per_year,
            "traded_usd": sum((day.traded_usd for day in desk.days), Decimal(0)),
            "fees_usd": sum((day.fees_usd for day in desk.days), Decimal(0)),
            "closes": closes,
            "months": {
                f"{year}-{month:02}": value for year, row in facts.months.items() for month, value in row.items()
            },
            "windows": {
                one.name: {"sessions": one.sessions, "returns": one.returns, "sharpe": one.sharpe}
                for one in record.windows
            },
            "benchmarks": {name: growth.tolist() for name, growth in record.benchmarks.items()},
            "beside": dict(record.beside),
            "trips": trip_record(facts.trips),
            "trips_by_sector": trips_by(facts.trips, lambda trip: trip.sector),
            "trips_by_regime": trips_by(facts.trips, lambda trip: trip.regime),
            "earned_usd_by_sector": dict(facts.by_sector),
            "earned_usd_by_regime": dict(facts.by_regime),
            "earned_usd_by_feature": dict(facts.by_feature),
            "round_trips": facts.trips,
        }
    )


def told(record: AccountRecord) -> dict[str, str]:
    """Return the figures a person wants first, by what they are called; 'too short' where a history is."""
    past, trips = record.desk.performance, trip_record(record.facts.trips)
    error = past.sharpe_standard_error
    rows = {
        "sessions": f"{record.facts.sessions[0]} to {record.facts.sessions[-1]}, {past.sessions}",
        "equity": f"{record.newest.mark.equity_usd:,.2f} USD",
        "total return": _percent(past.total_return),
        "annualised return": _percent(past.yearly_return),
        "volatility": _percent(past.volatility, sign=""),
        "Sharpe ratio": ratio(past.sharpe, past) + ("" if error is None else f" +- {error:.2f}"),
        "Sortino ratio": ratio(past.sortino, past),
        "max drawdown": f"{_percent(past.max_drawdown)}, {recovery(past.recovery_sessions)}",
        "round trips": str(trips.trips),
        "win rate": "no round trip" if trips.win_rate is None else f"{trips.win_rate * 100:.1f} %",
        "profit factor": "needs winners and losers" if trips.profit_factor is None else f"{trips.profit_factor:.2f}",
        "turnover": _turnover(record),
        "fees": f"{sum(day.fees_usd for day in record.desk.days):,.2f} USD",
    }
    for name in record.benchmarks:
        rows[f"beside {name}"] = _beside(record, name)
    for one in record.windows:
        rows[f"newest {one.name}"] = f"{_percent(one.returns[-1])} over {one.sessions} sessions"
    if record.waiting_sessions:
        rows["waiting"] = f"newer closes whose bars the marts do not have yet: {record.waiting_sessions}"
    return rows


def table(rows: Mapping[str, str]) -> str:
    """Return named figures as a Markdown table."""
    return "\n".join(["| figure | account |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def groups_table(groups: Mapping[str, TripRecord], *, heading: str) -> str:
    """Return what round trips came to by group as a Markdown table."""
    lines = [f"| {heading} | earned, USD | round trips | won | profit factor |", "|---|--:|--:|--:|--:|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in _group_rows(groups)])


def tables(record: AccountRecord) -> dict[str, str]:
    """Return the figures, and what round trips came to by sector and by regime at entry, as Markdown by name."""
    trips = record.facts.trips
    return {
        "performance": table(told(record)),
        "by_sector": groups_table(trips_by(trips, lambda trip: trip.sector), heading="sector"),
        "by_regime": groups_table(trips_by(trips, lambda trip: trip.regime), heading="regime at entry"),
    }


def _content(record: AccountRecord) -> dict[str, Any]:
    desk, facts = record.desk, record.facts
    content = lived_content(
        desk,
        facts,
        named=f"account {desk.name}",
        short_name="account",
        benchmarks=record.benchmarks,
        factors=record.factors,
        closes=record.closes,
    )
    windows = {one.name: one.returns for one in record.windows}
    rolling = {"rolling": rolling_svg(facts.sessions, windows)} if windows else {}
    return content | {
        "kind": "Account",
        "title": f"account {desk.name} from {facts.sessions[0]} to {facts.sessions[-1]}",
        "stamps": record.stamps,
        "identity": record.identity,
        "tiles": _tiles(record),
        "charts": content["charts"] | rolling,
        "windows": [_window_row(record, place) for place in range(len(record.windows))],
        "beside_rows": [
            (name, percent(one.alpha), plain(one.beta), f"{one.tracking_error * 100:.1f} %")
            for name, one in record.beside.items()
        ],
        "lived": {name: value for name, value in figures(desk).items() if name != "portfolio"},
        "groups": {
            "sector": _group_rows(trips_by(facts.trips, lambda trip: trip.sector)),
            "regime at entry": _group_rows(trips_by(facts.trips, lambda trip: trip.regime)),
        },
        "waiting": told(record).get("waiting", ""),
        "is_paid_in": any(day.paid_in_usd for day in desk.days),
    }


def _tiles(record: AccountRecord) -> list[tuple[str, str, str]]:
    past, trips = record.desk.performance, trip_record(record.facts.trips)
    equity = record.newest.mark
    factor = "none yet" if trips.profit_factor is None else f"{trips.profit_factor:.2f}"
    held = f"{len(equity.positions)} positions, {record.facts.exposure[-1] * 100:.0f} % invested"
    return [
        ("equity", f"{equity.equity_usd:,.0f} USD", held),
        return_tile(record.desk, record.facts),
        sharpe_tile(past),
        fall_tile(past),
        (
            "win rate",
            "none yet" if trips.win_rate is None else f"{trips.win_rate * 100:.0f} %",
            f"of {trips.trips} round trips; profit factor {factor}",
        ),
        turnover_tile(record.desk),
    ]


def _window_row(record: AccountRecord, place: int) -> tuple[str, ...]:
    one = record.windows[place]
    no_ratio = _TOO_SHORT if one.sessions < SHORTEST_HISTORY_SESSIONS else "none"
    return (
        f"{one.name}, {one.sessions} sessions",
        *(_percent(value) for value in (one.returns[-1], max(one.returns), min(one.returns))),
        f"{sum(value > 0 for value in one.returns) / len(one.returns) * 100:.0f} %",
        no_ratio if one.sharpe is None else f"{one.sharpe:+.2f}",
    )


def _group_rows(groups: Mapping[str, TripRecord]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{one.earned_usd:+,.0f}",
            str(one.trips),
            "" if one.win_rate is None else f"{one.win_rate * 100:.0f} %",
            "" if one.profit_factor is None else f"{one.profit_factor:.2f}",
        )
        for name, one in groups.items()
    ]


def _beside(record: AccountRecord, name: str) -> str:
    one = record.beside.get(name)
    if one is None:
        return _TOO_SHORT
    return f"alpha {percent(one.alpha)} a year, beta {plain(one.beta)}, tracking error {one.tracking_error * 100:.1f} %"


def _turnover(record: AccountRecord) -> str:
    is_told = is_long_enough(len(record.facts.sessions))
    return f"{record.desk.turnover_per_year:.1f} times the equity a year" if is_told else _TOO_SHORT


def _percent(found: float | None, *, sign: str = "+") -> str:
    return _TOO_SHORT if found is None else f"{found * 100:{sign}.2f} %"

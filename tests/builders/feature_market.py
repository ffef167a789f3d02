"""A small market in a raw store, with what makes features hard: splits, dividends, halts, gaps, late rows, corrections.

Rows are taken in as of a session, the way a cycle does it: one part per table and session, nothing known later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from assets import schemas
from assets.features.dbt_bridge import DbtProject
from assets.features.feature_library import FeatureLibrary
from assets.features.feature_parts import FeatureParts
from assets.features.policy import FeaturePolicy, NewsWeighing
from assets.features.scorer_choice import feature_settings
from assets.mart_settings import universe_settings
from assets.raw_store import RawStore
from assets.snapshots import SnapshotStore
from assets.universe_policy import UniversePolicy
from assets.warehouse import Warehouse
from tests.builders import raw_rows
from tests.builders.raw_rows import CALENDAR

Records = dict[str, list[dict[str, Any]]]
WEIGHING = NewsWeighing(weights={"second_wire": 3})
GOOD, BAD, FLAT = "{} shares rise on strong demand", "{} shares fall as orders miss forecasts", "{} opens an office"


@dataclass(frozen=True)
class FeatureHome:
    """One home: its stores, and a pin per session."""

    root: Path
    raw_store: RawStore
    project_dir: Path
    library: FeatureLibrary = field(default_factory=FeatureLibrary)
    weighing: NewsWeighing = WEIGHING

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.root / "warehouse.duckdb")

    @property
    def feature_parts(self) -> FeatureParts:
        return FeatureParts(self.root / "features")

    @property
    def snapshots(self) -> SnapshotStore:
        return SnapshotStore(self.root / "snapshots")

    @property
    def project(self) -> DbtProject:
        return DbtProject(project_dir=self.project_dir, home=self.root)

    def pin(self, session: date) -> None:
        self.snapshots.pin(self.raw_store.snapshot(session=session, as_of=CALENDAR.as_of(session)))

    def resources(self, policy: UniversePolicy | None = None) -> dict[str, Any]:
        features = FeaturePolicy(news=self.weighing)
        screen = policy or UniversePolicy(min_adv20_shares=10_000)
        return {
            "dbt": self.project,
            "raw_store": self.raw_store,
            "snapshots": self.snapshots,
            "warehouse": self.warehouse,
            "feature_parts": self.feature_parts,
            "feature_library": self.library,
            "feature_policy": features,
            "universe_policy": screen,
            "stored_settings": lambda: universe_settings(screen) | feature_settings(features),
        }


def take_in(store: RawStore, records: Records, *, after: date | None, session: date) -> None:
    """Append every row that became known after one session's cut-off and up to another's, a part per table."""
    since = None if after is None else CALENDAR.as_of(after)
    until = CALENDAR.as_of(session)
    for name, rows in records.items():
        new = [row for row in rows if row["known_at"] <= until and (since is None or row["known_at"] > since)]
        if new:
            table = schemas.BY_NAME[name]
            store.append(table, raw_rows.rows(table, new), session=session, recorded_at=until)


def market(days: Sequence[date], *, symbols: int = 12, seed: int = 11) -> Records:
    """Return every version of every row of a market, in no particular order."""
    names = [f"SYM{number:02d}" for number in range(symbols)]
    bars = {(row["symbol"], row["session"]): row for row in raw_rows.random_bars(names, days, seed=seed)}
    _list_and_delist(bars, names, days)
    actions = _actions(bars, names, days)
    _halt(bars, names, days)
    return {
        "daily_bars": [*bars.values(), *_corrected_bars(bars, names, days)],
        "corporate_actions": actions,
        "securities": _securities(names, days),
        "membership": _membership(names, days),
        "news": _news(names, days, seed),
        "filings": _filings(names, days),
        "events": [_event(name, day) for name in names[:-1] for day in days[40::63]],
        "indices": [_index(day, 15.0 + number % 9) for number, day in enumerate(days)],
    }


def _list_and_delist(bars: dict[tuple[str, date], dict[str, Any]], names: Sequence[str], days: Sequence[date]) -> None:
    for day in days[:150]:
        del bars[names[-2], day]  # listed later
    for day in days[-20:]:
        del bars[names[-3], day]  # delisted
    for day in days[180:183]:
        del bars[names[3], day]  # a short gap
    for day in days[120:135]:
        del bars[names[4], day]  # a long one


def _actions(bars: dict[tuple[str, date], dict[str, Any]], names: Sequence[str], days: Sequence[date]) -> list[Any]:
    told = []
    for name, place, ratio in (
        (names[0], 90, "2"),
        (names[1], 140, "1.5"),
        (names[2], 205, "0.1"),
        (names[3], 181, "3"),
    ):
        for day in days[place:]:
            bar = bars.get((name, day))
            if bar is not None:
                for column in ("open_usd", "high_usd", "low_usd", "close_usd"):
                    bar[column] = (bar[column] / Decimal(ratio)).quantize(Decimal("0.01"))
                bar["volume_shares"] = int(bar["volume_shares"] * float(ratio))
        told.append(raw_rows.action(name, days[place], "split", ratio))
    # This one becomes known four sessions late: until then the fall looks real.
    late = days[230]
    for day in days[226:]:
        for column in ("open_usd", "high_usd", "low_usd", "close_usd"):
            bars[names[5], day][column] = (bars[names[5], day][column] / 4).quantize(Decimal("0.01"))
    told.append(raw_rows.action(names[5], days[226], "split", "4", known_at=CALENDAR.opens_at(late)))
    told += [raw_rows.action(name, day, "dividend", "0.35") for name in names[:6] for day in days[30::63]]
    return told


def _halt(bars: dict[tuple[str, date], dict[str, Any]], names: Sequence[str], days: Sequence[date]) -> None:
    for day in days[160:163]:
        bars[names[6], day].update(is_halted=True, volume_shares=0)
    for day in days[200:208]:
        zero = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), Decimal(0))
        bars[names[7], day].update(is_halted=True, volume_shares=0, **zero)


def _corrected_bars(
    bars: dict[tuple[str, date], dict[str, Any]], names: Sequence[str], days: Sequence[date]
) -> list[dict[str, Any]]:
    found = []
    for name, about, known in ((names[8], 170, 221), (names[8], 172, 240), (names[9], 211, 211), (names[0], 60, 233)):
        row = bars[name, days[about]]
        price = (row["close_usd"] * Decimal("1.03")).quantize(Decimal("0.01"))
        changed = {"close_usd": price, "high_usd": max(row["high_usd"], price)}
        found.append({**row, **changed, "known_at": CALENDAR.closes_at(days[known]) + timedelta(minutes=40)})
    return found


def _securities(names: Sequence[str], days: Sequence[date]) -> list[dict[str, Any]]:
    sectors = ("Energy", "Utilities", None)
    first = {name: days[150] if name == names[-2] else days[0] for name in names}
    rows = [
        {
            "symbol": name,
            "name": f"{name} Inc",
            "sector": sectors[number % 3],
            "listed_session": first[name],
            "delisted_session": None,
            "known_at": CALENDAR.opens_at(first[name]),
        }
        for number, name in enumerate(names)
    ]
    gone = next(row for row in rows if row["symbol"] == names[-3])
    last = days[-21]
    return [*rows, {**gone, "delisted_session": last, "known_at": CALENDAR.closes_at(last)}]


def _membership(names: Sequence[str], days: Sequence[date]) -> list[dict[str, Any]]:
    rows = [raw_rows.membership(name, days[0]) for name in names[:8]]
    left = raw_rows.membership(names[7], days[0], days[190], known_at=CALENDAR.opens_at(days[189]))
    return [*rows, left]


def _news(names: Sequence[str], days: Sequence[date], seed: int) -> list[dict[str, Any]]:
    random = np.random.default_rng([seed, 5])
    rows = []
    for number, day in enumerate(days):
        for name in names[: 1 + number % 5]:
            text = (GOOD, BAD, FLAT)[int(random.integers(3))].format(name)
            at = CALENDAR.opens_at(day) + timedelta(minutes=int(random.integers(-600, 700)))
            row = {"news_id": f"n{number}-{name}", "symbol": name, "published_at": at, "headline": text}
            rows.append({**row, "known_at": at + timedelta(minutes=1)})
            if number % 17 == 0:
                rows.append({**row, "headline": BAD.format(name), "known_at": at + timedelta(hours=30)})
            if number % 3 == 0:
                # A second provider tells the story again, soon or too late to be the same, and now and then first.
                hours = (-2, 5, 26)[number // 3 % 3]
                again = {"news_id": f"second_wire:{number}-{name}", "headline": f"  {text.upper()}!"}
                told = at + timedelta(hours=hours)
                rows.append({**row, **again, "source": "second_wire", "published_at": told, "known_at": told})
    return rows


def _filings(names: Sequence[str], days: Sequence[date]) -> list[dict[str, Any]]:
    rows = []
    for place, name in enumerate(names[:9]):
        for quarter in range(-8, 6):
            end = date(2014 + quarter // 4, 3 * (quarter % 4) + 3, 28)
            is_annual = quarter % 4 == 3
            # Filed a month after the period's end, at nine in the evening of New York.
            known = np.datetime64(end, "us").astype(object).replace(tzinfo=CALENDAR.as_of(days[0]).tzinfo)
            known += timedelta(days=30 + place, hours=26)
            rows += _report(name, place, quarter, end, known, is_annual=is_annual)
            if quarter == 1:
                restated = next(row for row in rows if row["metric"] == "net_income" and row["period_end"] == end)
                rows.append({**restated, "value": restated["value"] * 0.9, "known_at": known + timedelta(days=45)})
    return [*rows, _told_again_in_new_shares(rows, names[0], days[90], ratio=2.0)]


def _told_again_in_new_shares(
    rows: Sequence[dict[str, Any]], name: str, split_on: date, *, ratio: float
) -> dict[str, Any]:
    """Return the year before of the first quarter filed after a split, as that filing tells it beside the quarter."""
    quarters = [row for row in rows if row["symbol"] == name and row["metric"] == "eps_diluted"]
    filed = next(row for row in quarters if row["known_at"].date() > split_on and row["duration_months"] == 3)
    before = next(row for row in quarters if 350 <= (filed["period_end"] - row["period_end"]).days <= 380)
    return {**before, "value": before["value"] / ratio, "known_at": filed["known_at"]}


def _report(name: str, place: int, quarter: int, end: date, known: Any, *, is_annual: bool) -> list[dict[str, Any]]:
    size = 100.0e6 * (1 + place) * 1.013 ** (quarter + place)
    flow = 4.0 if is_annual else 1.0
    values = {
        "revenue": (size * flow, 12 if is_annual else 3),
        "net_income": (0.1 * size * flow - 7.0e6 * (quarter % 3), 12 if is_annual else 3),
        "operating_cash_flow": (0.12 * size * flow, 12 if is_annual else 3),
        "eps_diluted": (round(0.1 * flow * (1 + quarter / 20), 4), 12 if is_annual else 3),
        "equity": (6.0 * size if place != 2 else -size, 0),
        "assets": (12.0 * size, 0),
        "liabilities": (6.0 * size, 0),
        "shares_outstanding": (50.0e6 + place, 0),
        "eps_estimate_next": (round(0.1 * (1 + quarter / 18), 4), 3),
    }
    base = {"symbol": name, "form": "10-K" if is_annual else "10-Q", "period_end": end, "known_at": known}
    rows = [
        {**base, "metric": metric, "value": value, "duration_months": months}
        for metric, (value, months) in values.items()
    ]
    revised = {**rows[-1], "value": round(rows[-1]["value"] * 1.05, 4), "known_at": known + timedelta(days=20)}
    return [*rows, revised]


def _event(name: str, day: date) -> dict[str, Any]:
    return {
        "symbol": name,
        "kind": "earnings",
        "scheduled_at": CALENDAR.opens_at(day),
        "known_at": CALENDAR.opens_at(day) - timedelta(days=35),
    }


def _index(day: date, level: float) -> dict[str, Any]:
    return {"index_name": "vix", "session": day, "close": level, "known_at": CALENDAR.bars_known_at(day)}

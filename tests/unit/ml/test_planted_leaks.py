"""Sixteen ways to know the future, each planted into an honest pipeline by one small change, and all of them caught.

The pipelines know nothing of the check and the check nothing of them: it sees facts go in and rows come out.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from operator import itemgetter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from assets.ml.foresight import find_foresight
from assets.ml.walk_forward import folds, require_apart
from execution.domain.errors import DataError
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

START = CALENDAR.index(date(2023, 1, 3))
DAYS = CALENDAR.sessions[START : START + 110]
SYMBOLS = tuple(f"S{number:02d}" for number in range(8))
# Days on which something is going on: a gap in one history, the eve of a split, and long after both.
MOMENTS = (DAYS[61], DAYS[84], DAYS[99])
HORIZON = 5


def known(day: date, minutes: int = 15) -> pd.Timestamp:
    return pd.Timestamp(CALENDAR.closes_at(day)) + timedelta(minutes=minutes)


def some_facts(seed: int = 3) -> dict[str, pa.Table]:
    """Bars with corrections, a split, a delisting, a new member, news of yesterday, filings and their restatements."""
    random = np.random.default_rng(seed)
    bars, news, filings = [], [], []
    for place, symbol in enumerate(SYMBOLS):
        close = 50.0 + 10 * place
        for day in DAYS[: 90 if symbol == "S05" else None]:
            close *= float(np.exp(0.02 * random.standard_normal()))
            price = close / (2.0 if symbol == "S02" and day >= DAYS[85] else 1.0)
            opened = price * float(np.exp(0.005 * random.standard_normal()))
            if symbol == "S03" and DAYS[59] <= day <= DAYS[63]:
                continue
            bars.append((day, symbol, round(opened, 4), round(price, 4), known(day)))
            if random.random() < 0.06 and day < DAYS[-8]:  # a correction, five sessions later
                bars.append((day, symbol, opened, round(price * 1.03, 4), known(CALENDAR.offset(day, 5))))
            if random.random() < 0.5:
                news.append((day, symbol, float(random.normal()), known(CALENDAR.offset(day, 1), -300)))
        for quarter in range(5, 100, 20):
            value = float(random.normal())
            accepted = CALENDAR.offset(DAYS[quarter], 7)
            filings.append((DAYS[quarter], symbol, value, known(accepted)))
            filings.append((DAYS[quarter], symbol, value + 0.5, known(CALENDAR.offset(accepted, 9))))
    members = [(symbol, DAYS[70] if symbol == "S07" else DAYS[0], known(DAYS[0])) for symbol in SYMBOLS]
    members[-1] = ("S07", DAYS[70], known(DAYS[68]))
    return {
        "daily_bars": a_table(bars, "session", "symbol", "open_usd", "close_usd", "known_at"),
        "splits": a_table([(DAYS[85], "S02", 2.0, known(DAYS[85], -600))], "session", "symbol", "ratio", "known_at"),
        "news": a_table(news, "session", "symbol", "tone", "known_at"),
        "filings": a_table(filings, "period_end", "symbol", "growth", "known_at"),
        "membership": a_table(members, "symbol", "from", "known_at"),
        "delistings": a_table([("S05", DAYS[89], known(DAYS[89]))], "symbol", "session", "known_at"),
    }


def a_table(rows: list[tuple[object, ...]], *names: str) -> pa.Table:
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


class Honest:
    """A pipeline that knows at each session what the world knew at its cut-off; a leak changes one method."""

    def __init__(self, facts) -> None:
        # Rows of each table and symbol in the order they became known: a loop over few tuples is quicker than a frame.
        self.told = {name: sorted(table.to_pylist(), key=lambda row: row["known_at"]) for name, table in facts.items()}
        self.told_of: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
        for name, rows in self.told.items():
            for row in rows:
                self.told_of[name, row["symbol"]].append(row)
        bars = pd.DataFrame(self.told["daily_bars"])
        self.sessions = sorted(set(bars["session"]))
        self.first = bars.drop_duplicates(["session", "symbol"], keep="first")
        self.newest = bars.drop_duplicates(["session", "symbol"], keep="last")
        self.close = self.prices() * self.factor()
        self.open = self.wide(self.bars_for_features(), "open_usd") * self.factor()

    def wide(self, bars, column):
        return bars.pivot_table(index="session", columns="symbol", values=column)

    def bars_for_features(self):
        return self.first

    def prices(self):
        return self.wide(self.bars_for_features(), "close_usd")

    def of(self, table, symbol, *, as_of=None):
        told = self.told_of[table, symbol]
        if as_of is None:
            return told
        return told[: bisect_right(told, CALENDAR.as_of(as_of), key=itemgetter("known_at"))]

    def factor(self):
        """Forward: from the ex-session on prices are multiplied, so that rows before it stay what they were."""
        made = pd.DataFrame(1.0, index=self.sessions, columns=list(SYMBOLS))
        for split in self.told["splits"]:
            made.loc[[day for day in self.sessions if day >= split["session"]], split["symbol"]] *= split["ratio"]
        return made

    def is_member(self, session, symbol):
        return any(row["from"] <= session for row in self.of("membership", symbol, as_of=session))

    def momentum(self):
        return self.close.pct_change(10, fill_method=None)

    def mean(self):
        return self.close.rolling(5).mean() / self.close

    def volatility(self):
        return self.close.pct_change(fill_method=None).rolling(20).std()

    def scaled(self):
        momentum = self.momentum()
        return momentum.sub(momentum.mean(axis=1), axis=0).div(momentum.std(axis=1), axis=0)

    def gap(self):
        return self.open / self.close.shift(1)

    def regime(self):
        market = self.volatility().mean(axis=1)
        return market > market.expanding().median()

    def tone(self, session, symbol):
        return sum(row["tone"] for row in self.of("news", symbol, as_of=session)[-5:])

    def growth(self, session, symbol):
        told = self.of("filings", symbol, as_of=session)
        return max(told, key=lambda row: (row["period_end"], row["known_at"]))["growth"] if told else np.nan

    def weight(self, session):
        """What momentum is worth; fixed before the first session."""
        return 1.0

    def labels(self):
        close = self.wide(self.first, "close_usd") * self.factor()
        return close.shift(-1 - HORIZON) / close.shift(-1) - 1.0

    def rows(self) -> pa.Table:
        columns = {
            "momentum": self.momentum(),
            "mean": self.mean(),
            "volatility": self.volatility(),
            "scaled": self.scaled(),
            "gap": self.gap(),
            "label": self.labels(),
        }
        # Looked up for every row and column: a frame answers a single cell far slower than a dictionary.
        cells = {name: frame.to_dict("index") for name, frame in columns.items()}
        closes, regime, told = self.close.to_dict("index"), self.regime(), []
        for place, session in enumerate(self.sessions):
            end = self.sessions[place + 1 + HORIZON] if place + 1 + HORIZON < len(self.sessions) else None
            for symbol in SYMBOLS:
                if pd.isna(closes[session][symbol]) or not self.is_member(session, symbol):
                    continue
                row = {name: float(cell[session][symbol]) for name, cell in cells.items()}
                row |= {"session": session, "symbol": symbol, "label_end": end, "regime": float(regime[session])}
                row["tone"] = float(self.tone(session, symbol))
                row["growth"] = float(self.growth(session, symbol))
                row["score"] = row["momentum"] * self.weight(session)
                told.append(row)
        return pa.Table.from_pandas(pd.DataFrame(told), preserve_index=False)


class SameDayClose(Honest):
    def labels(self):
        close = self.wide(self.first, "close_usd") * self.factor()
        return close.shift(-1 - HORIZON) / close - 1.0


class CentredWindow(Honest):
    def mean(self):
        return self.close.rolling(5, center=True).mean() / self.close


class FullSampleScaling(Honest):
    def scaled(self):
        momentum = self.momentum()
        return (momentum - np.nanmean(momentum.to_numpy())) / np.nanstd(momentum.to_numpy())


class RestatedFiling(Honest):
    def growth(self, session, symbol):
        told = self.of("filings", symbol, as_of=session)
        newest = max((row["period_end"] for row in told), default=None)
        every = [row["growth"] for row in self.of("filings", symbol) if row["period_end"] == newest]
        return every[-1] if every else np.nan


class FutureMembership(Honest):
    def is_member(self, session, symbol):
        return bool(self.of("membership", symbol))


class UnlaggedNews(Honest):
    def tone(self, session, symbol):
        return sum(row["tone"] for row in self.of("news", symbol) if row["session"] == session)


class LabelInFeature(Honest):
    def momentum(self):
        return super().momentum() + 0.01 * self.labels().reindex(self.close.index)


class BackfilledDelisting(Honest):
    def is_member(self, session, symbol):
        return super().is_member(session, symbol) and not self.of("delistings", symbol)


class RevisedSplitFactor(Honest):
    """Prices as a vendor tells them today: the whole past is divided by every later split; the level is a feature."""

    def volatility(self):
        level = self.wide(self.first, "close_usd")
        for split in self.told["splits"]:
            level.loc[[day for day in self.sessions if day < split["session"]], split["symbol"]] /= split["ratio"]
        return np.log(level)


class SameDayFundamentals(Honest):
    def growth(self, session, symbol):
        told = [row["growth"] for row in self.of("filings", symbol) if row["period_end"] <= session]
        return told[-1] if told else np.nan


class FutureRegime(Honest):
    def regime(self):
        market = self.volatility().mean(axis=1)
        return market > market.median()


class TomorrowsOpen(Honest):
    def gap(self):
        return self.open.shift(-1) / self.close


class FilledBackwards(Honest):
    def prices(self):
        return super().prices().bfill()


class BackdatedCorrection(Honest):
    def bars_for_features(self):
        return self.newest


class WeightsOfTheWholeSample(Honest):
    @cached_property
    def slope(self):
        told, after = self.momentum().to_numpy().ravel(), self.labels().reindex(self.close.index).to_numpy().ravel()
        is_known = np.isfinite(told) & np.isfinite(after)
        return float(np.polyfit(told[is_known], after[is_known], 1)[0])

    def weight(self, session):
        return self.slope


class EventsBeforeTheyAreTold(Honest):
    """A split applied from the session before its ex-session on: somebody looked at tomorrow's calendar of today."""

    def factor(self):
        made = super().factor()
        return made.shift(-1).ffill()


LEAKS: tuple[type[Honest], ...] = (
    SameDayClose,
    CentredWindow,
    FullSampleScaling,
    RestatedFiling,
    FutureMembership,
    UnlaggedNews,
    LabelInFeature,
    BackfilledDelisting,
    RevisedSplitFactor,
    SameDayFundamentals,
    FutureRegime,
    TomorrowsOpen,
    FilledBackwards,
    BackdatedCorrection,
    WeightsOfTheWholeSample,
    EventsBeforeTheyAreTold,
)


def found_in(pipeline: Callable[..., Honest], *, moments=MOMENTS, seed: int = 3):
    return find_foresight(lambda facts: pipeline(facts).rows(), some_facts(seed), moments=moments, as_of=CALENDAR.as_of)


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_planted_leak_is_caught(leak):
    assert found_in(leak) != ()


@pytest.mark.parametrize("seed", range(3))
def test_an_honest_pipeline_is_not_accused(seed):
    assert found_in(Honest, moments=(DAYS[40], DAYS[61], DAYS[84], DAYS[101]), seed=seed) == ()


def test_shuffled_folds_are_refused_and_the_projects_own_are_not():
    rows = a_training_set()
    shuffled = np.random.default_rng(1).permutation(len(rows.label))
    with pytest.raises(DataError, match="cut folds over days"):
        require_apart(rows, shuffled[500:], shuffled[:500])
    for fold in folds(rows, a_policy()):
        require_apart(rows, fold.train, fold.test)


def test_folds_without_a_purge_are_refused():
    rows = replace(a_training_set())
    test = np.flatnonzero(rows.sessions >= rows.days[100])
    train = np.flatnonzero(rows.sessions < rows.days[100])
    with pytest.raises(DataError, match="purge at least"):
        require_apart(rows, train, test)

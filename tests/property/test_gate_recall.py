"""A corrupted row is found by at least one check, whatever the corruption, and clean markets raise no alarm."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.quality.bar_checks import bar_checks
from assets.quality.freshness import FRESHNESS_CHECKS
from assets.quality.verdicts import run_check
from assets.schemas import DAILY_BARS
from tests.builders.quality import raw_evidence
from tests.builders.raw_market import CALENDAR, SESSION, RawMarket, a_raw_market, rows_of, symbols_of

Bar = Mapping[str, Any]
Corruption = Callable[[Bar, Bar, np.random.Generator], list[Bar]]
OWN_CHECKS = (*FRESHNESS_CHECKS, *bar_checks())
PRICES = ("open_usd", "high_usd", "low_usd", "close_usd")
N_SYMBOLS = 200
N_PER_ROUND = 40
N_ROUNDS = 50


def scaled(bar: Bar, _: Bar, random: np.random.Generator) -> list[Bar]:
    factor = Decimal(str(random.choice([0.01, 0.1, 0.4, 2, 10, 100])))
    return [{**bar, **{name: bar[name] * factor for name in PRICES}}]


def one_price_scaled(bar: Bar, _: Bar, random: np.random.Generator) -> list[Bar]:
    name = str(random.choice(["open_usd", "close_usd"]))
    return [{**bar, name: bar[name] * Decimal(str(random.choice([0.1, 0.5, 2, 10])))}]


def negated(bar: Bar, _: Bar, random: np.random.Generator) -> list[Bar]:
    name = str(random.choice(PRICES))
    return [{**bar, name: -bar[name]}]


def zeroed(bar: Bar, _: Bar, random: np.random.Generator) -> list[Bar]:
    return [{**bar, str(random.choice(PRICES)): Decimal(0)}]


def swapped(bar: Bar, _: Bar, __: np.random.Generator) -> list[Bar]:
    return [{**bar, "high_usd": bar["low_usd"], "low_usd": bar["high_usd"]}]


def volume_lost(bar: Bar, _: Bar, random: np.random.Generator) -> list[Bar]:
    return [{**bar, "volume_shares": int(random.choice([0, -1, -100_000]))}]


def repeated(bar: Bar, before: Bar, __: np.random.Generator) -> list[Bar]:
    return [{**before, "session": bar["session"], "known_at": bar["known_at"]}]


def told_twice(bar: Bar, _: Bar, __: np.random.Generator) -> list[Bar]:
    return [bar, {**bar, "volume_shares": bar["volume_shares"] + 1}]


def from_the_future(bar: Bar, _: Bar, random: np.random.Generator) -> list[Bar]:
    return [bar, {**bar, "session": CALENDAR.offset(SESSION, int(random.integers(1, 30)))}]


def on_a_sunday(bar: Bar, _: Bar, __: np.random.Generator) -> list[Bar]:
    return [bar, {**bar, "session": SESSION - timedelta(days=2)}]


def known_too_soon(bar: Bar, _: Bar, random: np.random.Generator) -> list[Bar]:
    return [{**bar, "known_at": bar["known_at"] - timedelta(hours=int(random.integers(1, 5_000)))}]


def lost(_: Bar, __: Bar, ___: np.random.Generator) -> list[Bar]:
    return []


CORRUPTIONS: Sequence[Corruption] = (
    scaled,
    one_price_scaled,
    negated,
    zeroed,
    swapped,
    volume_lost,
    repeated,
    told_twice,
    from_the_future,
    on_a_sunday,
    known_too_soon,
    lost,
)


def found_symbols(market: RawMarket) -> set[str]:
    evidence = raw_evidence(market)
    found: set[str] = set()
    for check in OWN_CHECKS:
        report = run_check(check, evidence)
        found |= report.excluded.keys()
        if not report.passed:
            found |= {row["symbol"] for verdict in report.verdicts for row in verdict.offenders if "symbol" in row}
    return found


def corrupted(market: RawMarket, choices: Mapping[str, Corruption], random: np.random.Generator) -> RawMarket:
    before = CALENDAR.previous(SESSION)
    rows = [
        row
        for symbol, corruption in choices.items()
        for row in corruption(market.bar(symbol, SESSION), market.bar(symbol, before), random)
    ]
    clean = market.without_bars(session=SESSION, symbols=list(choices))
    return clean.with_table(DAILY_BARS, pa.concat_tables([clean.tables["daily_bars"], rows_of(DAILY_BARS, rows)]))


def test_two_thousand_corruptions_are_found_and_nothing_else_is() -> None:
    market = a_raw_market(n_symbols=N_SYMBOLS, n_sessions=10, seed=11)
    random = np.random.default_rng(12)
    injected = found = false_alarms = 0
    missed: dict[str, int] = {}
    for _ in range(N_ROUNDS):
        symbols = random.choice(np.array(symbols_of(N_SYMBOLS)), size=N_PER_ROUND, replace=False).tolist()
        choices = {symbol: CORRUPTIONS[int(random.integers(len(CORRUPTIONS)))] for symbol in symbols}
        marked = found_symbols(corrupted(market, choices, random))
        injected += len(choices)
        found += len(marked & choices.keys())
        false_alarms += len(marked - choices.keys())
        for symbol in choices.keys() - marked:
            missed[choices[symbol].__name__] = missed.get(choices[symbol].__name__, 0) + 1
    assert injected == 2_000
    assert found / injected >= 0.99, missed
    assert false_alarms == 0


@pytest.mark.parametrize("seed", range(20))
def test_clean_market_raises_no_alarm(seed: int) -> None:
    evidence = raw_evidence(a_raw_market(n_symbols=50, n_sessions=12, seed=seed))
    reports = [run_check(check, evidence) for check in OWN_CHECKS]
    assert all(report.passed for report in reports)
    assert not any(report.excluded for report in reports)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.__name__)
def test_every_kind_of_corruption_is_found_alone(corruption: Corruption) -> None:
    market = a_raw_market(n_symbols=30, n_sessions=10)
    random = np.random.default_rng(1)
    assert "S011" in found_symbols(corrupted(market, {"S011": corruption}, random))


def test_the_same_corruption_of_many_symbols_closes_the_gate() -> None:
    market = a_raw_market(n_symbols=40, n_sessions=10)
    random = np.random.default_rng(1)
    closed = []
    for corruption in CORRUPTIONS:
        evidence = raw_evidence(corrupted(market, dict.fromkeys(symbols_of(20), corruption), random))
        closed.append(any(not run_check(check, evidence).passed for check in OWN_CHECKS))
    assert all(closed)

"""Does any feature row know the future? Recompute it on data cut off at its own moment and compare every bit.

A feature that reads one row too many differs as soon as the rows after its session are taken away. Whoever computes
features is handed in: this module only chooses where to look and compares.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.quality.verdicts import EVIDENCE_ROWS, Row, Verdict

FeatureRows = Callable[[date, Sequence[str]], pa.Table]
"""Feature rows of some symbols on one session: columns session, symbol, then features as doubles, null when absent."""


Recomputation = Callable[[Sequence[date], Sequence[str]], Iterable[pa.Table]]
"""Rows as `FeatureRows` has them, of each session in the order given, from data known at its cut-off only.

Only of the first session it has to be every feature: some need the whole market, which would take too long for all.
"""
_KEYS = ("session", "symbol")
Differs = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def sampled_moments(sessions: Sequence[date], *, session: date, count: int) -> tuple[date, ...]:
    """Return sessions to truncate at, chosen by the session judged: the same in every process, other ones every day.

    They lie an odd number of sessions before the one judged: sums over frames can agree by chance where offsets are
    multiples of a power of two.

    Args:
        sessions: sessions that have stored features, ascending, none after the one judged.
        session: the session judged; it is the only moment while there is no earlier one.
        count: how many moments, > 0.
    """
    position = len(sessions) - 1
    odd = np.arange(1, position + 1, 2)
    if len(odd) == 0:
        return (session,)
    chosen = _random("moments", session).choice(odd, size=min(count, len(odd)), replace=False)
    return tuple(sessions[position - offset] for offset in sorted(chosen.tolist(), reverse=True))


def sampled_symbols(symbols: Sequence[str], *, session: date, count: int) -> tuple[str, ...]:
    """Return a sorted sample of symbols, chosen by the session judged."""
    ordered = sorted(symbols)
    if len(ordered) <= count:
        return tuple(ordered)
    return tuple(sorted(_random("symbols", session).choice(np.array(ordered), size=count, replace=False).tolist()))


def check_leakage(
    *, stored: FeatureRows, recompute: Recomputation, sessions: Sequence[date], symbols: Sequence[str]
) -> Verdict:
    """Return whether features recomputed on truncated data equal the stored ones bit for bit, and none was left out.

    Every feature is compared at the newest moment; at the others those that do not need the whole market.

    Args:
        stored: reads rows of `marts.fct_features`; asked for the given symbols, it may return fewer.
        recompute: computes the same rows from data known at the session's cut-off only.
        sessions: moments to truncate at.
        symbols: symbols to compare.
    """
    differences: list[Row] = []
    covered: set[str] = set()
    kept: set[str] = set()
    compared = 0
    newest_first = sorted(sessions, reverse=True)
    for moment, rows in zip(newest_first, recompute(newest_first, symbols), strict=True):
        was, again = _sorted(stored(moment, symbols)), _sorted(rows)
        names = [name for name in again.column_names if name not in _KEYS]
        covered.update(names)
        kept.update(name for name in was.column_names if name not in _KEYS)
        compared += was.num_rows * len(names)
        differences += _row_differences(moment, was, again) or _value_differences(moment, was, again, names)
    n_values = sum(int(row["values"]) for row in differences)
    features = sorted({row["feature"] for row in differences})
    unproven = sorted(kept - covered)
    passed = compared > 0 and not differences and not unproven
    return Verdict(
        passed=passed,
        value=f"{n_values} differences in {compared} values of {len(covered)} of {len(kept)} features, "
        f"{len(symbols)} symbols, "
        f"cut at {', '.join(moment.isoformat() for moment in sessions) or 'no moment'}",
        threshold="0 differences in at least one value of every stored feature, compared bit for bit",
        reason="" if passed else _reason(features, unproven, compared),
        offenders=tuple(differences[:EVIDENCE_ROWS]),
    )


def _reason(features: Sequence[str], unproven: Sequence[str], compared: int) -> str:
    if features:
        return f"{', '.join(features[:10])} differ when recomputed on data truncated at the row's own session"
    if compared == 0:
        return "0 values could be compared, so nothing is proven"
    return f"{len(unproven)} stored features are not recomputed, so unproven: {', '.join(unproven[:10])}"


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.sort_by("symbol").combine_chunks()


def _row_differences(moment: date, was: pa.Table, again: pa.Table) -> list[Row]:
    left, right = was.column("symbol").to_pylist(), again.column("symbol").to_pylist()
    if left == right:
        return []
    odd = sorted(set(left) ^ set(right)) or sorted({symbol for symbol in left if left.count(symbol) > 1})
    return [
        {
            "feature": "(rows)",
            "session": moment.isoformat(),
            "values": str(len(odd)),
            "largest_difference": "a row stored or recomputed only, or twice",
            "symbol": ", ".join(odd[:5]),
        }
    ]


def _value_differences(moment: date, was: pa.Table, again: pa.Table, names: Sequence[str]) -> list[Row]:
    found: list[Row] = []
    for name in names:
        if name not in was.column_names:
            found.append(_difference(name, moment, was.num_rows, "not stored at all", ""))
            continue
        differs, distance = _bit_differences(was.column(name), again.column(name))
        if differs.any():
            worst = int(np.argmax(np.where(differs, distance, -1.0)))
            told = "present in one only" if np.isinf(distance[worst]) else f"{distance[worst]:.3e}"
            symbol = was.column("symbol")[worst].as_py()
            found.append(_difference(name, moment, int(differs.sum()), told, symbol))
    return found


def _difference(feature: str, moment: date, values: int, largest: str, symbol: str) -> Row:
    return {
        "feature": feature,
        "session": moment.isoformat(),
        "values": str(values),
        "largest_difference": largest,
        "symbol": symbol,
    }


def _bit_differences(was: pa.ChunkedArray, again: pa.ChunkedArray) -> tuple[Differs, Floats]:
    """Return which values differ in a bit or in being present, and by how much (infinite when present in one only)."""
    left, right = _floats(was), _floats(again)
    has_left, has_right = (column.is_valid().to_numpy() for column in (was, again))
    differs = (left.view(np.uint64) != right.view(np.uint64)) | (has_left != has_right)
    with np.errstate(invalid="ignore"):
        distance = np.nan_to_num(np.abs(left - right), nan=np.inf)
    return differs, np.where(has_left == has_right, distance, np.inf)


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.ascontiguousarray(pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy())


def _random(purpose: str, session: date) -> np.random.Generator:
    digest = hashlib.sha256(f"leakage {purpose} {session.isoformat()}".encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest[:16], "big")))

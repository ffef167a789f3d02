"""Are the session's features all there, and can they be numbers of this market?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from assets.feature_catalogue import Feature
from assets.judged_rows import JUDGED_MARTS
from assets.quality.expectations import FEATURE_SUITE, judge_suite
from assets.quality.feature_evidence import FeatureEvidence
from assets.quality.leakage import check_leakage, sampled_moments, sampled_symbols
from assets.quality.verdicts import EVIDENCE_ROWS, Check, Verdict, share_text

_SUBJECT = "features/fct_features"
# Families whose values spread over the symbols of a live market. Market features are one number for all; headlines and
# filings may be absent for everyone.
_SPREAD_FAMILIES = frozenset({"price", "volume", "risk", "indicator", "level", "rank"})
# Families that are absent for most symbols by nature, and so say nothing about a symbol's data.
_SPARSE_FAMILIES = frozenset({"news", "fundamental"})


def judge_marts_are_current(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return whether every judged mart has rows of the session."""
    empty = [mart for mart in JUDGED_MARTS if evidence.judged[mart].num_rows == 0]
    counts = ", ".join(f"{mart} {evidence.judged[mart].num_rows}" for mart in JUDGED_MARTS)
    return (
        Verdict(
            passed=not empty,
            value=f"rows of {evidence.raw.session}: {counts}",
            threshold="at least one row of the session in each",
            reason=f"{', '.join(empty)} have no row of {evidence.raw.session}" if empty else "",
        ),
    )


def judge_rows_match_bars(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return whether each listed symbol with a bar has one feature row, nobody else has, and they are enough."""
    expected = sorted(set(evidence.raw.listed) & set(evidence.raw.session_bars["symbol"]))
    found = evidence.features.column("symbol").to_pylist()
    odd = sorted(set(expected) ^ set(found)) or sorted({symbol for symbol in found if found.count(symbol) > 1})
    fewest = evidence.raw.policy.min_symbols
    reason = ""
    if found != expected:
        reason = f"{len(odd)} symbols have no row, two, or one without a bar: {', '.join(odd[:5])}"
    elif len(found) < fewest:
        reason = f"{len(found)} symbols are too few to rank, {fewest} are demanded"
    return (
        Verdict(
            passed=not reason,
            value=f"{len(found)} feature rows for {len(expected)} listed symbols with a bar",
            threshold=f"one row each, for at least {fewest} symbols",
            reason=reason,
            offenders=tuple({"symbol": symbol} for symbol in odd[:EVIDENCE_ROWS]),
        ),
    )


def judge_symbol_coverage(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return whether enough symbols have enough of their features; those that have not are left out by name."""
    policy, symbols = evidence.raw.policy, evidence.features.column("symbol").to_pylist()
    shares = _present(evidence, _dense(evidence)).mean(axis=1)
    order = np.argsort(shares, kind="stable")
    sparse = [
        (symbols[index], float(shares[index])) for index in order if shares[index] < policy.min_symbol_feature_share
    ]
    allowed = max(policy.tolerated_symbols, int(policy.max_sparse_symbol_share * len(symbols)))
    passed = len(sparse) <= allowed and len(sparse) < len(symbols)
    told = f"fewer than {policy.min_symbol_feature_share:.0%} of its features"
    return (
        Verdict(
            passed=passed,
            value=f"{share_text(len(sparse), len(symbols))} symbols have {told}",
            threshold=f"at most {allowed} symbols",
            reason="" if passed else f"{share_text(len(sparse), len(symbols))} symbols have {told}",
            offenders=tuple({"symbol": name, "present": f"{share:.2%}"} for name, share in sparse[:EVIDENCE_ROWS]),
            excluded={name: f"{share:.0%} of its features present, {told}" for name, share in sparse},
        ),
    )


def judge_cycle_coverage(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return whether enough of all features of all symbols are present."""
    present = _present(evidence, _dense(evidence))
    smallest = evidence.raw.policy.min_cycle_feature_share
    passed = present.size > 0 and bool(present.mean() >= smallest)
    value = share_text(int(present.sum()), present.size)
    return (
        Verdict(
            passed=passed,
            value=f"{value} values present",
            threshold=f"at least {smallest:.2%}",
            reason="" if passed else f"only {value} feature values are present",
        ),
    )


def judge_families(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return, per family of features, whether it is present where its source is.

    Headlines and filings reach few symbols, so for their families one value is enough; the others are held to a share.
    """
    verdicts = []
    for family in dict.fromkeys(feature.family for feature in evidence.catalogue):
        skipped = evidence.missing_sources.get(family)
        if skipped:
            verdicts.append(Verdict(passed=True, value=f"skipped: {skipped}", threshold="a source", detail=family))
            continue
        present = _present(evidence, [feature for feature in evidence.catalogue if feature.family == family])
        is_sparse_by_nature = family in _SPARSE_FAMILIES
        smallest = 0.0 if is_sparse_by_nature else evidence.raw.policy.min_family_feature_share
        passed = bool(present.any()) and bool(present.mean() >= smallest)
        value = share_text(int(present.sum()), present.size)
        verdicts.append(
            Verdict(
                passed=passed,
                value=f"{value} values present",
                threshold="at least one value" if is_sparse_by_nature else f"at least {smallest:.2%}",
                reason="" if passed else f"only {value} values of family {family} are present although it has a source",
                detail=family,
            )
        )
    return tuple(verdicts)


def judge_sectors(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Name the symbols without a sector; that never closes the gate, it blocks entries in those names only."""
    facts = evidence.judged["fct_trading_facts"]
    missing = facts.filter(facts.column("sector").is_null()).column("symbol").to_pylist()
    return (
        Verdict(
            passed=True,
            value=f"{share_text(len(missing), facts.num_rows)} symbols have no sector",
            threshold="listed, not demanded: it blocks new entries in the symbol",
            offenders=tuple({"symbol": symbol, "fault": "no sector"} for symbol in missing[:EVIDENCE_ROWS]),
        ),
    )


def judge_columns_vary(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return whether features that spread over a live market have more than one value."""
    policy = evidence.raw.policy
    constant = []
    for feature in evidence.catalogue:
        if feature.family not in _SPREAD_FAMILIES:
            continue
        bounds = pc.min_max(evidence.features.column(feature.name)).as_py()
        n_present = len(evidence.features) - evidence.features.column(feature.name).null_count
        if n_present >= policy.min_symbols_for_constancy and bounds["min"] == bounds["max"]:
            constant.append({"feature": feature.name, "value": str(bounds["min"])})
    passed = len(constant) <= policy.max_constant_columns
    names = ", ".join(row["feature"] for row in constant[:10])
    return (
        Verdict(
            passed=passed,
            value=f"{len(constant)} constant columns",
            threshold=f"at most {policy.max_constant_columns}",
            reason="" if passed else f"the same value for every symbol: {names}",
            offenders=tuple(constant[:EVIDENCE_ROWS]),
        ),
    )


def judge_values_are_finite(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return whether every present feature value is a finite number."""
    symbols = evidence.features.column("symbol").to_pylist()
    offenders = []
    for feature in evidence.catalogue:
        values = pc.fill_null(evidence.features.column(feature.name), 0.0).to_numpy()
        offenders += [
            {"feature": feature.name, "symbol": symbols[index], "value": str(values[index])}
            for index in np.flatnonzero(~np.isfinite(values))
        ]
    names = ", ".join(dict.fromkeys(row["feature"] for row in offenders))
    return (
        Verdict(
            passed=not offenders,
            value=f"{len(offenders)} values are infinite or not a number",
            threshold="none",
            reason=f"infinite or not a number: {names[:200]}" if offenders else "",
            offenders=tuple(offenders[:EVIDENCE_ROWS]),
        ),
    )


def judge_leakage(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return whether sampled feature rows equal their recomputation on truncated data."""
    policy, session = evidence.raw.policy, evidence.raw.session
    return (
        check_leakage(
            stored=evidence.stored,
            recompute=evidence.recompute,
            sessions=sampled_moments(evidence.stored_sessions, session=session, count=policy.leakage_moments),
            symbols=sampled_symbols(
                evidence.features.column("symbol").to_pylist(), session=session, count=policy.leakage_symbols
            ),
        ),
    )


def judge_expectations(evidence: FeatureEvidence) -> tuple[Verdict, ...]:
    """Return one verdict per expectation on the session's feature rows."""
    return judge_suite(FEATURE_SUITE, evidence.features, policy=evidence.raw.policy)


def _dense(evidence: FeatureEvidence) -> list[Feature]:
    return [feature for feature in evidence.catalogue if feature.family not in _SPARSE_FAMILIES]


def _present(evidence: FeatureEvidence, features: Sequence[Feature]) -> npt.NDArray[np.bool_]:
    """Return which values are present, shape (n_symbols, n_features)."""
    columns = [evidence.features.column(feature.name).is_valid().to_numpy() for feature in features]
    empty: npt.NDArray[np.bool_] = np.zeros((evidence.features.num_rows, 0), dtype=bool)
    return np.column_stack(columns) if columns else empty


FEATURE_CHECKS: tuple[Check[FeatureEvidence], ...] = (
    Check(
        name="marts_are_current",
        subject=_SUBJECT,
        promise="every judged mart has rows of the session",
        judge=judge_marts_are_current,
    ),
    Check(
        name="rows_match_bars",
        subject=_SUBJECT,
        promise="each listed symbol with a bar has exactly one feature row",
        judge=judge_rows_match_bars,
    ),
    Check(
        name="symbol_coverage",
        subject=_SUBJECT,
        promise="symbols have most of their features",
        judge=judge_symbol_coverage,
    ),
    Check(
        name="cycle_coverage",
        subject=_SUBJECT,
        promise="most features of all symbols are present",
        judge=judge_cycle_coverage,
    ),
    Check(
        name="families_are_present",
        subject=_SUBJECT,
        promise="each family of features is present where its source is",
        judge=judge_families,
    ),
    Check(
        name="sectors_are_known",
        subject="features/fct_trading_facts",
        promise="symbols without a sector are named",
        judge=judge_sectors,
    ),
    Check(
        name="columns_vary",
        subject=_SUBJECT,
        promise="features differ between symbols",
        judge=judge_columns_vary,
    ),
    Check(
        name="values_are_finite",
        subject=_SUBJECT,
        promise="every value is a finite number",
        judge=judge_values_are_finite,
    ),
    Check(
        name="feature_expectations",
        subject=_SUBJECT,
        promise="feature rows hold what their columns may hold",
        judge=judge_expectations,
    ),
    Check(
        name="no_leakage",
        subject=_SUBJECT,
        promise="no sampled feature knows the future",
        judge=judge_leakage,
    ),
)
"""The checks of the feature gate, in declared order."""

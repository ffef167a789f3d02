"""Whatever a batch holds that no market can show is named, and no order comes of it."""

from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution.artifact_files import write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import BatchRefused, CertificateRefused, TouchstoneError
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.ledger.why_rows import read_why_rows
from execution.session import run_session
from execution.session.proof import believed_signals, refuse_malformed_batch, refuse_unproven_batch
from execution.signal_batch_store import BATCHES_FOLDER
from tests.builders.batches import a_batch, a_signal
from tests.builders.trading_days import CALENDAR, FIRST, SYMBOLS, TradingDays

PROPERTY = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
NOT_FINITE = [float("nan"), float("inf"), float("-inf")]
NOT_FINITE_USD = [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")]
# Before the cut-off, at it, and a thousandth of seconds since 1970 read as something else.
NOT_NEXT = [datetime(1970, 1, 20, tzinfo=UTC), CALENDAR.as_of(FIRST), datetime(2999, 1, 1, tzinfo=UTC)]

# Of the whole batch: it was not written by this program.
WHOLE: dict[str, list[Any]] = {
    "schema_version": [0, 2, -1],
    "session": [datetime(2024, 3, 6).date(), datetime(1970, 1, 1).date()],  # noqa: DTZ001 - an exchange day
    "as_of": [datetime(2024, 3, 5, 23), datetime(1970, 1, 1)],  # noqa: DTZ001 - naive on purpose
    "strategy": ["", "reversal"],
    "horizon_sessions": [0, -5, 10_000],
    "mode": ["paper", "live"],
    "is_synthetic": [False],
    "decision_reason": ["", " "],
    "regime": ["", "sideways"],
    "vix_basis": [None, ""],
    "next_macro_at": [datetime(2024, 3, 20), *NOT_NEXT],  # noqa: DTZ001 - naive on purpose
    "snapshot_hash": ["", "0" * 64, "f" * 63, "Z" * 64],
    "features_hash": ["", "0" * 64, "../../etc"],
    "model_hash": [None, "", "x" * 64],
    "settings_hash": ["", "g" * 64],
    "code_hash": ["", "abc"],
    "vix": [*NOT_FINITE, 0.0, -1.0, 1e9],
}
# Of one symbol: it was read in another unit, or of another symbol.
SYMBOL: dict[str, list[Any]] = {
    "close_usd": [Decimal(0), Decimal("-40.25"), Decimal("4025.00"), Decimal("0.01"), Decimal("1e12")],
    "atr14_usd": [Decimal(0), Decimal(-1), Decimal(1_000), Decimal("1e12")],
    "adv20_shares": [0, -1, 10**15, 10],
    "volatility_20d": [-0.02, 200.0],
    "dollar_volume_20d_usd": [Decimal(-1), Decimal("1e15")],
    "expected_return_bps": [1e9, -1e9],
    "probability_up": [-0.01, 1.01, 58.0],
    "returns_60d": [(0.01,) * 61, (-1.5,), (1e6,)],
    "next_event_at": [datetime(2024, 3, 20), *NOT_NEXT],  # noqa: DTZ001 - naive on purpose
    "score": [1e9, -1e9],
    "sector": ["", " "],
    "missing_reason": ["no bar"],
}
FLOATS = ("score", "expected_return_bps", "probability_up", "volatility_20d")
MAPPINGS = ("features", "contributions")
AMOUNTS = ("close_usd", "atr14_usd", "dollar_volume_20d_usd")


def one_of(table: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([{name: value} for name, values in table.items() for value in values])


def planned(batch: SignalBatch) -> tuple[str, list[str], dict[str, str]]:
    """Return what came of planning a batch: how it ended, the symbols ordered, and the reason of each symbol."""
    memory = Path("/dev/shm")  # noqa: S108 - only for speed, any folder will do
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        days = TradingDays(Path(folder))
        desk = days.evening(FIRST)
        try:
            digest = write_by_hash(days.artifacts_root / BATCHES_FOLDER, canonical_bytes(batch), suffix=".json")
            report = run_session.plan(desk, session=FIRST, batch_hash=digest)
        except (TouchstoneError, ValueError) as refusal:
            return f"{type(refusal).__name__}: {refusal}", [], {}
        ordered = [record.order.symbol for record in desk.ledger.book().orders.values()]
        rows = read_why_rows(desk.artifacts, report.why_rows_hash or "")
        return f"{report.status}: {report.reason}", ordered, {row.symbol: row.reason for row in rows}


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> SignalBatch:
    return TradingDays(tmp_path_factory.mktemp("batch")).a_batch()


@PROPERTY
@given(changes=one_of(WHOLE))
def test_a_batch_with_a_wrong_field_orders_nothing_and_says_why(batch: SignalBatch, changes: dict[str, Any]) -> None:
    told, ordered, _ = planned(replace(batch, **changes))
    assert ordered == []
    assert len(told) > len("planned: ")


@PROPERTY
@given(changes=one_of(SYMBOL))
def test_a_symbol_with_a_wrong_number_is_left_out_with_its_reason(batch: SignalBatch, changes: dict[str, Any]) -> None:
    wrong = replace(batch.signals[0], **changes)
    told, ordered, reasons = planned(replace(batch, signals=(wrong, *batch.signals[1:])))
    assert "AAA" not in ordered
    assert reasons.get("AAA") or not told.startswith("planned")


@PROPERTY
@given(
    changes=st.one_of(
        st.sampled_from([{name: value} for name in FLOATS for value in NOT_FINITE]),
        st.sampled_from([{name: value} for name in AMOUNTS for value in NOT_FINITE_USD]),
        st.sampled_from(
            [{name: {"return_5d": value}} for name in ("features", "contributions") for value in NOT_FINITE]
        ),
        st.sampled_from([{"returns_60d": (0.01, value)} for value in NOT_FINITE]),
    )
)
def test_a_number_that_is_none_refuses_the_batch(changes: dict[str, Any]) -> None:
    with pytest.raises(BatchRefused, match=f"AAA {next(iter(changes))} is not finite"):
        refuse_malformed_batch(a_batch([replace(a_signal("AAA"), **changes)]))


@pytest.mark.parametrize("symbol", ["", " ", "aaa", "A B", "../AAA", "A" * 16, "AAA\n"])
def test_a_name_that_is_no_symbol_refuses_the_batch(symbol: str) -> None:
    with pytest.raises(BatchRefused, match="expected an exchange symbol"):
        refuse_malformed_batch(a_batch([a_signal(symbol)]))


def test_a_symbol_told_twice_refuses_the_batch() -> None:
    with pytest.raises(BatchRefused, match="not sorted by symbol, one each"):
        refuse_malformed_batch(a_batch([a_signal("AAA"), a_signal("AAA")]))


@pytest.mark.parametrize("name", [field.name for field in fields(SymbolSignal) if field.name != "symbol"])
def test_a_field_that_is_absent_in_the_file_orders_nothing_in_its_symbol(batch: SignalBatch, name: str) -> None:
    content = orjson.loads(canonical_bytes(batch))
    content["signals"][0][name] = None
    memory = Path("/dev/shm")  # noqa: S108 - only for speed, any folder will do
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        days = TradingDays(Path(folder))
        digest = write_by_hash(days.artifacts_root / BATCHES_FOLDER, orjson.dumps(content), suffix=".json")
        desk = days.evening(FIRST)
        with suppress(BatchRefused):
            run_session.plan(desk, session=FIRST, batch_hash=digest)
        ordered = {record.order.symbol for record in desk.ledger.book().orders.values()}
        may_be_absent = {"expected_return_bps", "probability_up", "features_hash", "next_event_at", "missing_reason"}
        assert "AAA" not in ordered or name in may_be_absent | {"volatility_20d", "dollar_volume_20d_usd"}


def test_a_field_the_schema_does_not_know_by_type_is_refused(batch: SignalBatch) -> None:
    content = orjson.loads(canonical_bytes(batch))
    content["signals"][0]["close_usd"] = {"usd": 40}
    with TemporaryDirectory() as folder:
        days = TradingDays(Path(folder))
        digest = write_by_hash(days.artifacts_root / BATCHES_FOLDER, orjson.dumps(content), suffix=".json")
        with pytest.raises(BatchRefused, match="is no signal batch"):
            run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=digest)


def test_a_whole_batch_is_believed_as_it_is(batch: SignalBatch) -> None:
    refuse_malformed_batch(batch)
    assert believed_signals(batch) == batch.signals
    assert {signal.symbol for signal in batch.signals} == set(SYMBOLS)


def test_money_is_never_traded_on_a_made_market(batch: SignalBatch) -> None:
    live = replace(batch, mode="live")
    with pytest.raises(CertificateRefused, match="made of a simulated market"):
        refuse_unproven_batch(live, mode="live", calendar=CALENDAR)
    refuse_unproven_batch(replace(live, is_synthetic=False), mode="live", calendar=CALENDAR)

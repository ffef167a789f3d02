from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from assets.feature_catalogue import NAMES
from assets.ml.score_store import ScoreStore
from assets.ml.scoring import score
from assets.ml.signal_batch import build_signal_batch
from execution.domain.canonical import content_hash
from execution.domain.errors import BatchRefused, CertificateRefused
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.signal_batch_store import SignalBatchStore
from tests.builders.raw_rows import action, bar
from tests.unit.ml.marts_builder import CALENDAR, IDENTITY, SNAPSHOT_HASH, a_certificate, a_market, a_policy, stage


def inputs(learned, tmp_path, *, session=None, warehouse=None, mode="simulated"):
    session, warehouse = session or learned.session, warehouse or learned.warehouse
    certificate = a_certificate(warehouse, session)
    made = score(
        warehouse,
        ScoreStore(tmp_path / "scores"),
        learned.models,
        certificate=certificate,
        mode=mode,
        now=CALENDAR.as_of(session),
        policy=a_policy(),
        calendar=CALENDAR,
    )
    return {"certificate": certificate, "note": made.note, "scores": made.scores}


def build(learned, tmp_path, *, warehouse=None, session=None, **changes) -> SignalBatch:
    given = inputs(learned, tmp_path, session=session, warehouse=warehouse) | changes
    return build_signal_batch(
        warehouse or learned.warehouse,
        snapshot_hash=given.pop("snapshot_hash", SNAPSHOT_HASH),
        identity=IDENTITY,
        horizon_sessions=5,
        calendar=CALENDAR,
        **given,
    )


def of(batch: SignalBatch, symbol: str) -> SymbolSignal:
    return {signal.symbol: signal for signal in batch.signals}[symbol]


def test_every_listed_symbol_appears_once_in_order(learned, tmp_path):
    batch = build(learned, tmp_path)
    assert [signal.symbol for signal in batch.signals] == list(learned.market.symbols)


def test_a_member_without_a_bar_is_there_without_a_price(learned, tmp_path):
    absent = of(build(learned, tmp_path), "S006")
    assert (absent.close_usd, absent.score, absent.features_hash) == (None, None, None)
    assert absent.missing_reason is not None


def test_every_symbol_has_a_score_or_the_reason_it_has_none(learned, tmp_path):
    for signal in build(learned, tmp_path).signals:
        assert (signal.score is None) == (signal.missing_reason is not None)


def test_a_name_left_out_of_the_universe_says_why(learned, tmp_path):
    left_out = of(build(learned, tmp_path), "S004")
    assert not left_out.is_tradable
    assert left_out.missing_reason == "not in the universe: too little volume"


def test_the_batch_names_its_whole_origin(learned, tmp_path):
    batch = build(learned, tmp_path)
    certificate = a_certificate(learned.warehouse, learned.session)
    assert batch.certificate == certificate
    assert batch.features_hash == certificate.features_hash
    assert batch.snapshot_hash == SNAPSHOT_HASH
    assert batch.model_hash == learned.model_hash
    assert (batch.settings_hash, batch.code_hash) == (IDENTITY.settings_hash, IDENTITY.code_hash)
    assert batch.is_synthetic
    assert batch.as_of == CALENDAR.as_of(learned.session)
    assert batch.decision_source == "model"
    assert (batch.regime, batch.vix, batch.vix_basis) == ("bull_calm", 18.5, "vix_stand_in")


def test_same_inputs_give_the_same_hash_and_survive_the_store(learned, tmp_path):
    one, two = build(learned, tmp_path / "one"), build(learned, tmp_path / "two")
    assert one.hash == two.hash
    store = SignalBatchStore(tmp_path)
    assert store.load(store.publish(one)) == one


def test_money_is_decimal_and_rounded_once(learned, tmp_path):
    signal = of(build(learned, tmp_path), "S001")
    assert signal.close_usd == Decimal("51.25")
    assert signal.atr14_usd == Decimal("1.234568")
    assert signal.dollar_volume_20d_usd == Decimal("50250000.13")
    assert type(signal.adv20_shares) is int


def test_an_unknown_sector_stays_unknown(learned, tmp_path):
    assert of(build(learned, tmp_path), "S000").sector is None


def test_features_are_kept_with_their_hash(learned, tmp_path):
    signal = of(build(learned, tmp_path), "S001")
    assert tuple(signal.features) == NAMES
    assert signal.features["rsi_14"] == learned.market.features["rsi_14"][-1, 1]
    assert signal.features["earnings_yield"] is None
    assert signal.features_hash == content_hash(signal.features)


def test_returns_are_the_last_sixty_oldest_first(learned, tmp_path):
    expected = learned.market.returns[-60:, 1].tolist()
    assert list(of(build(learned, tmp_path), "S001").returns_60d) == expected


def a_market_with_gaps():
    market = a_market(symbols=6, sessions=80)
    market.has_bar[:70, 2] = False
    market.has_bar[75, 3] = False
    market.returns[70, 2] = np.nan
    return market


def test_a_young_name_has_a_shorter_series(learned, tmp_path):
    market = a_market_with_gaps()
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    batch = build(learned, tmp_path, warehouse=warehouse, session=market.sessions[-1])
    assert list(of(batch, "S002").returns_60d) == market.returns[71:, 2].tolist()


def test_a_session_without_a_bar_keeps_the_series_aligned(learned, tmp_path):
    market = a_market_with_gaps()
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    series = of(build(learned, tmp_path, warehouse=warehouse, session=market.sessions[-1]), "S003").returns_60d
    assert len(series) == 60
    assert series[-5] == 0.0
    assert series[-4:] == tuple(market.returns[76:, 3].tolist())


def test_a_split_told_late_leaves_no_fall_in_the_returns_handed_over(learned, tmp_path):
    market = a_market(symbols=6, sessions=80)
    market.returns[75, 2] = -0.5
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    ex_session, late = market.sessions[75], CALENDAR.as_of(market.sessions[75]) + timedelta(hours=2)
    bars = [bar("S002", day, 100.0 if day < ex_session else 50.0) for day in market.sessions[70:]]
    stage(warehouse.path, bars, [action("S002", ex_session, "split", "2", late)])
    on_its_evening, later = (
        of(build(learned, tmp_path, warehouse=warehouse, session=session), "S002").returns_60d
        for session in (ex_session, market.sessions[-1])
    )
    assert on_its_evening[-1] == -0.5
    assert later[-5] == 0.0


def test_a_red_certificate_makes_no_batch(learned, tmp_path):
    red = a_certificate(learned.warehouse, learned.session, failed=["leakage"])
    with pytest.raises(CertificateRefused, match="red"):
        build(learned, tmp_path, certificate=red)


def test_a_certificate_of_another_snapshot_makes_no_batch(learned, tmp_path):
    with pytest.raises(CertificateRefused, match="snapshot"):
        build(learned, tmp_path, snapshot_hash="0" * 64)


def test_a_certificate_of_other_features_makes_no_batch(learned, tmp_path):
    other = replace(a_certificate(learned.warehouse, learned.session), features_hash="0" * 64)
    with pytest.raises(CertificateRefused, match="features scored"):
        build(learned, tmp_path, certificate=other)


def test_a_certificate_with_another_cut_off_makes_no_batch(learned, tmp_path):
    certificate = a_certificate(learned.warehouse, learned.session)
    late = replace(certificate, as_of=CALENDAR.as_of(CALENDAR.next(learned.session)))
    with pytest.raises(CertificateRefused, match="cut-off"):
        build(learned, tmp_path, certificate=late)


def test_scores_of_another_session_make_no_batch(learned, tmp_path):
    given = inputs(learned, tmp_path)
    stray = replace(given["scores"], session=CALENDAR.previous(learned.session))
    with pytest.raises(CertificateRefused, match="session scored"):
        build(learned, tmp_path, scores=stray)


def test_a_session_on_hold_makes_no_batch(learned, tmp_path):
    note = replace(inputs(learned, tmp_path)["note"], source="hold", reason="no champion")
    with pytest.raises(BatchRefused, match="no champion"):
        build(learned, tmp_path, note=note)

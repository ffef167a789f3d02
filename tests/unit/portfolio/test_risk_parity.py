from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from skfolio.cluster import HierarchicalClustering, LinkageMethod
from skfolio.optimization import HierarchicalRiskParity
from skfolio.seriation import HierarchicalSeriation

from execution.portfolio.risk_parity import risk_parity_weights
from tests.builders.sizing import constructed, left_out_of, plain, target_of


def _returns(seed: int, *, shared: tuple[float, ...] = (), deviation: float = 0.01) -> tuple[float, ...]:
    """Return 60 returns that follow `shared` as far as it is there, with noise of their own."""
    own = np.random.default_rng(seed).normal(0, deviation, 60).tolist()
    return tuple(own) if not shared else tuple(0.95 * one + 0.05 * two for one, two in zip(shared, own, strict=True))


def test_the_weights_are_those_of_the_library_on_many_drawn_markets() -> None:
    library = HierarchicalRiskParity(
        seriation_estimator=HierarchicalSeriation(
            hierarchical_clustering_estimator=HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
        )
    )
    for seed in range(5):
        draws = np.random.default_rng(seed)
        mixed = draws.normal(0, 0.01, (60, 7)) @ draws.normal(0, 1, (7, 7))
        symbols = [f"S{number}" for number in range(7)]
        ours = risk_parity_weights({symbol: tuple(mixed[:, at]) for at, symbol in enumerate(symbols)})
        frame = pd.DataFrame(mixed, columns=symbols, index=pd.bdate_range("2024-01-01", periods=60))
        theirs = dict(zip(symbols, library.fit(frame).weights_, strict=True))
        assert ours == pytest.approx(theirs, abs=1e-9)
        assert sum(ours.values()) == pytest.approx(1)


def test_the_order_of_the_symbols_changes_nothing() -> None:
    market = {f"S{number}": _returns(number) for number in range(6)}
    backwards = dict(reversed(market.items()))
    assert risk_parity_weights(market) == risk_parity_weights(backwards)


def test_a_calm_symbol_gets_more_than_a_wild_one_by_inverse_variance() -> None:
    calm = _returns(1)
    weights = risk_parity_weights({"CALM": calm, "WILD": tuple(2 * value for value in _returns(2))})
    variances = {"CALM": float(np.var(calm)), "WILD": 4 * float(np.var(_returns(2)))}
    assert weights["CALM"] / weights["WILD"] == pytest.approx(variances["WILD"] / variances["CALM"])


def test_of_one_symbol_and_of_none_the_whole_is_given() -> None:
    assert risk_parity_weights({"A": _returns(1)}) == {"A": 1.0}
    assert risk_parity_weights({}) == {}


def test_two_that_move_as_one_share_what_a_third_gets_alone() -> None:
    twin = _returns(7)
    signals = [
        plain("A", score=0.9, returns_60d=twin),
        plain("B", score=0.8, returns_60d=_returns(8, shared=twin)),
        plain("C", score=0.7, returns_60d=_returns(9)),
    ]
    each = {"position_max_weight": Decimal(1), "risk_per_trade_fraction": Decimal("0.02"), "kelly_multiple": 0}
    built = constructed(signals, spread="risk_parity", entry_top_fraction=Decimal(1), hold_top_fraction=1, **each)
    a, b, c = (target_of(built, symbol).weight for symbol in "ABC")
    assert a + b < c * Decimal("1.6")
    assert c > max(a, b)


def test_no_position_grows_beyond_its_cap_and_the_reason_says_what_sized_it() -> None:
    signals = [plain(f"S{number}", score=1 - number / 10, returns_60d=_returns(number)) for number in range(4)]
    options = {"entry_top_fraction": Decimal(1), "hold_top_fraction": Decimal(1)}
    alone = constructed(signals, **options)
    spread = constructed(signals, spread="risk_parity", **options)
    assert all(target_of(spread, s.symbol).weight <= target_of(alone, s.symbol).weight for s in signals)
    assert any("risk parity" in target.reason for target in spread.targets)


@pytest.mark.parametrize("unknown", [(), (0.01,) * 60, _returns(3)[:59], (*_returns(3)[:59], float("nan"))], ids=str)
def test_a_symbol_whose_movement_is_unknown_is_left_out_by_name(unknown: tuple[float, ...]) -> None:
    signals = [plain("A", score=0.9, returns_60d=unknown), plain("B", score=0.8, returns_60d=_returns(2))]
    built = constructed(signals, spread="risk_parity", entry_top_fraction=Decimal(1), hold_top_fraction=Decimal(1))
    left_out = left_out_of(built, "A")
    assert left_out.stage == "unknown"
    assert "60 one-session returns" in left_out.reason
    assert target_of(built, "B").quantity_shares > 0


def test_when_room_is_short_risk_parity_buys_the_best_ranks_that_fit() -> None:
    signals = [plain(f"S{number}", score=1 - number / 10, returns_60d=_returns(number)) for number in range(6)]
    held = plain("HELD", score=-1.0, returns_60d=_returns(9))
    built = constructed(
        [*signals, held],
        held={"HELD": 1_916},
        spread="risk_parity",
        max_names=5,
        entry_top_fraction=Decimal(1),
        hold_top_fraction=Decimal(1),
    )
    bought = [target.symbol for target in built.targets if not target.is_held]
    assert bought
    assert bought == [signal.symbol for signal in signals[: len(bought)]]

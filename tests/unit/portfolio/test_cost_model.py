from decimal import Decimal

import pytest
from pydantic import ValidationError

from execution.portfolio.cost_model import CostModel

NOTHING = Decimal(0)
MODELLED = CostModel(half_spread_bps=Decimal(2), impact_bps=Decimal(100))


def test_by_default_a_fill_gives_up_ten_basis_points_and_pays_no_commission() -> None:
    costs = CostModel()
    assert costs.adverse_bps(Decimal("0.04")) == 10
    assert costs.fee_usd(side="sell", quantity_shares=100, price_usd=Decimal(50)) == 0
    assert costs.round_trip_bps(NOTHING) == 20


def test_a_model_of_spread_and_impact_replaces_the_flat_slippage() -> None:
    assert MODELLED.adverse_bps(NOTHING) == 2
    assert MODELLED.adverse_bps(Decimal("0.04")) == 22


def test_impact_grows_with_the_root_of_participation() -> None:
    one, four = (MODELLED.adverse_bps(Decimal(share)) - 2 for share in ("0.01", "0.04"))
    assert four == 2 * one


@pytest.mark.parametrize("half", [{"half_spread_bps": 2}, {"impact_bps": 100}])
def test_half_a_model_is_refused(half: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="give both"):
        CostModel.model_validate(half)


def test_prices_are_rounded_against_us() -> None:
    costs = CostModel()
    open_usd = Decimal("33.33")
    assert costs.execution_price_usd(side="buy", reference_usd=open_usd, participation=NOTHING) == Decimal("33.37")
    assert costs.execution_price_usd(side="sell", reference_usd=open_usd, participation=NOTHING) == Decimal("33.29")


def test_a_price_below_a_dollar_keeps_four_digits() -> None:
    price = CostModel().execution_price_usd(side="buy", reference_usd=Decimal("0.5"), participation=NOTHING)
    assert price == Decimal("0.5005")


def test_parts_of_a_cent_of_a_fee_are_dropped() -> None:
    costs = CostModel(commission_usd_per_share=Decimal("0.005"))
    assert costs.fee_usd(side="buy", quantity_shares=3, price_usd=Decimal(50)) == Decimal("0.01")


def test_a_sale_never_costs_more_than_it_brings() -> None:
    costs = CostModel(commission_usd_per_share=Decimal(1))
    assert costs.fee_usd(side="sell", quantity_shares=10, price_usd=Decimal("0.05")) == Decimal("0.50")


def test_only_sales_pay_the_fee_on_value() -> None:
    costs = CostModel(sell_fee_bps=Decimal(1))
    assert costs.fee_usd(side="sell", quantity_shares=100, price_usd=Decimal(50)) == Decimal("0.50")
    assert costs.fee_usd(side="buy", quantity_shares=100, price_usd=Decimal(50)) == 0


def test_a_modelled_fill_is_made_worse_by_the_volume_it_takes() -> None:
    # 2 bps of half a spread and 20 of impact at 4 % of the volume.
    taken = {"reference_usd": Decimal(50), "participation": Decimal("0.04")}
    assert MODELLED.execution_price_usd(side="buy", **taken) == Decimal("50.11")
    assert MODELLED.execution_price_usd(side="sell", **taken) == Decimal("49.89")


def test_a_sale_for_less_than_a_dollar_brings_what_it_brings() -> None:
    assert CostModel().execution_price_usd(side="sell", reference_usd=Decimal("0.5"), participation=NOTHING) == Decimal(
        "0.4995"
    )


def test_a_round_trip_costs_both_ways_and_the_fee_of_the_sale() -> None:
    costs = MODELLED.model_copy(update={"sell_fee_bps": Decimal(3)})
    assert costs.round_trip_bps(Decimal("0.04")) == 2 * 22 + 3


def test_costs_so_many_times_as_high_are_so_many_times_as_high() -> None:
    costs = CostModel(
        slippage_bps=Decimal(900),
        half_spread_bps=Decimal(2),
        impact_bps=Decimal(9_000),
        commission_usd_per_share=Decimal("0.9"),
        sell_fee_bps=Decimal(40),
    )
    tripled = costs.model_dump() | {
        "slippage_bps": Decimal(2_700),
        "half_spread_bps": Decimal(6),
        "impact_bps": Decimal(27_000),
        "commission_usd_per_share": Decimal("2.7"),
        "sell_fee_bps": Decimal(120),
    }
    assert costs.times(Decimal(3)).model_dump() == tripled
    assert costs.times(Decimal(3)).round_trip_bps(NOTHING) == 3 * costs.round_trip_bps(NOTHING)


def test_costs_above_their_bound_are_refused_in_settings() -> None:
    with pytest.raises(ValidationError, match="sell_fee_bps"):
        CostModel(sell_fee_bps=Decimal(101))


def test_a_flat_model_stays_flat_however_high() -> None:
    costs = CostModel().times(Decimal(3))
    assert (costs.slippage_bps, costs.half_spread_bps, costs.impact_bps) == (30, None, None)

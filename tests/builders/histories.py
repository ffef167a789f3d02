"""Random histories of an account, for properties: what a venue could do to it, in an order that could have happened."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from execution.domain.events import CorporateActionBooked, Event, FillBooked
from execution.domain.quantities import Shares
from tests.builders.orders import AT, a_fill, account_opened, an_action, an_adjustment

PRICES = st.decimals("0.01", "900", places=4)
FEES = st.decimals("0", "5", places=2)
SIZES = st.integers(1, 500) | st.decimals("0.000000001", "500", places=9)


@st.composite
def account_histories(draw: st.DrawFn, *, most: int = 25) -> list[Event]:
    """Draw fills, busts, corporate actions and adjustments of two symbols: parts of shares, shorts, turns through 0."""
    events: list[Event] = [account_opened()]
    held: dict[str, Shares] = {"AAA": 0, "BBB": 0}
    for number in range(draw(st.integers(1, most))):
        symbol = draw(st.sampled_from(sorted(held)))
        kind = draw(st.sampled_from(["buy", "sell", "dividend", "split", "delisting", "moved", "paid", "bust"]))
        if kind == "bust":
            # An execution of any age, or one that was taken back before; the venue may keep its fee.
            known = [event.fill for event in events if isinstance(event, FillBooked) and event.fill.symbol == symbol]
            if known:
                taken = draw(st.sampled_from(known))
                side = "sell" if taken.side == "buy" else "buy"
                held[symbol] += taken.quantity_shares if side == "buy" else -taken.quantity_shares
                fee, named = draw(st.sampled_from([-taken.fee_usd, Decimal(0)])), taken.execution_id
                bust = replace(taken, execution_id=f"x{number}", side=side, fee_usd=fee, reverses=named)
                events.append(FillBooked(at=AT, fill=bust))
        elif kind in ("buy", "sell"):
            shares = draw(SIZES)
            held[symbol] += shares if kind == "buy" else -shares
            price, fee = draw(PRICES), draw(FEES)
            fill = a_fill(
                f"x{number}",
                symbol,
                side=kind,
                client_order_id="foreign",
                quantity_shares=shares,
                price_usd=price,
                fee_usd=fee,
            )
            events.append(FillBooked(at=AT, fill=fill))
        elif kind == "paid":
            events.append(an_adjustment(cash_usd=draw(st.decimals("-500", "500", places=2))))
        elif kind == "moved":
            # Only what is held long can be carried away, or be added to.
            if held[symbol] >= 0:
                moved = draw(st.sampled_from([draw(SIZES), -held[symbol], -(held[symbol] // 2)]))
                held[symbol] += moved
                cost = draw(PRICES) if moved > 0 else Decimal(0)
                events.append(an_adjustment(symbol, shares_delta=moved, cost_usd=cost))
        elif held[symbol]:
            delta = {"dividend": 0, "split": held[symbol], "delisting": -held[symbol]}[kind]
            held[symbol] += delta
            # Who is short pays the dividend.
            cash = draw(FEES) * (1 if delta >= 0 and held[symbol] > 0 else draw(st.sampled_from([1, -1])))
            entry = an_action(f"c{number}", symbol, kind=kind, quantity_delta_shares=delta, cash_usd=Decimal(cash))
            events.append(CorporateActionBooked(at=AT, entry=entry))
    return events

"""The fold of the ledger equals independent simple arithmetic, to the last digit."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.events import CorporateActionBooked, Event, FillBooked
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.ledger.book import Book
from execution.ledger.event_codec import decoded, encoded
from execution.ledger.folding import folded
from tests.builders.orders import AT, a_fill, account_opened, an_action

PRICES = st.decimals("0.01", "900", places=4)
FEES = st.decimals("0", "5", places=2)


@st.composite
def histories(draw: st.DrawFn) -> list[BrokerFill | CorporateActionEntry]:
    events: list[BrokerFill | CorporateActionEntry] = []
    held = {"AAA": 0, "BBB": 0}
    for number in range(draw(st.integers(1, 25))):
        symbol = draw(st.sampled_from(sorted(held)))
        kind = draw(st.sampled_from(["buy", "sell", "dividend", "split", "delisting"]))
        if kind == "buy" or (kind == "sell" and held[symbol]):
            most = 500 if kind == "buy" else held[symbol]
            shares = draw(st.integers(1, most))
            held[symbol] += shares if kind == "buy" else -shares
            events.append(
                a_fill(
                    f"x{number}",
                    symbol,
                    side=kind,
                    client_order_id="foreign",
                    quantity_shares=shares,
                    price_usd=draw(PRICES),
                    fee_usd=draw(FEES),
                )
            )
        elif kind in ("dividend", "split", "delisting") and held[symbol]:
            delta = {"dividend": 0, "split": held[symbol], "delisting": -held[symbol]}[kind]
            held[symbol] += delta
            events.append(an_action(f"c{number}", symbol, kind=kind, quantity_delta_shares=delta, cash_usd=draw(FEES)))
    return events


def _booked(entry: BrokerFill | CorporateActionEntry) -> Event:
    if isinstance(entry, BrokerFill):
        return FillBooked(at=AT, fill=entry)
    return CorporateActionBooked(at=AT, entry=entry)


def _book(history: list[BrokerFill | CorporateActionEntry]) -> Book:
    return folded(Book(), [account_opened(), *map(_booked, history)])


@settings(deadline=None, max_examples=150)
@given(history=histories())
def test_cash_and_shares_equal_simple_sums(history: list[BrokerFill | CorporateActionEntry]) -> None:
    cash, shares = Fraction(100_000), {"AAA": 0, "BBB": 0}
    for entry in history:
        if isinstance(entry, BrokerFill):
            signed = entry.quantity_shares if entry.side == "buy" else -entry.quantity_shares
            cash -= signed * Fraction(entry.price_usd) + Fraction(entry.fee_usd)
            shares[entry.symbol] += signed
        else:
            cash += Fraction(entry.cash_usd)
            shares[entry.symbol] += entry.quantity_delta_shares
    book = _book(history)
    assert Fraction(book.cash_usd) == cash
    assert book.held_shares == {symbol: held for symbol, held in shares.items() if held}


@settings(deadline=None, max_examples=150)
@given(history=histories())
def test_cash_and_cost_equal_opening_cash_and_realised_profit(history: list[BrokerFill | CorporateActionEntry]) -> None:
    book = _book(history)
    cost = sum((held.cost_usd for held in book.positions.values()), Decimal(0))
    realised = sum((held.realised_usd for held in book.positions.values()), Decimal(0))
    assert book.cash_usd + cost == 100_000 + realised
    assert book.realised_usd == realised
    assert all(held.cost_usd == 0 for held in book.positions.values() if held.shares == 0)


@settings(deadline=None, max_examples=100)
@given(history=histories())
def test_realised_profit_equals_average_cost_computed_with_fractions(
    history: list[BrokerFill | CorporateActionEntry],
) -> None:
    shares, cost, realised = {"AAA": 0, "BBB": 0}, {"AAA": Fraction(0), "BBB": Fraction(0)}, Fraction(0)
    for entry in history:
        symbol = entry.symbol
        if isinstance(entry, BrokerFill) and entry.side == "buy":
            shares[symbol] += entry.quantity_shares
            cost[symbol] += entry.quantity_shares * Fraction(entry.price_usd) + Fraction(entry.fee_usd)
        elif isinstance(entry, BrokerFill):
            gone = cost[symbol] * entry.quantity_shares / shares[symbol]
            realised += entry.quantity_shares * Fraction(entry.price_usd) - Fraction(entry.fee_usd) - gone
            shares[symbol] -= entry.quantity_shares
            cost[symbol] -= gone
        else:
            realised += Fraction(entry.cash_usd)
            shares[symbol] += entry.quantity_delta_shares
            if not shares[symbol]:
                realised -= cost[symbol]
                cost[symbol] = Fraction(0)
    # Each partial sale rounds the cost it takes away by half a cent at most.
    assert abs(Fraction(_book(history).realised_usd) - realised) <= Fraction(len(history), 100)


@settings(deadline=None, max_examples=100)
@given(history=histories(), cut=st.integers(0, 25))
def test_folding_in_two_parts_equals_folding_at_once(
    history: list[BrokerFill | CorporateActionEntry], cut: int
) -> None:
    first, second = history[:cut], history[cut:]
    assert folded(_book(first), map(_booked, second)) == _book(history)


@settings(deadline=None, max_examples=100)
@given(history=histories())
def test_events_survive_their_canonical_bytes(history: list[BrokerFill | CorporateActionEntry]) -> None:
    for number, entry in enumerate(history, start=1):
        assert decoded(encoded(number, _booked(entry))) == _booked(entry)

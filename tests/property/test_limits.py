"""Every limit is exact: an order one unit inside or at it goes whole, one unit beyond it does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution.domain.events import PositionsMarked
from execution.domain.orders import ProposedOrder
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import Blocked, review
from execution.risk.trading_context import TradingContext
from execution.session.trading_state import standing
from tests.builders.batches import SESSION
from tests.builders.orders import AT, CYCLE, account_opened
from tests.builders.sizing import CALENDAR, a_context, an_entry, an_exit, plain

LOOSE: Final[dict[str, Any]] = {
    "order_notional_max_usd": 10_000_000,
    "basket_notional_max_usd": 100_000_000,
    "order_quantity_max_shares": 10_000_000,
    "adv_share_max": Decimal("0.25"),
    "position_max_weight": 1,
    "sector_max_weight": 1,
    "concentration_max_weight": 1,
    "correlated_positions_max": 500,
    "var95_max_fraction": 1,
    "names_max": 500,
    "cash_min_weight": 0,
    "fee_allowance_bps": 0,
    "entries_per_day_max": 1_000,
    "atr_max_fraction": 1,
}
RICH: Final = Decimal(10_000_000)
SHARES: Final = st.integers(2, 2_000)
PRICES: Final = st.decimals("5", "900", places=2)
Edge = tuple[ProposedOrder, TradingContext, RiskLimits]


def at_edge(shares: int, price: Decimal, off: int, account: dict[str, Any], **limits: Any) -> Edge:
    """Return an order of `off` shares more than fit, in an account of cash; what is not said is loose."""
    signals = [plain(symbol, close_usd=price, atr14_usd=price / 50, adv20_shares=10**9) for symbol in ("AAA", "BBB")]
    signals[1] = replace(signals[1], sector="Utilities")
    signals[0] = replace(signals[0], **account.pop("signal", {}))
    order = an_entry(shares + off, reference_price_usd=price, limit_usd=price)
    equity = account.get("equity_usd", RICH)
    chosen: dict[str, Any] = {
        "equity_usd": equity,
        "day_start_equity_usd": equity,
        "cash_usd": 10 * RICH,
        **account,
    }
    return order, a_context(*signals, **chosen), RiskLimits.model_validate({**LOOSE, **limits})


def _order_notional(shares: int, price: Decimal, off: int) -> Edge:
    return at_edge(shares, price, off, {}, order_notional_max_usd=shares * price)


def _basket_notional(shares: int, price: Decimal, off: int) -> Edge:
    cap = shares * price
    return at_edge(shares, price, off, {}, basket_notional_max_usd=cap, order_notional_max_usd=cap)


def _order_quantity(shares: int, price: Decimal, off: int) -> Edge:
    return at_edge(shares, price, off, {}, order_quantity_max_shares=shares)


def _adv_share(shares: int, price: Decimal, off: int) -> Edge:
    return at_edge(shares, price, off, {"signal": {"adv20_shares": 50 * shares}}, adv_share_max=Decimal("0.02"))


def _position_weight(shares: int, price: Decimal, off: int) -> Edge:
    return at_edge(shares, price, off, {"equity_usd": 10 * shares * price}, position_max_weight=Decimal("0.1"))


def _sector_weight(shares: int, price: Decimal, off: int) -> Edge:
    # The other name of the sector holds twice as much.
    account = {
        "equity_usd": 10 * shares * price,
        "positions_shares": {"BBB": 2 * shares},
        "signal": {"sector": "Utilities"},
    }
    return at_edge(shares, price, off, account, sector_max_weight=Decimal("0.3"), position_max_weight=Decimal("0.3"))


def _gross(shares: int, price: Decimal, off: int) -> Edge:
    account = {"equity_usd": 3 * shares * price, "positions_shares": {"BBB": -2 * shares}}
    return at_edge(shares, price, off, account)


def _net(shares: int, price: Decimal, off: int) -> Edge:
    account = {"equity_usd": 10 * shares * price, "positions_shares": {"BBB": 2 * shares}}
    return at_edge(shares, price, off, account, net_max_weight=Decimal("0.3"))


def _concentration(shares: int, price: Decimal, off: int) -> Edge:
    account = {"equity_usd": 10 * shares * price, "positions_shares": {"BBB": 2 * shares}}
    return at_edge(shares, price, off, account, concentration_max_weight=Decimal("0.3"))


def _cash(shares: int, price: Decimal, off: int) -> Edge:
    return at_edge(shares, price, off, {"cash_usd": shares * price * 2, "unsettled_usd": shares * price})


def _cash_with_fees(shares: int, price: Decimal, off: int) -> Edge:
    cash = shares * price * Decimal("1.01")
    return at_edge(shares, price, off, {"cash_usd": cash}, fee_allowance_bps=100)


BY_SHARES: Final[dict[str, Callable[[int, Decimal, int], Edge]]] = {
    "order_notional": _order_notional,
    "basket_notional": _basket_notional,
    "order_quantity": _order_quantity,
    "adv_share": _adv_share,
    "position_weight": _position_weight,
    "sector_weight": _sector_weight,
    "gross": _gross,
    "net": _net,
    "concentration": _concentration,
    "cash": _cash,
    "cash with fees": _cash_with_fees,
}
NEVER_CUT: Final = {"order_notional", "basket_notional", "order_quantity"}


def check_edge(name: str, shares: int, price: Decimal, off: int) -> None:
    order, context, limits = BY_SHARES[name](shares, price, off)
    [verdict] = review(orders=[order], context=context, limits=limits)
    if off <= 0:
        assert (verdict.check, verdict.quantity_shares) == ("all", order.quantity_shares)
    else:
        assert (verdict.check, verdict.quantity_shares) == (
            name.removesuffix(" with fees"),
            0 if name in NEVER_CUT else shares,
        )


@pytest.mark.parametrize("name", BY_SHARES)
@settings(max_examples=60, deadline=None)
@given(shares=SHARES, price=PRICES, off=st.integers(-1, 1))
def test_a_limit_on_size_holds_to_the_share(name: str, shares: int, price: Decimal, off: int) -> None:
    check_edge(name, shares, price, off)


@pytest.mark.campaign
@pytest.mark.parametrize("name", BY_SHARES)
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(shares=SHARES, price=PRICES, off=st.integers(-1, 1))
def test_ten_thousand_orders_around_a_limit_on_size(name: str, shares: int, price: Decimal, off: int) -> None:
    check_edge(name, shares, price, off)


COUNTS: Final[dict[str, tuple[str, str]]] = {
    "entries_per_day": ("entries_today", "entries_per_day_max"),
    "messages_per_day": ("messages_today", "messages_per_day_max"),
    "losses_in_a_row": ("losses_in_a_row", "losses_in_a_row_max"),
}


@pytest.mark.parametrize("name", COUNTS)
@settings(max_examples=60, deadline=None)
@given(most=st.integers(2, 500), off=st.integers(-1, 1))
def test_a_limit_on_counts_holds_to_the_piece(name: str, most: int, off: int) -> None:
    counted_as, limit = COUNTS[name]
    context = a_context(**{counted_as: most - 1 + off})
    [verdict] = review(orders=[an_entry(1)], context=context, limits=RiskLimits.model_validate({limit: most}))
    assert verdict.check == ("all" if off <= 0 else name)


@settings(max_examples=200, deadline=None)
@given(minutes=st.integers(1, 10_080), off=st.integers(-1, 1))
def test_a_rest_between_trades_holds_to_the_microsecond(minutes: int, off: int) -> None:
    context = a_context()
    traded_at = context.now - timedelta(minutes=minutes, microseconds=off)
    limits = RiskLimits(cooldown_minutes=minutes)
    rested = replace(context, last_trade_at={"AAA": traded_at})
    [verdict] = review(orders=[an_entry(1)], context=rested, limits=limits)
    assert verdict.check == ("cooldown" if off < 0 else "all")


@settings(max_examples=200, deadline=None)
@given(close=st.decimals("5", "900", places=2), off=st.integers(-1, 1))
def test_a_range_holds_to_the_millionth_of_a_dollar(close: Decimal, off: int) -> None:
    atr = close * Decimal("0.06") + off * Decimal("0.000001")
    order = an_entry(1, reference_price_usd=close, limit_usd=close)
    [verdict] = review(orders=[order], context=a_context(plain(close_usd=close, atr14_usd=atr)), limits=RiskLimits())
    assert verdict.check == ("atr" if off > 0 else "all")


@settings(max_examples=200, deadline=None)
@given(
    start=st.decimals("1000", "90000", places=2),
    step=st.sampled_from([("1", "0.5"), ("1.5", "0.25"), ("2", "0")]),
    off=st.integers(-1, 1),
)
def test_entries_shrink_at_each_step_of_the_days_loss_to_the_cent(
    start: Decimal, step: tuple[str, str], off: int
) -> None:
    limits = RiskLimits()
    multiple, share = Decimal(step[0]), Decimal(step[1])
    loss = multiple * limits.daily_loss_soft_usd(start) + off * Decimal("0.01")
    before = {"1": Decimal(1), "1.5": Decimal("0.5"), "2": Decimal("0.25")}[step[0]]
    context = a_context(
        plain(close_usd=Decimal(5), atr14_usd=Decimal("0.05")),
        equity_usd=start - loss,
        day_start_equity_usd=start,
    )
    order = an_entry(8, reference_price_usd=Decimal(5), limit_usd=Decimal(5))
    [verdict] = review(orders=[order], context=context, limits=limits)
    assert verdict.quantity_shares == int(8 * (share if off >= 0 else before))


def _held(draw: st.DrawFn, symbols: tuple[str, ...]) -> dict[str, int]:
    return draw(st.dictionaries(st.sampled_from(symbols), st.integers(-300, 300), max_size=len(symbols)))


@st.composite
def reducing_books(draw: st.DrawFn) -> tuple[list[ProposedOrder], TradingContext]:
    symbols = ("AAA", "BBB", "CCC", "DDD")
    orders = []
    for _ in range(draw(st.integers(1, 8))):
        make = draw(st.sampled_from([an_entry, an_exit]))
        side = draw(st.sampled_from(["buy", "sell"]))
        orders.append(make(draw(st.integers(-5, 400)), draw(st.sampled_from(symbols)), side=side))
    context = a_context(
        *(plain(symbol) for symbol in symbols),
        positions_shares=_held(draw, symbols),
        trading_state="reducing",
        cash_usd=RICH,
        equity_usd=RICH,
    )
    return orders, context


def check_reducing(book: tuple[list[ProposedOrder], TradingContext]) -> None:
    orders, context = book
    position = dict(context.positions_shares)
    for verdict in review(orders=orders, context=context, limits=RiskLimits()):
        symbol, signed = verdict.order.symbol, verdict.quantity_shares * (1 if verdict.order.side == "buy" else -1)
        before = position.get(symbol, 0)
        position[symbol] = before + signed
        assert abs(position[symbol]) <= abs(before)
        assert position[symbol] * before >= 0


@settings(max_examples=250, deadline=None)
@given(reducing_books())
def test_a_reducing_account_never_takes_a_position_further_from_zero(
    book: tuple[list[ProposedOrder], TradingContext],
) -> None:
    check_reducing(book)


@pytest.mark.campaign
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(reducing_books())
def test_five_thousand_reducing_books_never_take_a_position_further_from_zero(
    book: tuple[list[ProposedOrder], TradingContext],
) -> None:
    check_reducing(book)


@st.composite
def paths(draw: st.DrawFn) -> tuple[list[int], str]:
    steps = draw(st.lists(st.integers(-2_500, 2_000), min_size=1, max_size=25))
    return steps, draw(st.sampled_from(["paper", "live"]))


def check_path(path: tuple[list[int], str]) -> None:
    """Walk an account's closes: each day's first breach ends its entries, a drawdown ends them until a resume."""
    steps, mode = path
    limits, book = RiskLimits(), folded(Book(), [account_opened()])
    equity = peak = Decimal(100_000)
    is_halted = False
    for day, step in enumerate(steps):
        start, equity = equity, equity + step
        # Every day is a new process: the book is all it knows of the days before.
        stands = standing(book=book, equity_usd=equity, limits=limits, mode=mode)  # type: ignore[arg-type] # drawn
        is_halted = is_halted or equity <= peak * Decimal("0.95")
        assert (stands.state == "halted") == is_halted
        context = a_context(
            trading_state=stands.state, equity_usd=equity, day_start_equity_usd=start, cash_usd=Decimal(100_000)
        )
        [verdict] = review(orders=[an_entry(4)], context=context, limits=limits)
        assert isinstance(verdict, Blocked) == (is_halted or start - equity >= limits.daily_loss_hard_usd(start))
        peak = max(peak, equity)
        book = msgspec.structs.replace(book, marks=(*book.marks, a_mark(day, equity)))


def a_mark(day: int, equity: Decimal) -> PositionsMarked:
    return PositionsMarked(
        at=AT + timedelta(days=day),
        cycle_id=CYCLE,
        marked_session=CALENDAR.offset(SESSION, day),
        positions=(),
        cash_usd=equity,
        equity_usd=equity,
        realised_usd=Decimal(0),
        unrealised_usd=equity - account_opened().cash_usd,
    )


@settings(max_examples=120, deadline=None)
@given(paths())
def test_from_the_first_breach_on_there_is_no_new_risk(path: tuple[list[int], str]) -> None:
    check_path(path)


@pytest.mark.campaign
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(paths())
def test_ten_thousand_paths_take_no_new_risk_from_the_first_breach_on(path: tuple[list[int], str]) -> None:
    check_path(path)

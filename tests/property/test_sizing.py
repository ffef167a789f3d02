"""What sizing and pre-trade checks promise for any batch and any account."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from execution.domain.orders import ProposedOrder
from execution.domain.quantities import Shares, is_on_tick, share_decimals
from execution.domain.signals import SymbolSignal
from execution.portfolio.construction import target_positions
from execution.portfolio.rebalance import Holding, rebalance
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import Blocked, review
from execution.risk.trading_context import TradingContext
from tests.builders.sizing import a_context, an_entry, an_exit, plain

SECTORS = ("Energy", "Utilities", "Materials", None)
PRICES = st.decimals("0.05", "900", places=2)
LIMITS = RiskLimits.standard()
# Batches here are small: half of one is bought, where of a market a tenth would be.
POLICY = SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.8"))
EXAMPLES = settings(max_examples=120, deadline=None)


# Made once: a strategy made for each signal is checked for each signal, which takes longer than to draw from it.
SCORES = st.floats(-3, 3)
EXPECTED_RETURNS_BPS = st.floats(-20, 400)
ATRS_USD = st.decimals("0.01", "60", places=4)
VOLUMES_SHARES = st.integers(0, 5_000_000)
VOLATILITIES = st.floats(0, 0.2)
NO_NUMBER = st.sampled_from([None, float("nan")])
SECTOR = st.sampled_from(SECTORS)
ONE_OF_TEN = st.integers(0, 9)
SHARES_HELD = st.integers(1, 400)
SMALL_EQUITIES_USD = st.decimals("500", "5000", places=2)
# Most of them leave so little room that not all can share it.
BUFFERS = st.sampled_from([Decimal(buffer) for buffer in ("0.03", "0.5", "0.9", "0.98")])
SPREADS = st.sampled_from(["own_risk", "risk_parity"])
EQUITIES_USD = st.decimals("0", "400000", places=2)


@st.composite
def signals(draw: st.DrawFn) -> SymbolSignal:
    """Return a signal that lacks something now and then: were each part as often absent as there, none were bought."""

    def is_absent() -> bool:
        return draw(ONE_OF_TEN) == 9

    return plain(
        "REPLACED",
        score=draw(NO_NUMBER) if is_absent() else draw(SCORES),
        expected_return_bps=draw(NO_NUMBER) if is_absent() else draw(EXPECTED_RETURNS_BPS),
        close_usd=None if is_absent() else draw(PRICES),
        atr14_usd=None if is_absent() else draw(ATRS_USD),
        adv20_shares=None if is_absent() else draw(VOLUMES_SHARES),
        volatility_20d=None if is_absent() else draw(VOLATILITIES),
        sector=draw(SECTOR),
        is_tradable=not is_absent(),
        is_halted=is_absent(),
    )


SIGNALS = st.lists(signals(), max_size=30)
MANY_SIGNALS = st.lists(signals(), min_size=12, max_size=30)


@st.composite
def batches(draw: st.DrawFn, *, drawn_from: st.SearchStrategy[list[SymbolSignal]] = SIGNALS) -> list[SymbolSignal]:
    drawn = draw(drawn_from)
    return [replace(signal, symbol=f"S{number:02}") for number, signal in enumerate(drawn)]


@st.composite
def accounts(draw: st.DrawFn, batch: list[SymbolSignal]) -> tuple[dict[str, int], Decimal]:
    symbols = [signal.symbol for signal in batch]
    held = draw(st.dictionaries(st.sampled_from(symbols), SHARES_HELD, max_size=8)) if symbols else {}
    return held, draw(EQUITIES_USD)


def proposed(
    batch: list[SymbolSignal],
    held: dict[str, int],
    equity: Decimal,
    sessions: int = 3,
    *,
    policy: SizingPolicy = POLICY,
) -> tuple[ProposedOrder, ...]:
    construction = target_positions(
        signals=batch, equity_usd=equity, held_shares=held, policy=policy, regime="bull_calm", vix=None
    )
    return rebalance(
        construction=construction,
        holdings={s: Holding(symbol=s, quantity_shares=q, held_sessions=sessions) for s, q in held.items()},
        closes_usd={signal.symbol: signal.close_usd for signal in batch if signal.close_usd is not None},
        equity_usd=equity,
        policy=policy,
    ).orders


def test_among_the_batches_drawn_here_are_some_that_buy() -> None:
    def buys(batch: list[SymbolSignal]) -> bool:
        return any(order.leg == "entry" for order in proposed(batch, {}, Decimal(100_000)))

    assert find(batches(), buys, settings=settings(EXAMPLES, phases=[Phase.generate], derandomize=True))


@EXAMPLES
@given(data=st.data(), decimals=st.integers(1, 9))
def test_sizes_in_parts_are_those_of_whole_shares_and_less_than_a_share_more(
    data: st.DataObject, decimals: int
) -> None:
    batch = data.draw(batches())
    _, equity = data.draw(accounts(batch))
    whole = {order.symbol: order for order in proposed(batch, {}, equity)}
    finer = POLICY.model_copy(update={"share_decimals": decimals})
    parts = {order.symbol: order for order in proposed(batch, {}, equity, policy=finer)}
    cost = sum((order.quantity_shares * (order.limit_usd or 0) for order in parts.values()), Decimal(0))
    assert cost <= equity * Decimal("0.97")
    assert all(share_decimals(order.quantity_shares) <= decimals for order in parts.values())
    if whole.keys() == parts.keys():
        assert all(0 <= parts[s].quantity_shares - whole[s].quantity_shares < 1 for s in whole)


@EXAMPLES
@given(st.data())
def test_every_symbol_is_a_target_or_left_out_and_never_both(data: st.DataObject) -> None:
    batch = data.draw(batches())
    held, equity = data.draw(accounts(batch))
    built = target_positions(signals=batch, equity_usd=equity, held_shares=held, policy=POLICY, regime=None, vix=30.0)
    places = [target.symbol for target in built.targets] + [left_out.symbol for left_out in built.left_out]
    assert Counter(places) == Counter(signal.symbol for signal in batch)
    assert all(target.reason for target in built.targets)
    assert all(left_out.reason for left_out in built.left_out)


@EXAMPLES
@given(st.data())
def test_nobody_waits_for_a_place_while_one_is_empty(data: st.DataObject) -> None:
    batch = data.draw(batches(drawn_from=MANY_SIGNALS))
    equity = data.draw(SMALL_EQUITIES_USD)
    few = POLICY.model_copy(update={"max_names": data.draw(st.integers(1, 4)), "spread": data.draw(SPREADS)})
    built = target_positions(signals=batch, equity_usd=equity, held_shares={}, policy=few, regime=None, vix=None)
    bought = [target.rank for target in built.targets]
    waiting = [left_out.rank or 0 for left_out in built.left_out if left_out.stage == "slots"]
    if waiting:
        assert len(bought) == few.max_names
        assert max(bought) < min(waiting)


Account = tuple[dict[str, int], Decimal, SizingPolicy]


@st.composite
def short_of_room(draw: st.DrawFn) -> tuple[list[SymbolSignal], Account, int]:
    """Return a batch, an account that has room for few of it, and how many places are free there."""
    batch = draw(batches(drawn_from=MANY_SIGNALS))
    held = draw(st.dictionaries(st.sampled_from([signal.symbol for signal in batch]), SHARES_HELD, max_size=2))
    places = draw(st.integers(1, 4))
    policy = SizingPolicy(
        entry_top_fraction=Decimal(1),
        hold_top_fraction=Decimal(1),
        max_names=len(held) + places,
        cash_buffer_weight=draw(BUFFERS),
        spread=draw(SPREADS),
    )
    return batch, (held, draw(SMALL_EQUITIES_USD), policy), places


def bought_of(batch: list[SymbolSignal], account: Account) -> dict[str, Shares]:
    """Return symbol to shares of the entries."""
    held, equity, policy = account
    built = target_positions(
        signals=batch, equity_usd=equity, held_shares=held, policy=policy, regime="bull_calm", vix=None
    )
    return {target.symbol: target.quantity_shares for target in built.targets if not target.is_held}


def parted(batch: list[SymbolSignal], account: Account) -> tuple[list[SymbolSignal], list[SymbolSignal]]:
    """Return the holdings of a batch, and by rank what the account could buy were there nothing else to buy."""
    holdings = [signal for signal in batch if signal.symbol in account[0]]
    others = [signal for signal in batch if signal.symbol not in account[0]]
    buyable = [signal for signal in others if bought_of([*holdings, signal], account)]
    return holdings, sorted(buyable, key=lambda signal: (-(signal.score or 0), signal.symbol))


@EXAMPLES
@given(short_of_room())
def test_who_could_not_be_bought_alone_changes_nothing_for_others(
    drawn: tuple[list[SymbolSignal], Account, int],
) -> None:
    batch, account, _ = drawn
    holdings, buyable = parted(batch, account)
    assert bought_of(batch, account) == bought_of([*holdings, *buyable], account)


@EXAMPLES
@given(short_of_room())
def test_those_who_move_up_take_nothing_from_the_ranks_before_them(
    drawn: tuple[list[SymbolSignal], Account, int],
) -> None:
    batch, account, places = drawn
    holdings, buyable = parted(batch, account)
    first = bought_of([*holdings, *buyable[:places]], account)
    assert bought_of(batch, account).items() >= first.items()


@EXAMPLES
@given(st.data())
def test_the_order_of_signals_changes_nothing(data: st.DataObject) -> None:
    batch = data.draw(batches())
    held, equity = data.draw(accounts(batch))
    shuffled = data.draw(st.permutations(batch))
    assert proposed(batch, held, equity) == proposed(list(shuffled), held, equity)


@EXAMPLES
@given(st.data())
def test_entries_and_holdings_together_never_exceed_what_heat_and_buffer_allow(data: st.DataObject) -> None:
    batch = data.draw(batches())
    held, equity = data.draw(accounts(batch))
    entries = [order for order in proposed(batch, held, equity) if order.leg == "entry"]
    closes = {signal.symbol: signal.close_usd for signal in batch}
    cost = sum((order.quantity_shares * (order.limit_usd or 0) for order in entries), Decimal(0))
    value = sum((shares * (closes[symbol] or 0) for symbol, shares in held.items()), Decimal(0))
    if entries:
        # The smallest unit of a weight is far below a cent of these accounts.
        assert cost + value <= equity * Decimal("0.97") + Decimal("0.01")
        assert len(entries) + len(held) <= POLICY.max_names


@EXAMPLES
@given(st.data())
def test_every_proposed_price_is_on_a_tick_and_every_quantity_whole(data: st.DataObject) -> None:
    batch = data.draw(batches())
    held, equity = data.draw(accounts(batch))
    for order in proposed(batch, held, equity):
        assert order.quantity_shares > 0
        assert order.limit_usd is not None
        assert is_on_tick(order.limit_usd)
        assert order.stop_usd is None or (0 < order.stop_usd < order.reference_price_usd and is_on_tick(order.stop_usd))
        assert order.leg == "entry" or order.quantity_shares <= held[order.symbol]


Proposal = tuple[list[ProposedOrder], TradingContext, RiskLimits]


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    """Return sound orders of sound symbols that together want more than the account and its limits can carry."""
    batch = []
    for number in range(draw(st.integers(1, 12))):
        close = draw(st.decimals("5", "200", places=2))
        volume = draw(st.sampled_from([1_000, 20_000, 5_000_000]))
        sector = draw(st.sampled_from(SECTORS[:2]))
        batch.append(plain(f"S{number:02}", close_usd=close, atr14_usd=close / 50, adv20_shares=volume, sector=sector))
    held = draw(st.dictionaries(st.sampled_from([s.symbol for s in batch]), st.integers(1, 300), max_size=3))
    orders = []
    for signal in batch:
        close = signal.close_usd or Decimal(0)
        most = int(Decimal(14_000) / close)
        make = an_exit if signal.symbol in held and draw(st.booleans()) else an_entry
        shares = draw(st.integers(1, most))
        orders.append(make(shares, signal.symbol, reference_price_usd=close, limit_usd=close))
    equity = draw(st.decimals("20000", "120000", places=2))
    context = a_context(
        *batch,
        positions_shares=held,
        equity_usd=equity,
        day_start_equity_usd=equity,
        cash_usd=draw(st.sampled_from([equity, equity / 20, Decimal(10) * equity])),
        entries_today=draw(st.integers(0, 3)),
    )
    limits = RiskLimits(
        basket_notional_max_usd=Decimal(1_000_000),
        names_max=draw(st.integers(1, 12)),
        entries_per_day_max=draw(st.integers(0, 12)),
        gross_max_weight=draw(st.sampled_from([Decimal(1), Decimal("0.4")])),
        sector_max_weight=draw(st.sampled_from([Decimal(1), Decimal("0.3"), Decimal("0.15")])),
    )
    return draw(st.permutations(orders)), context, limits


@EXAMPLES
@given(proposals())
def test_no_cap_is_exceeded_by_what_a_review_lets_through(proposal: Proposal) -> None:
    orders, context, limits = proposal
    verdicts = review(orders=orders, context=context, limits=limits)
    assert [verdict.order for verdict in verdicts] == orders
    through = [v for v in verdicts if not isinstance(v, Blocked) and v.order.leg == "entry"]
    if not through:
        return
    costs = {v.order.symbol: v.quantity_shares * (v.order.limit_usd or Decimal(0)) for v in through}
    equity, closes, positions = context.equity_usd, context.closes_usd, context.positions_shares
    values = {s: shares * closes[s] for s, shares in positions.items()}
    assert sum(costs.values()) <= context.cash_usd - limits.cash_min_weight * equity
    assert sum(costs.values()) + sum(values.values()) <= limits.gross_max_weight * equity
    assert max(costs.values()) <= limits.position_max_weight * equity
    assert not costs.keys() & values.keys()
    assert len(costs) + len(values) <= limits.names_max
    assert context.entries_today + len(costs) <= limits.entries_per_day_max
    for verdict in through:
        signal = context.signals[verdict.order.symbol]
        same = [s for s in (*costs, *values) if context.signals[s].sector == signal.sector]
        assert sum(costs.get(s, 0) + values.get(s, 0) for s in same) <= limits.sector_max_weight * equity
        assert signal.adv20_shares is not None
        assert verdict.quantity_shares <= limits.adv_share_max * signal.adv20_shares


@EXAMPLES
@given(proposals())
def test_a_review_lets_through_no_more_than_was_proposed_and_never_turns_a_position(proposal: Proposal) -> None:
    orders, context, limits = proposal
    for verdict in review(orders=orders, context=context, limits=limits):
        assert 0 <= verdict.quantity_shares <= verdict.order.quantity_shares
        assert isinstance(verdict, Blocked) == (verdict.quantity_shares == 0)
        if verdict.order.leg == "exit":
            assert verdict.quantity_shares <= context.positions_shares.get(verdict.order.symbol, 0)


@EXAMPLES
@given(proposals())
def test_a_review_repeated_is_the_same_review(proposal: Proposal) -> None:
    orders, context, limits = proposal
    once = review(orders=orders, context=context, limits=limits)
    again = replace(
        context,
        signals=dict(reversed(list(context.signals.items()))),
        positions_shares=dict(reversed(list(context.positions_shares.items()))),
    )
    assert review(orders=orders, context=again, limits=limits) == once


@EXAMPLES
@given(st.data())
def test_what_sizing_proposes_is_never_over_the_cash_after_review(data: st.DataObject) -> None:
    batch = data.draw(batches())
    held, equity = data.draw(accounts(batch))
    cash = data.draw(EQUITIES_USD)
    context = a_context(*batch, positions_shares=held, equity_usd=equity, day_start_equity_usd=equity, cash_usd=cash)
    verdicts = review(orders=proposed(batch, held, equity), context=context, limits=LIMITS)
    bought = [v for v in verdicts if v.order.side == "buy"]
    assert sum(v.quantity_shares * (v.order.limit_usd or Decimal(0)) for v in bought) <= cash


@settings(max_examples=200, deadline=None)
@given(shares=st.integers(1, 2_000), price=st.decimals("1", "900", places=2), off_by=st.integers(-1, 1))
def test_an_order_passes_the_hard_cap_exactly_up_to_the_limit(shares: int, price: Decimal, off_by: int) -> None:
    cap = shares * price
    limits = RiskLimits(order_notional_max_usd=cap, basket_notional_max_usd=10 * cap)
    order = an_entry(max(1, shares + off_by), reference_price_usd=price, limit_usd=price)
    [verdict] = review(orders=[order], context=a_context(plain(close_usd=price, atr14_usd=price / 100)), limits=limits)
    assert (verdict.check == "order_notional") == (order.quantity_shares * price > cap)


@settings(max_examples=200, deadline=None)
@given(close=st.decimals("1", "900", places=2), factor=st.decimals("0.05", "12", places=3))
def test_no_price_outside_the_collar_ever_leaves(close: Decimal, factor: Decimal) -> None:
    limit = (close * factor).quantize(Decimal("0.01"))
    context = a_context(plain(close_usd=close, atr14_usd=close / 100))
    order = an_entry(1, reference_price_usd=close, limit_usd=limit)
    [verdict] = review(orders=[order], context=context, limits=LIMITS)
    if abs(limit - close) / close > Decimal("0.05"):
        assert isinstance(verdict, Blocked)

"""`touchstone paper-smoke`: what a real paper account answers, looked at before anything is entrusted to it.

Reads only, unless an order is asked for by name: then one share is bid for at half its price and cancelled again. It
says at the end what no look can prove.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from execution.brokers.alpaca_mapping import account_block, number, record
from execution.domain.errors import SettingsRefused, TouchstoneError
from execution.domain.orders import Accepted, OrderRequest, client_order_id
from execution.domain.quantities import tick_below_usd
from execution.ports import Clock
from execution.session.time_agreement import TimeAgreement
from execution.trading_calendar import TradingCalendar
from pipelines.alpaca_adapters import AlpacaAccount, open_alpaca
from pipelines.cli.finding import Finding
from pipelines.home import Home
from pipelines.trading_adapters import clock_of
from pipelines.trading_settings import TradingSettings

_LOOKED_BACK: Final = timedelta(days=5)
_FAR: Final = Decimal("0.5")
NOT_PROVEN: Final = (
    "what is answered when a reply is lost after acceptance, and how long a look-up may miss an accepted order",
    "partial fills, halts, rejections after acceptance, and the words and numbers of most refusals",
    "how splits, mergers and busts are told; fees and dividends, which a paper account may not have",
    "that fills of a live account look like those of paper, which knows neither queues nor slippage",
)


def run_smoke(settings: TradingSettings, home: Home, *, symbol: str, sends_order: bool) -> Iterator[Finding]:
    """Yield one finding after the other about the paper account of the settings.

    Raises:
        SettingsRefused: the mode is not paper.
    """
    if settings.mode != "paper":
        raise SettingsRefused(f"paper-smoke looks at a paper account, found mode {settings.mode}: set mode to paper")
    clock, calendar = clock_of(settings.mode, home), TradingCalendar.shipped()
    account = open_alpaca(settings, home, clock, calendar)
    yield from smoke(account, settings, clock, calendar, symbol=symbol, sends_order=sends_order)


def smoke(
    account: AlpacaAccount,
    settings: TradingSettings,
    clock: Clock,
    calendar: TradingCalendar,
    *,
    symbol: str,
    sends_order: bool,
) -> Iterator[Finding]:
    """Yield what each look found; a failure of one does not hide the next."""
    yield from looks(account, settings, clock, calendar)
    yield _looked("prices", lambda: _prices(account, clock, calendar, symbol))
    if sends_order:
        yield _looked("round trip", lambda: _round_trip(account, settings, clock, symbol))


def looks(
    account: AlpacaAccount, settings: TradingSettings, clock: Clock, calendar: TradingCalendar
) -> Iterator[Finding]:
    """Yield what looking at an account found; it changes nothing there, whatever the mode."""
    since = clock.now() - _LOOKED_BACK
    yield _looked("account", lambda: _account(account, settings))
    yield _looked("holdings", lambda: _holdings(account))
    yield _looked("time", lambda: _time(account, settings, clock, calendar))
    yield _looked("orders", lambda: _orders(account))
    yield _looked("fills", lambda: Finding("fills", "ok", f"{len(account.broker.fills(since=since))} in five days"))
    yield _looked(
        "activities",
        lambda: Finding("activities", "ok", f"{len(account.broker.corporate_actions(since=since))} to book"),
    )


def _looked(subject: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except TouchstoneError as error:
        return Finding(subject, "failed", str(error))


def _account(account: AlpacaAccount, settings: TradingSettings) -> Finding:
    told = record(account.trading.read("/account"), of="account")
    block = account_block(told)
    if block:
        return Finding("account", "failed", f"{block}: nothing would be sent; look at the account at the venue")
    cash = number(told, "cash", of="account")
    if cash != settings.initial_cash_usd:
        return Finding(
            "account",
            "warning",
            f"it holds {cash} USD and initial_cash_usd says {settings.initial_cash_usd}: a new ledger opens with the "
            "latter, and nothing is sent while they differ; say what the account holds",
        )
    if told.get("shorting_enabled") is True:
        return Finding("account", "warning", f"{cash} USD; shorting is enabled, which nothing here needs: disable it")
    return Finding("account", "ok", f"{cash} USD, active")


def _holdings(account: AlpacaAccount) -> Finding:
    held = account.broker.account().positions_shares
    if held:
        told = ", ".join(f"{symbol} {shares}" for symbol, shares in sorted(held.items()))
        return Finding("holdings", "warning", f"{told}: what the ledger did not buy goes into quarantine")
    return Finding("holdings", "ok", "none")


def _time(account: AlpacaAccount, settings: TradingSettings, clock: Clock, calendar: TradingCalendar) -> Finding:
    agreement = TimeAgreement(account.time, apart_max_seconds=settings.alpaca.clock_apart_max_seconds)
    found = agreement.difference(clock, calendar)
    return Finding("time", "failed" if found else "ok", found or "clock and calendar agree")


def _orders(account: AlpacaAccount) -> Finding:
    working = account.broker.open_orders()
    if working:
        told = ", ".join(order.client_order_id for order in working[:10])
        return Finding("orders", "warning", f"{len(working)} work: {told}; those that are not ours block their symbols")
    return Finding("orders", "ok", "none work")


def _prices(account: AlpacaAccount, clock: Clock, calendar: TradingCalendar, symbol: str) -> Finding:
    session = calendar.last_closed(clock.now() - timedelta(minutes=15))
    last, close = account.quotes.last_usd(symbol), account.quotes.close_usd(symbol, session) if session else None
    if last is None or close is None:
        return Finding("prices", "failed", f"{symbol}: last {last}, close of {session} {close}; look at the data plan")
    return Finding("prices", "ok", f"{symbol}: last {last}, close of {session} {close}")


def _round_trip(account: AlpacaAccount, settings: TradingSettings, clock: Clock, symbol: str) -> Finding:
    last = account.quotes.last_usd(symbol)
    if last is None:
        return Finding("round trip", "failed", f"{symbol} has no price to stay away from")
    order = _far_order(settings, clock, symbol, tick_below_usd(last * _FAR))
    first = account.broker.submit(order)
    try:
        second = account.broker.submit(order)
        state = account.broker.order(order.client_order_id)
    finally:
        account.broker.cancel(order.client_order_id)
    ended = account.broker.order(order.client_order_id)
    if not isinstance(first, Accepted) or first != second or state is None:
        return Finding("round trip", "failed", f"sent: {first}; sent again: {second}; looked up: {state}")
    told = f"1 {symbol} at {order.limit_usd}: accepted, once for two sendings, found by its id"
    if ended is None or ended.status != "cancelled":
        return Finding("round trip", "warning", f"{told}, but not cancelled yet; look at it at the venue")
    return Finding("round trip", "ok", f"{told}, cancelled")


def _far_order(settings: TradingSettings, clock: Clock, symbol: str, limit_usd: Decimal) -> OrderRequest:
    cycle = f"{settings.account}:smoke:{clock.now().isoformat()}"
    name = client_order_id(
        account=settings.account, epoch=0, cycle_id=cycle, strategy="smoke", symbol=symbol, side="buy", leg="entry"
    )
    return OrderRequest(
        client_order_id=name,
        symbol=symbol,
        side="buy",
        leg="entry",
        quantity_shares=1,
        order_type="limit",
        time_in_force="day",
        limit_usd=limit_usd,
    )

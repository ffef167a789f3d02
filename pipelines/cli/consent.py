"""What only a person may say, as verbs: this plan, release, symbol, order or transfer. One call each."""

from decimal import Decimal

from execution.domain.quantities import stated_shares
from execution.session import run_session
from execution.session.adjust import adjust_cash, adjust_shares
from execution.session.approval import session_of_plan
from execution.session.quarantine import lift_quarantine
from execution.session.release import approve_release
from execution.session.write_off import write_off
from pipelines.home import Home
from pipelines.trading_adapters import open_desk
from pipelines.trading_settings import TradingSettings


def approve_plan(settings: TradingSettings, home: Home, *, plan_hash: str, by: str, reason: str, word: str = "") -> str:
    """Approve exactly one plan and return what to say."""
    desk = open_desk(settings, home, actor=by)
    session = session_of_plan(desk.ledger.book(), plan_hash)
    report = run_session.approve(desk, session=session, plan_hash=plan_hash, approver=by, reason=reason, word=word)
    return f"plan {plan_hash} of {session}: {report.status.replace('_', ' ')}, by {report.approver}"


def approve_this_release(
    settings: TradingSettings, home: Home, *, model_hash: str | None, by: str, word: str = ""
) -> str:
    """Approve what is installed here, with a model, and return what to say."""
    release = approve_release(open_desk(settings, home, actor=by), model_hash=model_hash, approver=by, word=word)
    return (
        f"release {release.release_id[:12]} is approved by {release.approver}: code {release.code_hash[:12]}, settings "
        f"{release.settings_hash[:12]}, ledger schema {release.schema_version}, model {release.model_hash or 'none'}"
    )


def lift(settings: TradingSettings, home: Home, *, symbol: str, by: str, reason: str) -> str:
    """Lift a symbol's quarantine and return what to say."""
    lifted = lift_quarantine(open_desk(settings, home, actor=by), symbol=symbol, actor=by, reason=reason)
    return f"{lifted.symbol} is traded again, by {lifted.actor}: {lifted.reason}"


def close_unknown(settings: TradingSettings, home: Home, *, client_order_id: str, by: str, reason: str) -> str:
    """Write an order of unknown outcome off and return what to say."""
    desk = open_desk(settings, home, actor=by)
    written_off = write_off(desk, client_order_id=client_order_id, actor=by, reason=reason)
    return f"order {client_order_id} is written off and looked up no more, by {written_off.actor}: {written_off.reason}"


def book_cash(settings: TradingSettings, home: Home, *, cash_usd: Decimal, by: str, reason: str) -> str:
    """Book cash that moved without a trade and return what to say."""
    adjust_cash(open_desk(settings, home, actor=by), cash_usd=cash_usd, actor=by, reason=reason)
    return f"{cash_usd:+f} USD booked as paid in or taken out, by {by}: {reason}"


def book_shares(
    settings: TradingSettings, home: Home, *, symbol: str, shares: Decimal, cost_usd: Decimal, by: str, reason: str
) -> str:
    """Book shares that moved without a trade and return what to say."""
    moved = stated_shares(shares)
    desk = open_desk(settings, home, actor=by)
    adjust_shares(desk, symbol=symbol, shares=moved, cost_usd=cost_usd, actor=by, reason=reason)
    told = f"{symbol} {moved:+} shares booked as carried over, by {by}: {reason}"
    is_apart = symbol in desk.ledger.book().quarantined
    return f"{told}\n{symbol} stays in quarantine: touchstone quarantine lift {symbol}" if is_apart else told

"""`touchstone flatten`: close every position, armed by a phrase, in a person's name."""

from execution.session.flatten import FlattenReport, flatten
from pipelines.home import Home
from pipelines.stopping import open_acting_desk
from pipelines.trading_settings import TradingSettings


def close_everything(settings: TradingSettings, home: Home, *, arm: str, actor: str, reason: str) -> tuple[bool, str]:
    """Go as far as is possible now, and return whether all is closed or being closed, and what to say."""
    desk = open_acting_desk(settings, home, actor=actor)
    report = flatten(desk, policy=settings.flatten, arm=arm, actor=actor, reason=reason)
    return report.status in ("flat", "working"), flatten_page(report)


def flatten_page(report: FlattenReport) -> str:
    """Return how far the closing has come, for a person to read."""
    lines = [f"status        {report.status}{f': {report.reason}' if report.reason else ''}"]
    lines += [f"cancelled     {order_id}" for order_id in report.cancelled]
    lines += [f"sent          {order_id}" for order_id in report.sent]
    lines += [f"left          {symbol}: {why}" for symbol, why in report.left.items()]
    if report.status in ("working", "pending"):
        lines.append("ask again     until the status is flat")
    return "\n".join(lines)

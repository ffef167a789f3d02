"""Where a home's alerts wait."""

from datetime import timedelta

from execution.alert_outbox import AlertOutbox
from pipelines.home import Home
from pipelines.trading_settings import TradingSettings


def outbox_of(settings: TradingSettings, home: Home) -> AlertOutbox:
    """Return the alerts of a home; asking makes no file."""
    return AlertOutbox(home.operations, window=timedelta(seconds=settings.alerts.window_seconds))

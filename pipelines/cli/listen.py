"""`touchstone listen`: the resident process that writes down the venue's trade updates."""

import signal
import threading

import structlog

from execution.brokers.alpaca_stream import AlpacaStream
from execution.clock import SystemClock
from execution.domain.errors import SettingsRefused
from execution.trade_updates import TradeUpdates
from pipelines.alpaca_adapters import told_key
from pipelines.home import Home
from pipelines.trading_adapters import is_clock_told
from pipelines.trading_settings import TradingSettings

_log = structlog.get_logger(__name__)


def run_listener(settings: TradingSettings, home: Home) -> int:
    """Listen until a signal says to end, and return the exit code.

    Raises:
        AccessDenied: the keys are refused.
        SettingsRefused: the mode trades at no venue that has a stream, or an address or key is refused.
    """
    if is_clock_told(settings.mode):
        raise SettingsRefused(f"mode {settings.mode} trades in the home itself: only paper and live have a stream")
    stream = AlpacaStream(
        settings.alpaca.trading_address(settings.mode),
        key_id=told_key(settings.broker_keys.key_id, "key_id"),
        secret_key=told_key(settings.broker_keys.secret_key, "secret_key"),
        policy=settings.alpaca,
        updates=TradeUpdates(home.operations),
        clock=SystemClock(),
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    _log.info("listener_started")
    stream.listen(is_over=over.is_set)
    _log.info("listener_ended")
    return 0

"""Asking Yahoo through yfinance, as any provider is asked: within a quota, behind a breaker, patiently, not for ever.

The library is an extra and is loaded when it is first asked. Left alone it answers every failure with an empty frame;
here silence is silence, and an empty frame means that Yahoo knows no days of the symbol.
"""

from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd
import stamina

from assets.ingest.yahoo import History
from execution.domain.errors import SettingsRefused, VenueUnavailable
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker

_ANSWER_SECONDS: Final = 20.0
_ATTEMPTS: Final = 4
_LONGEST_SECONDS: Final = 120.0
_OVERLOAD_SECONDS: Final = 30.0


def yahoo_history(folder: Path, *, budget: RequestBudget, breaker: SharedBreaker, session: Any = None) -> History:
    """Return how a symbol's days are asked.

    Args:
        folder: where the library keeps time zones and cookies; made when absent.
        budget: the quota, shared across processes.
        breaker: shared across processes.
        session: what talks to the network instead of the library's own.

    Raises:
        SettingsRefused: the extra is not installed.
    """
    try:
        import yfinance  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise SettingsRefused(
            "settings read from Yahoo and yfinance is not installed: install the extra `yahoo`, or set yahoo.use: never"
        ) from None
    from yfinance.cache import get_tz_cache  # noqa: PLC0415 - as above
    from yfinance.exceptions import YFRateLimitError, YFTickerMissingError  # noqa: PLC0415 - as above

    folder.mkdir(parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(folder))
    yfinance.config.debug.hide_exceptions = False

    def once(symbol: str, first: date) -> pd.DataFrame:
        budget.wait(longest_seconds=_LONGEST_SECONDS)
        # It writes a class of shares with a dash.
        name = symbol.replace(".", "-")
        # All that is read here trades in New York; it would ask each time zone by a page of its own.
        get_tz_cache().store(name, "America/New_York")
        asked = yfinance.Ticker(name, session=session)
        try:
            # Up to this moment: an answer about the past alone it would keep for as long as the process lives.
            days: pd.DataFrame = asked.history(start=first, auto_adjust=False, actions=True, timeout=_ANSWER_SECONDS)
        except YFTickerMissingError:
            return pd.DataFrame()
        except YFRateLimitError as overload:
            budget.pause(_OVERLOAD_SECONDS)
            raise VenueUnavailable(f"yahoo, {symbol}: {overload}", wait_seconds=_OVERLOAD_SECONDS) from overload
        except Exception as error:
            raise VenueUnavailable(f"yahoo, {symbol}: {type(error).__name__}") from error
        return days

    def ask(symbol: str, first: date) -> pd.DataFrame:
        for attempt in stamina.retry_context(
            on=VenueUnavailable, attempts=_ATTEMPTS, timeout=_LONGEST_SECONDS, wait_initial=0.5, wait_max=15.0
        ):
            with attempt:
                return breaker.call(lambda: once(symbol, first))
        raise AssertionError("a retry ends with an answer or an error")  # pragma: no cover - for the type checker

    return ask

"""The ages of a home's data beside what its settings allow."""

from assets.maintenance.data_ages import DataAge, data_ages
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS, EVENTS, FILINGS, INDICES, NEWS, SECURITIES
from execution.trading_calendar import TradingCalendar
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of, is_clock_told


def data_ages_of(settings: Settings, home: Home) -> tuple[DataAge, ...]:
    """Return the age of each raw table that has rows, by the home's own clock, which may not have been set yet.

    Bars may be as old as the home's promise of health says, other rows as old as the data gate lets them be.
    """
    if is_clock_told(settings.mode) and not home.clock.exists():
        return ()
    gates = settings.gates
    allowed = {
        DAILY_BARS.name: settings.health.max_data_age_sessions,
        INDICES.name: gates.max_indices_silence_sessions,
        NEWS.name: gates.max_news_silence_sessions,
        FILINGS.name: gates.max_filings_silence_sessions,
        EVENTS.name: gates.max_events_silence_sessions,
        SECURITIES.name: gates.max_reference_age_sessions,
    }
    now = clock_of(settings.mode, home).now()
    return data_ages(RawStore(home.raw), TradingCalendar.shipped(), now=now, allowed=allowed)

"""`touchstone init`: a home ready for its first day. Repeating it changes nothing that is there."""

from datetime import datetime
from pathlib import Path

from execution.artifact_files import write_atomically
from execution.clock import FileClock
from execution.domain.errors import SettingsRefused
from execution.ledger.signing_key import make_key
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import first_cycle_session, sources_of
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.settings import Settings, load_settings
from pipelines.stopping import prepare_stopping
from pipelines.trading_adapters import is_clock_told, orders_url


def create_home(settings: Settings, home: Home, *, is_time_told: bool = False) -> str:
    """Create folders, clock and orchestrator files, keep the settings, and return what to say about it.

    The home keeps what the settings files say, so that the daemon and every later verb go on with the same, wherever
    they are started. What the environment says is not kept.

    Args:
        settings: the whole tree; in simulated and files mode its source says where time begins.
        home: the home to create.
        is_time_told: for mode paper: live in time that moves when told, as a rehearsal at a venue that follows it does.

    Raises:
        SettingsRefused: the mode has no source, the named first session is none it can serve, or the mode's time cannot
            be told.
    """
    if is_time_told and settings.mode == "live":
        raise SettingsRefused("mode live runs on the machine's own time: only a rehearsal in mode paper can be told it")
    home.create()
    # Asked before anything is written down: a market that cannot be decided leaves no settings that say so for good.
    begins = first_instant(settings, home) if is_clock_told(settings.mode) or is_time_told else None
    prepare_instance(home)
    prepare_stopping(home, orders_url=orders_url(settings))
    make_key(home.anchor_key)
    if not home.settings.exists():
        write_atomically(home.settings, settings.kept_text().encode())
    if begins is None:
        return f"home {home.root} is ready; mode {settings.mode} runs on the machine's own time"
    now = FileClock(home.clock).initialise(begins)
    return f"home {home.root} is ready; its clock stands at {now.isoformat()}; type `make demo` or `make ui`"


def refuse_other_settings(home: Home, settings_path: Path | None) -> None:
    """Do nothing unless a named file says otherwise than the settings a home keeps, which it would go on with.

    Raises:
        SettingsRefused: the file and the home's differ; the message names in what.
    """
    if settings_path is None or not home.settings.exists():
        return
    named, kept = (
        {row.key: row.value for row in load_settings(path).origins()} for path in (settings_path, home.settings)
    )
    if different := sorted(key for key in named.keys() | kept.keys() if named.get(key) != kept.get(key)):
        raise SettingsRefused(
            f"{settings_path.name} says otherwise than {home.settings.name} of this home in {', '.join(different)}: "
            f"edit {home.settings.name} in the home, or name a new home with TOUCHSTONE_HOME"
        )


def first_instant(settings: Settings, home: Home) -> datetime:
    """Return when a home's time begins: the first decided session has closed and its cut-off is still ahead."""
    session = first_cycle_session(settings, sources_of(settings, home))
    return TradingCalendar.shipped().bars_known_at(session)

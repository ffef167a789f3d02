"""What a home keeps so that it can be stopped: where orders are cancelled, a spare name, signs of life.

`halt.json` says where to cancel, for a script that reads nothing else. Keys are named, never held in it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import orjson

from execution.artifact_files import write_atomically
from execution.session.control import take_in_stop_requests
from execution.session.desk import Desk
from pipelines.home import Home
from pipelines.trading_adapters import open_desk, orders_url
from pipelines.trading_settings import TradingSettings

T = TypeVar("T")
# Named here, never held: whoever stops has the variables that whoever trades has.
_KEY_HEADERS = {
    "APCA-API-KEY-ID": "TOUCHSTONE__BROKER_KEYS__KEY_ID",
    "APCA-API-SECRET-KEY": "TOUCHSTONE__BROKER_KEYS__SECRET_KEY",
}


def prepare_stopping(home: Home, *, orders_url: str = "", place: Path | None = None) -> None:
    """Write what `touchstone halt` needs into a home; harmless to repeat, and cheap when nothing changed.

    Args:
        home: the home that can then be stopped.
        orders_url: address of the account's orders at Alpaca; empty for the simulated venue in the home.
        place: where the home will lie once it is whole; None where it lies there already.
    """
    store = Home(place).venue if place else home.venue
    venue: dict[str, object] = {"kind": "simulated", "store": str(store)}
    if orders_url:
        headers = {name: {"env": variable} for name, variable in _KEY_HEADERS.items()}
        venue = {"kind": "http", "orders_url": orders_url, "headers": headers}
    told = {"venue": venue, "version": 1}
    content = orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    if not home.halt.exists() or home.halt.read_bytes() != content:
        write_atomically(home.halt, content)
    home.kill_spare.touch()


def open_acting_desk(settings: TradingSettings, home: Home, *, run_id: str = "", actor: str = "") -> Desk:
    """Return the desk of an act that may write: halts asked for while the ledger was away are written down first.

    Args:
        settings: the trading half of the tree.
        home: where ledger, venue and tape live.
        run_id: the run it serves, for notes in the ledger.
        actor: who asked, for notes in the ledger.

    Raises:
        SettingsRefused: an address or key of the venue is refused.
    """
    prepare_stopping(home, orders_url=orders_url(settings))
    beat(home.act_heartbeat)
    desk = open_desk(settings, home, run_id=run_id, actor=actor)
    take_in_stop_requests(desk.ledger, home.stop_requests, at=desk.clock.now())
    return desk


def beat(heartbeat: Path) -> None:
    """Give a sign of life in a file of one's own."""
    heartbeat.parent.mkdir(parents=True, exist_ok=True)
    heartbeat.touch()


def beating(home: Home, work: Callable[[], T]) -> Callable[[], T]:
    """Return the daemon's work with its sign of life before it, for the watchdog."""

    def alive() -> T:
        beat(home.heartbeat)
        return work()

    return alive

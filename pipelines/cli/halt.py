"""`touchstone halt`: stop everything now, with nothing but Python and the home's `halt.json`.

Run it as `touchstone halt`, as `python -m pipelines.cli.halt`, or as this very file with any Python 3.11: it imports
the standard library alone and asks neither the orchestrator, nor the database, nor the executor. First the kill file,
because it needs nothing; then a request that the ledger takes in when somebody next opens it; then cancel-all at the
venue, looked at again until no order is open; then what was achieved, printed and written down. It never sells.

Exit codes: 0 switch on and no order open; 2 wrong command line; 3 no order open, but the switch is NOT on; 4 switch on,
but orders may be open; 5 neither.
"""

import argparse
import getpass
import json
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

# ruff: noqa: PLC0415 - urllib and ssl cost more than the rest together, and only a venue over HTTP needs them

CANCEL_WITHIN_SECONDS = 5.0
IN_FLIGHT_SECONDS = 1.0
"""An order that passed its last look before the switch was on may still arrive for this long."""
_CALL_TIMEOUT_SECONDS = 1.5
_PAUSE_SECONDS = 0.05
_SIMULATED_STORE_VERSIONS = (1, 2, 3)


class CancelAll(Protocol):
    """The little that a stop needs of a venue. Both calls may fail and are then repeated."""

    def cancel_all(self) -> None:
        """Ask for the end of every working order of the account."""
        ...

    def open_orders(self) -> list[str]:
        """Return the client order ids of working orders."""
        ...


@dataclass(frozen=True)
class SimulatedVenue:
    """The simulated venue's own file. What is read and written here is part of that file's contract.

    Attributes:
        store: the venue's file; one that does not exist has no orders.
        keep_stops: leave protective stops working.
    """

    store: Path
    keep_stops: bool = False

    def cancel_all(self) -> None:
        """End every working order in one transaction."""
        if not self.store.exists():
            return
        with closing(self._opened()) as connection:
            connection.execute(
                f"update orders set status = 'cancelled', reason = 'cancelled by halt' where {self._working}"  # noqa: S608 - two constants
            )

    def open_orders(self) -> list[str]:
        """Return what still works."""
        if not self.store.exists():
            return []
        with closing(self._opened()) as connection:
            return [row[0] for row in connection.execute(f"select client_order_id from orders where {self._working}")]  # noqa: S608 - two constants

    @property
    def _working(self) -> str:
        return "status = 'open'" + (" and not (order_type like '%stop%' and side = 'sell')" if self.keep_stops else "")

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.store.absolute().as_uri()}?mode=rw", uri=True, timeout=_CALL_TIMEOUT_SECONDS, isolation_level=None
        )
        version = connection.execute("pragma user_version").fetchone()[0]
        if version not in _SIMULATED_STORE_VERSIONS:
            connection.close()
            raise OSError(f"the venue's file has version {version}, this program knows {_SIMULATED_STORE_VERSIONS}")
        connection.execute("pragma synchronous = full")
        return connection


@dataclass(frozen=True)
class HttpVenue:
    """A venue over HTTP in Alpaca's form: GET and DELETE of one address of orders, keys in headers.

    Attributes:
        orders_url: the address of the account's orders.
        headers: header name to where its value is: `{"env": NAME}` or `{"file": PATH}`; never the value itself.
        keep_stops: leave protective stops working.
    """

    orders_url: str
    headers: dict[str, dict[str, str]]
    keep_stops: bool = False

    def cancel_all(self) -> None:
        """Ask once for the end of all orders; one by one when stops are to be kept."""
        if not self.keep_stops:
            self._call("DELETE", self.orders_url)
            return
        for order in self._working():
            self._call("DELETE", f"{self.orders_url}/{order['id']}")

    def open_orders(self) -> list[str]:
        """Return what still works."""
        return [str(order["client_order_id"]) for order in self._working()]

    def _working(self) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = json.loads(self._call("GET", f"{self.orders_url}?status=open&limit=500"))
        return [order for order in orders if not (self.keep_stops and _keeps_a_stop(order))]

    def _call(self, method: str, url: str) -> bytes:
        from http.client import HTTPException
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Followed(HTTPRedirectHandler):
            """No redirect is: it would carry the keys to another host, and a followed DELETE turns into a GET."""

            def redirect_request(self, *_: Any) -> None:
                return None

        if not url.startswith(("https://", "http://")):
            raise ValueError(f"orders_url must be an http address, found {url.partition(':')[0]}")
        headers = {name: _secret(where) for name, where in self.headers.items()}
        request = Request(url, method=method, headers=headers)  # noqa: S310 - the scheme was looked at above
        try:
            with build_opener(Followed).open(request, timeout=_CALL_TIMEOUT_SECONDS) as answer:
                return bytes(answer.read())
        except HTTPException as error:
            raise OSError(f"{method} was answered with half a message: {error!r}") from error


def _keeps_a_stop(order: dict[str, Any]) -> bool:
    """Return whether an order is a protective stop, or sells for its target and would take its stop along."""
    is_linked = order.get("order_class") not in (None, "", "simple")
    return order["side"] == "sell" and ("stop" in order["type"] or is_linked)


def halt(home: Path, *, reason: str, actor: str, keep_stops: bool = False) -> tuple[int, str]:
    """Stop a home and return the exit code and what to say.

    Args:
        home: the home folder; its `halt.json` names everything else.
        reason: why, one sentence; kept in the switch, the request and the audit line.
        actor: who.
        keep_stops: leave protective stops working at the venue.
    """
    began, asked_at = time.monotonic(), datetime.now(UTC).isoformat()
    request = json.dumps({"at": asked_at, "actor": actor, "reason": reason}, sort_keys=True)
    said: list[str] = []
    is_on = _switch_on(home / "KILL", home / "KILL.spare", request, said)
    _ask_the_ledger(home / "stop_requests", request, said)
    still_open = _cancelled(home, began, keep_stops, said)
    is_on = is_on and _switch_on(home / "KILL", home / "KILL.spare", request, [])  # A resume may have crossed us.
    code = {(True, True): 0, (False, True): 3, (True, False): 4, (False, False): 5}[is_on, still_open == []]
    said.append(f"exit code     {code} after {time.monotonic() - began:.2f} s")
    record = {"at": asked_at, "actor": actor, "reason": reason, "exit_code": code, "found": said}
    try:
        (home / "logs").mkdir(exist_ok=True)
        with (home / "logs" / "halts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, sort_keys=True) + "\n")
    except OSError as error:
        said.append(f"audit line    NOT written: {error}")
    return code, "\n".join(said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="touchstone halt", description="Stop: nothing is sent any more, and every working order is cancelled."
    )
    parser.add_argument("--reason", required=True, help="why, one sentence")
    parser.add_argument("--by", default="", help="who stops; the system user when absent")
    parser.add_argument("--home", type=Path, default=None, help="home folder; else TOUCHSTONE_HOME, else .touchstone")
    parser.add_argument("--keep-stops", action="store_true", help="leave protective stops working at the venue")
    given = parser.parse_args(arguments)
    named = os.environ.get("TOUCHSTONE_HOME", "").strip() or ".touchstone"
    home = (given.home or Path(named)).expanduser().absolute()
    code, said = halt(home, reason=given.reason, actor=given.by or _system_user(), keep_stops=given.keep_stops)
    print(said)
    return code


def _switch_on(kill: Path, spare: Path, content: str, said: list[str]) -> bool:
    """Make the kill file and bring its name to the device; on a disk without room a spare file takes the name."""
    try:
        try:
            descriptor = os.open(kill, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            said.append("kill switch   on already")
            return True
        except OSError as error:
            spare.rename(kill)
            said.append(f"kill switch   on, by the spare file: {error}")
            return True
        try:
            os.write(descriptor, content.encode())
            os.fsync(descriptor)
        except OSError as error:
            said.append(f"kill switch   its file is empty: {error}")
        finally:
            os.close(descriptor)
        _fsync_folder(kill.parent)
    except OSError as error:
        said.append(f"kill switch   NOT on: {error.__context__ or error}; stop the daemon and every executor by hand")
        return False
    said.append(f"kill switch   on: {kill.name} in the home; nothing is sent while it is there")
    return True


def _ask_the_ledger(folder: Path, request: str, said: list[str]) -> None:
    """Leave the request where the next act, the watchdog or `resume` finds it and writes it into the ledger."""
    try:
        folder.mkdir(exist_ok=True)
        path = folder / f"{time.time_ns()}-{os.getpid()}.json"
        with path.with_suffix(".tmp").open("x", encoding="utf-8") as file:
            file.write(request)
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".tmp").rename(path)
        _fsync_folder(folder)
    except OSError as error:
        said.append(f"ledger        NOT asked: {error}")
    else:
        said.append("ledger        asked: the next act writes the halt down")


def _cancelled(home: Path, began: float, keep_stops: bool, said: list[str]) -> list[str] | None:
    """Cancel until no order is open, as seen after the last one in flight could arrive; None when nobody knows."""
    try:
        venue = _venue(home / "halt.json", keep_stops=keep_stops)
    except (OSError, ValueError, KeyError, TypeError) as error:
        said.append(f"orders        UNKNOWN: halt.json names no venue ({error!r}); cancel at the venue by hand")
        return None
    tries, failure, still_open = 0, "", None
    while time.monotonic() < began + CANCEL_WITHIN_SECONDS:
        tries += 1
        is_late = time.monotonic() >= began + IN_FLIGHT_SECONDS
        try:
            still_open = venue.open_orders() if is_late or tries > 1 else None
            if still_open == [] and is_late:
                none = "none open but the stops that were to be kept" if keep_stops else "none open"
                said.append(f"orders        {none}, looked at {time.monotonic() - began:.2f} s after the switch")
                return []
            if still_open != []:
                venue.cancel_all()
        except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
            failure = f"; last failure: {error!r}"
        time.sleep(_PAUSE_SECONDS)
    known = f"{len(still_open)} STILL OPEN: {', '.join(still_open[:20])}" if still_open else "UNKNOWN"
    said.append(f"orders        {known} after {tries} tries{failure}; cancel at the venue by hand")
    return still_open or None


def _venue(settings: Path, *, keep_stops: bool) -> CancelAll:
    told = json.loads(settings.read_text(encoding="utf-8"))["venue"]
    if told["kind"] == "simulated":
        return SimulatedVenue(Path(told["store"]), keep_stops)
    if told["kind"] == "http":
        return HttpVenue(told["orders_url"], told["headers"], keep_stops)
    raise ValueError(f"venue kind {told['kind']!r}: expected simulated or http")


def _secret(where: dict[str, str]) -> str:
    return os.environ[where["env"]] if "env" in where else Path(where["file"]).read_text(encoding="utf-8").strip()


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


if __name__ == "__main__":
    sys.exit(main())

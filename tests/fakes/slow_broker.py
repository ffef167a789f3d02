"""A broker over HTTP on this machine whose wire is slow and lossy: orders are taken, listed and cancelled.

A call takes a round trip; some fail before they do anything, some after, so that their answer is lost. Accounts are
told apart by the first part of the address.
"""

import json
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Account:
    """What the broker knows of one account.

    Attributes:
        accepted_at_ns: order id to the wall-clock instant it was accepted, in nanoseconds.
        working: order id to side and type of what works.
        headers: those of the newest call.
    """

    accepted_at_ns: dict[str, int] = field(default_factory=dict)
    working: dict[str, dict[str, str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class SlowBroker:
    """Runs while it is entered.

    Args:
        round_trip_seconds: how long a call takes.
        failing_fraction: of all calls; half of them fail before, half after they did what was asked.
        seed: of the failures.
    """

    def __init__(self, *, round_trip_seconds: float = 0.3, failing_fraction: float = 0.2, seed: int = 0) -> None:
        self.accounts: defaultdict[str, Account] = defaultdict(Account)
        self._leg_seconds, self._failing = round_trip_seconds / 2, failing_fraction
        self._dice, self._lock = random.Random(seed), threading.Lock()  # noqa: S311 - a test's dice
        broker = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                broker._serve(self)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the names the server of the standard library calls

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def orders_url(self, account: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{account}/v2/orders"

    def _serve(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers.get("Content-Length") or 0))
        time.sleep(self._leg_seconds)
        with self._lock:
            fate = self._dice.random()
        if fate < self._failing / 2:
            self._answer(call, 503, b"")
            return
        with self._lock:
            parts = call.path.partition("?")[0].strip("/").split("/")
            self.accounts[parts[0]].headers = dict(call.headers)
            answer = self._done(call.command, self.accounts[parts[0]], parts[3:], body)
        time.sleep(self._leg_seconds)
        if fate < self._failing:
            # The answer is lost: the line goes dead after the deed.
            call.close_connection = True
            return
        self._answer(call, 200, answer)

    def _done(self, method: str, account: Account, named: list[str], body: bytes) -> bytes:
        if method == "POST":
            order_id = json.loads(body)["client_order_id"]
            account.accepted_at_ns[order_id] = time.time_ns()
            account.working[order_id] = {"side": "buy", "type": "limit"}
        elif method == "DELETE":
            for order_id in named or list(account.working):
                account.working.pop(order_id, None)
        shown = [{"id": key, "client_order_id": key, **terms} for key, terms in sorted(account.working.items())]
        return json.dumps(shown).encode()

    @staticmethod
    def _answer(call: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        try:
            call.send_response(status)
            call.send_header("Content-Length", str(len(body)))
            call.end_headers()
            call.wfile.write(body)
        except ConnectionError:
            pass  # Whoever asked was killed meanwhile.

"""How soon somebody is told: from an event in the ledger to a webhook, by the real alert process, and what it uses.

Run as `python benchmarks/alerts.py`; it prints its figures. Each event is a cause of its own, so none is held back as a
repeat. The webhook is on this machine and answers at once: what a mail server adds is not ours.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from execution.domain.events import SymbolQuarantined
from tests.integration.upkeep.traded_home import TradedHome

EVENTS = 100
PAUSE_SECONDS = 0.7  # No multiple of the watch's pause, so that events fall anywhere between two looks.
PATIENCE_SECONDS = 60.0


def main() -> None:
    received: dict[str, float] = {}

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.setdefault(told["title"], time.monotonic())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        traded = TradedHome(Path(folder))
        environment = os.environ | {
            "TOUCHSTONE_HOME": str(traded.home.root),
            "TOUCHSTONE_SETTINGS": str(traded.folder / "settings.yaml"),
            "TOUCHSTONE__ALERTS__PRIMARY": f"json://127.0.0.1:{server.server_port}/hook",
        }
        command = [sys.executable, "-m", "pipelines.cli.main", "alerts"]
        watch = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            measure(traded, received, watch.pid)
        finally:
            watch.terminate()
            watch.wait()
    server.shutdown()


def measure(traded: TradedHome, received: dict[str, float], process: int) -> None:
    """Write events until the first was told, then write the measured ones, and print what came of them."""
    number = 0
    while not received:
        # The process reads what is new since it began: these are its warm-up.
        quarantine(traded, f"W{number}")
        number += 1
        time.sleep(PAUSE_SECONDS)
    began, used = time.monotonic(), cpu_seconds(process)
    written: dict[str, float] = {}
    for number in range(EVENTS):
        quarantine(traded, f"E{number}")
        written[f"[warning] E{number} is in quarantine"] = time.monotonic()
        time.sleep(PAUSE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while written.keys() - received.keys() and time.monotonic() < deadline:
        time.sleep(0.1)
    seconds = sorted(received[title] - at for title, at in written.items() if title in received)
    share = (cpu_seconds(process) - used) / (time.monotonic() - began)
    p99 = statistics.quantiles(seconds, n=100)[98]
    print(f"told      {len(seconds)} of {EVENTS} events")
    print(f"seconds   median {statistics.median(seconds):.2f}, 99th of 100 {p99:.2f}, longest {seconds[-1]:.2f}")
    print(f"processor {share:.1%} of a core while it watched; load {os.getloadavg()[0]:.0f}")


def quarantine(traded: TradedHome, symbol: str) -> None:
    event = SymbolQuarantined(at=traded.days.clock.now(), symbol=symbol, reason="bench")
    traded.days.desk.ledger.record(lambda _: (event,))


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

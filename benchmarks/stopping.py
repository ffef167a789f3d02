"""How fast a stop is: the bare script from its start to a cancelled order, and the watchdog's reaction to the switch.

Run as `python benchmarks/stopping.py`; it prints its figures. The simulated venue answers at once, so what is measured
is ours: the interpreter, the file, the look, the cancel. A slow wire is what the campaign of stops is about.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import count, islice
from pathlib import Path

from execution.domain.orders import OrderRequest
from execution.risk.kill_switch import KillSwitch
from execution.watchdog import Watchdog, WatchdogPolicy, watch
from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from tests.builders.trading_days import TradingDays

ROOT = Path(__file__).parents[1]
HALT = (sys.executable, "-I", "-S", str(ROOT / "pipelines" / "cli" / "halt.py"))
ROUNDS = 20
NUMBERS = count()  # Each order needs an id of its own.


def main() -> None:
    print(f"halt.py, start to help page   {typical(help_page):.3f} s, median of {ROUNDS}")
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        days = TradingDays(home.root)
        prepare_stopping(home)
        days.plan()
        days.submit()
        for working in (1, 50):
            script, dog = (typical(partial(act, home, days, working)) for act in (halted, barked))
            print(f"halt.py, start to cancelled   {script:.3f} s, {working} working")
            print(f"watchdog, switch to cancelled {dog:.3f} s, {working} working")


def typical(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(ROUNDS))


def help_page() -> float:
    began = time.perf_counter()
    subprocess.run([*HALT, "--help"], check=True, capture_output=True)
    return time.perf_counter() - began


def halted(home: Home, days: TradingDays, working: int) -> float:
    work(days, working)
    began = time.perf_counter()
    process = subprocess.Popen([*HALT, "--home", str(home.root), "--reason", "bench"], stdout=subprocess.DEVNULL)
    seconds = seconds_until_cancelled(days, began)
    process.wait()
    home.kill.unlink()
    return seconds


def barked(home: Home, days: TradingDays, working: int) -> float:
    work(days, working)
    policy = WatchdogPolicy()
    dog = Watchdog(
        days.desk,
        kill_switch=KillSwitch(home.kill),
        heartbeat=home.heartbeat,
        stop_requests=home.stop_requests,
        policy=policy,
    )
    over = threading.Event()
    thread = threading.Thread(
        target=lambda: watch(dog, poll_seconds=policy.poll_seconds, alert=lambda _: None, is_over=over.is_set)
    )
    thread.start()
    time.sleep(0.1)
    began = time.perf_counter()
    home.kill.touch()
    seconds = seconds_until_cancelled(days, began)
    over.set()
    thread.join()
    home.kill.unlink()
    return seconds


def work(days: TradingDays, working: int) -> None:
    for number in islice(NUMBERS, working):
        days.venue.submit(
            OrderRequest(
                client_order_id=f"far-{number}",
                symbol="DDD",
                side="buy",
                leg="entry",
                quantity_shares=1,
                order_type="limit",
                time_in_force="day",
                limit_usd=Decimal(20),
            )
        )


def seconds_until_cancelled(days: TradingDays, began: float) -> float:
    while any(order.side == "buy" for order in days.venue.open_orders()):
        time.sleep(0.002)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

"""A process that sends orders as fast as the wire lets it, each after a last look at the kill switch.

Run as `order_sender.py KILL_FILE ORDERS_URL`; it prints one line when it begins and ends when it is halted.
"""

import contextlib
import json
import sys
import urllib.request
from pathlib import Path

from execution.domain.errors import Halted
from execution.risk.kill_switch import KillSwitch


def main(kill_file: str, orders_url: str) -> None:
    switch, sent = KillSwitch(Path(kill_file)), 0
    print("sending", flush=True)  # noqa: T201 - whoever started it waits for this line
    while True:
        sent += 1
        body = json.dumps({"client_order_id": f"order-{sent}"}).encode()
        request = urllib.request.Request(orders_url, data=body, method="POST")  # noqa: S310 - a fake on this machine
        try:
            switch.refuse_when_engaged()
        except Halted:
            return
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=1.5) as answer:  # noqa: S310 - as above
            answer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

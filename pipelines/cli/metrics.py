"""`touchstone metrics`: the resident process Prometheus asks, on this machine's loopback."""

import signal
import threading

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from pipelines.home import Home
from pipelines.metrics import HomeMetrics
from pipelines.settings import Settings


def serve_metrics(settings: Settings, home: Home, *, port: int) -> int:
    """Serve the figures of a home until a signal says to end, and return the exit code."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    registry = CollectorRegistry()
    registry.register(HomeMetrics(settings, home))
    ProcessCollector(registry=registry)
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    print(f"figures of {home.root} on http://127.0.0.1:{server.server_port}/metrics")
    over.wait()
    server.shutdown()
    thread.join()
    return 0

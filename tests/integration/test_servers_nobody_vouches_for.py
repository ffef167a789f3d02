"""Clients that carry keys meet a server whose certificate nobody vouches for, and say nothing to it."""

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.alpaca_stream import AlpacaStream
from execution.clock import SystemClock
from execution.domain.errors import VenueUnavailable
from execution.trade_updates import TradeUpdates
from pipelines.cli.halt import HttpVenue
from tests.builders.alpaca import KEY_ID, SECRET_KEY, alpaca_side, policy
from tests.builders.alpaca_market import reader
from tests.builders.certificates_for_tls import write_certificate


@dataclass
class Impostor:
    """A server that answers whatever it is asked, once somebody believes its certificate."""

    port: int
    certificate: Path
    heard: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[Impostor]:
    heard: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing of clients that go away."""

    certificate, key = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Quiet(("127.0.0.1", 0), Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Impostor(server.server_address[1], certificate, heard)
        finally:
            server.shutdown()
            thread.join()


def read_data(url: str, folder: Path) -> None:
    reader(url, folder).read("/v2/stocks/bars")


def read_orders(url: str, folder: Path) -> None:
    alpaca_side(url, folder, SystemClock()).broker.open_orders()


def cancel_by_halt(url: str, _: Path) -> None:
    HttpVenue(f"{url}/v2/orders", {}).open_orders()


def listen(url: str, folder: Path) -> None:
    stream = AlpacaStream(
        url,
        key_id=KEY_ID,
        secret_key=SECRET_KEY,
        policy=policy(),
        updates=TradeUpdates(folder / "operations.db"),
        clock=SystemClock(),
    )
    # What is behind `listen`, which tries for ever.
    stream._opened()


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (read_data, VenueUnavailable),
        (read_orders, VenueUnavailable),
        (cancel_by_halt, OSError),
        (listen, ssl.SSLCertVerificationError),
    ],
    ids=["data", "orders", "halt", "trade updates"],
)
def test_a_client_says_nothing_to_a_server_it_cannot_verify(
    impostor: Impostor, tmp_path: Path, ask: Callable[[str, Path], None], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(impostor.url, tmp_path)
    assert impostor.heard == []


def test_who_believes_its_certificate_is_answered(impostor: Impostor) -> None:
    believing = ssl.create_default_context(cafile=str(impostor.certificate))
    connection = HTTPSConnection("127.0.0.1", impostor.port, context=believing, timeout=60)
    connection.request("GET", "/there")
    assert connection.getresponse().read() == b"[]"
    connection.close()
    assert impostor.heard == ["/there"]

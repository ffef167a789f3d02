"""The stop at a venue over HTTP: what it asks for, and where it never goes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipelines.cli.halt import HttpVenue

KEY = {"APCA-API-KEY-ID": {"env": "CANARY_KEY"}}


@contextmanager
def a_host(status: int, *, location: str = "") -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.append(f"{self.command} {self.path} {self.headers.get('APCA-API-KEY-ID')}")
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        do_GET = do_DELETE = _answer  # noqa: N815 - names the server calls

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_no_key_goes_elsewhere(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary")
    with a_host(200) as (elsewhere, asked_elsewhere), a_host(status, location=f"{elsewhere}/v2/orders") as (url, asked):
        venue = HttpVenue(f"{url}/v2/orders", KEY)
        with pytest.raises(OSError, match=str(status)):
            venue.open_orders()
        with pytest.raises(OSError, match=str(status)):
            venue.cancel_all()
    assert asked == ["GET /v2/orders?status=open&limit=500 canary", "DELETE /v2/orders canary"]
    assert asked_elsewhere == []


def test_an_answer_is_read_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary")
    with a_host(200) as (url, asked):
        assert HttpVenue(f"{url}/v2/orders", KEY).open_orders() == []
    assert len(asked) == 1

"""The wire in front of the venue: every request passes here, is counted, and meets what the plan holds for it."""

import asyncio
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from execution.venue.faults import Fault, FaultPlan, edited


class FaultGate:
    """An ASGI application around another.

    It must stand outermost: to drop a connection it closes the server's own transport, which only the first `send`
    still belongs to.
    """

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self._app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or let it meet its fault."""
        if scope["type"] != "http" or scope["path"].startswith("/__"):
            await self._app(scope, receive, send)
            return
        fault = self._plan.of_request(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.action == "delay":
            await self._app(scope, receive, send)
        elif fault.action == "drop_before":
            await _read(receive)
            await _drop(send)
        elif fault.action == "answer":
            await _read(receive)
            await _answer(send, fault.status, fault.body.encode(), fault.headers.items())
        else:
            await self._after_acting(scope, receive, send, fault)

    async def _after_acting(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        told: list[Message] = []

        async def keep(message: Message) -> None:
            told.append(message)

        await self._app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in told)
        if fault.action == "drop_after":
            await _drop(send)
        elif fault.action == "answer_after":
            await _answer(send, fault.status, fault.body.encode(), fault.headers.items())
        elif fault.action == "truncate":
            await send(told[0])
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await _drop(send)
        else:
            content = orjson.dumps(edited(orjson.loads(body), fault)) if body else b""
            await _answer(send, told[0]["status"], content, ())


async def _read(receive: Receive) -> None:
    # A body that is left unread would make the close a reset, and the client might not even finish sending.
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _answer(send: Send, status: int, body: bytes, headers: Any) -> None:
    given = {"content-type": "application/json", **{name.lower(): value for name, value in headers}}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _drop(send: Send) -> None:
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("dropped: this server has no transport that could be closed")
    transport.close()
    # The server learns of the lost connection in its loop; until then it would take the silence for a mistake.
    await asyncio.sleep(0.01)

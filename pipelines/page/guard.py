"""The guard before Dagster's web page: an ASGI application that hands on only what the rules let pass."""

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.page.door import Door
from pipelines.page.headers import dressed
from pipelines.page.rules import BODY_BYTES_MAX, FORM_BYTES_MAX, SIGN_IN, SIGN_OUT, PageRules, Refusal, Visit
from pipelines.page.sessions import Sessions

_POLICY_VIOLATED: Final = 1008
_NOBODY: Final = Refusal(403, "sign in first")


class PageGuard:
    """One page behind its rules and, where there are passwords, behind a door."""

    def __init__(self, page: ASGIApp, *, rules: PageRules, door: Door | None = None) -> None:
        """Guard a page.

        Args:
            page: what is guarded.
            rules: what may pass.
            door: where people sign in; None asks nobody who they are.
        """
        self._page, self._rules, self._door = page, rules, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection, or hand it on."""
        if scope["type"] == "lifespan":
            await self._page(scope, receive, send)
            return
        visit = _visit(scope)
        refusal = self._rules.refusal(visit)
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send, visit, refusal)
            return
        host = visit.said("host").lower()
        send = dressed(send, path=visit.path, host=host, is_encrypted=self._rules.is_encrypted)
        answer = _answer(refusal) if refusal else await self._at_the_door(visit, receive)
        if answer is None and visit.method == "POST":
            body, refusal = await _read(receive, BODY_BYTES_MAX)
            refusal = refusal or self._rules.body_refusal(body)
            receive, answer = _replayed(body, receive), _answer(refusal) if refusal else None
        await (answer or self._page)(scope, receive, send)

    async def _at_the_door(self, visit: Visit, receive: Receive) -> Response | None:
        """Return what the door answers; None for a known person on the way to the page."""
        if self._door is None:
            return None
        if visit.path == SIGN_IN and visit.method == "POST":
            body, refusal = await _read(receive, FORM_BYTES_MAX)
            return _answer(refusal) if refusal else self._door.signed_in(visit, body)
        if visit.path == SIGN_OUT and visit.method == "POST":
            return self._door.signed_out(visit)
        session = self._door.sessions.seen(self._door.token(visit))
        if visit.path == SIGN_IN:
            return self._door.looked_at(session)
        return None if session else self._door.unknown(visit)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, visit: Visit, refusal: Refusal | None) -> None:
        if refusal is None and self._door and self._door.sessions.seen(self._door.token(visit)) is None:
            refusal = _NOBODY
        if refusal is not None:
            # Closed before it is accepted: the browser sees a 403.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATED, "reason": refusal.reason})
        elif self._door is None:
            await self._page(scope, receive, send)
        else:
            await self._page(scope, *_while_it_lasts(receive, send, self._door.sessions, self._door.token(visit)))


def _while_it_lasts(receive: Receive, send: Send, sessions: Sessions, token: str) -> tuple[Receive, Send]:
    """Return both ways of a stream, closed at the first word after the end of a session."""
    is_closed = False

    async def out(message: Message) -> None:
        nonlocal is_closed
        if is_closed:
            return
        if not sessions.lasts(token):
            message = {"type": "websocket.close", "code": _POLICY_VIOLATED, "reason": "the session is over"}
        is_closed = message["type"] == "websocket.close"
        await send(message)

    async def back() -> Message:
        message = await receive()
        if sessions.lasts(token):
            return message
        await out(message)
        return {"type": "websocket.disconnect", "code": _POLICY_VIOLATED}

    return back, out


async def _read(receive: Receive, bytes_max: int) -> tuple[bytes, Refusal | None]:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"", Refusal(400, "the question was not sent to its end")
        body += message.get("body", b"")
        if len(body) > bytes_max:
            return b"", Refusal(413, f"a question has at most {bytes_max} bytes")
        if not message.get("more_body", False):
            return bytes(body), None


def _visit(scope: Scope) -> Visit:
    return Visit(
        kind=scope["type"],
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=tuple(Headers(scope=scope).items()),
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _answer(refusal: Refusal) -> PlainTextResponse:
    headers = {"content-security-policy": "default-src 'none'"}
    return PlainTextResponse(refusal.reason + "\n", status_code=refusal.status, headers=headers)

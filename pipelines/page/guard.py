"""The guard before Dagster's web page: an ASGI application that hands on only what the rules let pass."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.page.rules import BODY_BYTES_MAX, PageRules, Refusal, Visit

_POLICY_VIOLATED: Final = 1008


class PageGuard:
    """One page behind its rules and, where there are passwords, behind them."""

    def __init__(self, page: ASGIApp, *, rules: PageRules, passwords: Mapping[str, str]) -> None:
        """Guard a page.

        Args:
            page: what is guarded.
            rules: what may pass.
            passwords: password by user name; empty asks nobody for one.
        """
        self._page, self._rules, self._passwords = page, rules, dict(passwords)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection, or hand it on."""
        if scope["type"] == "lifespan":
            await self._page(scope, receive, send)
            return
        visit = _visit(scope)
        refusal = self._rules.refusal(visit) or self._unknown(visit)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._page(scope, receive, send)
            else:
                # Closed before it is accepted: the browser sees a 403.
                await send({"type": "websocket.close", "code": _POLICY_VIOLATED, "reason": refusal.reason})
            return
        if refusal is None and visit.method == "POST":
            body, refusal = await self._read(receive)
            receive = _replayed(body, receive)
        if refusal is not None:
            await _answer(refusal)(scope, receive, send)
            return
        await self._page(scope, receive, _framed_nowhere(send))

    def _unknown(self, visit: Visit) -> Refusal | None:
        if not self._passwords:
            return None
        scheme, _, word = visit.said("authorization").partition(" ")
        try:
            user, _, given = base64.b64decode(word, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = given = ""
        # Compared also for a user nobody knows: the time must not tell who exists.
        is_right = (
            hmac.compare_digest(self._passwords.get(user, "").encode(), given.encode()) and user in self._passwords
        )
        return None if scheme.lower() == "basic" and is_right else Refusal(401, "name and password, please")

    async def _read(self, receive: Receive) -> tuple[bytes, Refusal | None]:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b"", Refusal(400, "the question was not sent to its end")
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                return b"", Refusal(413, f"a question has at most {BODY_BYTES_MAX} bytes")
            if not message.get("more_body", False):
                return bytes(body), self._rules.body_refusal(bytes(body))


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


def _framed_nowhere(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            # A second policy beside Dagster's own: browsers hold both.
            headers.append("content-security-policy", "frame-ancestors 'none'")
            headers["x-frame-options"] = "DENY"
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "same-origin"
        await send(message)

    return with_headers


def _answer(refusal: Refusal) -> PlainTextResponse:
    # The charset makes a browser ask for both words in UTF-8.
    challenge = {"www-authenticate": 'Basic realm="touchstone", charset="UTF-8"'} if refusal.status == 401 else None
    return PlainTextResponse(refusal.reason + "\n", status_code=refusal.status, headers=challenge)

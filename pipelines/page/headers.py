"""What every answer of the page tells the browser, whoever wrote the answer.

Source: OWASP Secure Headers Project (2025), and the passive rules of ZAP's baseline scan.
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from pipelines.page.rules import LOOPBACK_NAMES

_ALWAYS: Final = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_YEAR_SECONDS: Final = 31_536_000
_PROGRAM: Final = ("/_next/", "/vendor/")
"""The page's own program: the same for everybody, and megabytes."""


def dressed(send: Send, *, path: str, host: str, is_encrypted: bool) -> Send:
    """Return a `send` that puts the page's headers on an answer.

    Args:
        send: takes the answer.
        path: what was asked for.
        host: the Host header it was asked under, lower case.
        is_encrypted: whether the browser reached the page over TLS.
    """

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS.items():
                headers[name] = value
            # A second policy beside Dagster's own: browsers hold both.
            headers.append("content-security-policy", "frame-ancestors 'none'")
            # Kept by nobody, but for the program, which is asked about each time.
            headers["cache-control"] = "private, no-cache" if path.startswith(_PROGRAM) else "no-store"
            if is_encrypted and _name(host) not in LOOPBACK_NAMES:
                # It binds every port of a name, and this machine's own name is shared with programs that speak no TLS.
                headers["strict-transport-security"] = f"max-age={_YEAR_SECONDS}"
        await send(message)

    return with_headers


def _name(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host

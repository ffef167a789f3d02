"""Which requests may reach Dagster's web page, which knows no user and executes a mutation that comes by `GET`.

Pure: a request's head and body in, a refusal or nothing out. What is not named here as allowed is refused.

Source: W3C Fetch Metadata Request Headers (2023) for `Sec-Fetch-Site`; RFC 9110 and RFC 6454 for Host and Origin.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

LOOPBACK: Final = "127.0.0.1"
LOOPBACK_NAMES: Final = ("localhost", LOOPBACK, "[::1]")
GRAPHQL: Final = "/graphql"
SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
BODY_BYTES_MAX: Final = 1_048_576
FORM_BYTES_MAX: Final = 4_096
_NAMES_THE_QUESTION: Final = re.compile(r"op=[_A-Za-z][_0-9A-Za-z]{0,199}")
"""What Dagster's page puts into the address of each of its questions; nothing reads it but a person."""
_UNNAMED_PORTS: Final = {"http": 80, "https": 443}
_SINGLE: Final = (
    "host",
    "origin",
    "content-type",
    "content-length",
    "sec-fetch-site",
    "sec-fetch-mode",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further.

    Attributes:
        status: of the HTTP answer, 400 to 499.
        reason: one sentence for the person who asked.
    """

    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """The head of one request.

    Attributes:
        kind: `http` or `websocket`.
        method: upper case; `GET` for a websocket.
        path: decoded, as the page's own routes see it.
        query: raw, without its question mark.
        headers: names in lower case, in the order they came.
    """

    kind: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    def said(self, name: str) -> str:
        """Return a header's value; empty when it was not sent."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRules:
    """What one served page lets through.

    Attributes:
        hosts: values of the Host header that mean this page, lower case, with their port where it is not 80 or 443.
        is_viewer: looks only: whatever would change something is refused.
        is_encrypted: browsers reach it over TLS, which ends here or before it.
        has_door: people sign in and out at two addresses of their own.
    """

    hosts: frozenset[str]
    is_viewer: bool = False
    is_encrypted: bool = False
    has_door: bool = False

    @property
    def scheme(self) -> Literal["http", "https"]:
        """By what browsers reach it."""
        return "https" if self.is_encrypted else "http"

    def refusal(self, visit: Visit) -> Refusal | None:
        """Return why the head of a request is refused; None when it is not."""
        for name in _SINGLE:
            if sum(key == name for key, _ in visit.headers) > 1:
                return Refusal(400, f"the header {name} came twice")
        if visit.said("host").lower() not in self.hosts:
            # A name that somebody else resolves to this machine would otherwise be an origin of its own.
            return Refusal(421, "this page has another name: allow it with --allow-host where it is yours")
        if foreign := self._foreign(visit):
            return foreign
        if visit.kind == "websocket":
            return None if visit.path == GRAPHQL else Refusal(404, "nothing is streamed here")
        if visit.method in {"GET", "HEAD"}:
            return _of_looking(visit)
        if visit.method == "POST":
            return _of_a_form(visit) if self.has_door and visit.path in {SIGN_IN, SIGN_OUT} else _of_asking(visit)
        return Refusal(405, f"{visit.method} is not used here")

    def body_refusal(self, body: bytes) -> Refusal | None:
        """Return why the body of a question to GraphQL is refused; None when it is not."""
        try:
            asked: Any = json.loads(body)
        except (ValueError, RecursionError):
            return Refusal(400, "the body is no JSON")
        if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
            return Refusal(400, "the body is no single GraphQL question")
        if self.is_viewer and _changes_something(asked["query"]):
            return Refusal(403, "this page only looks: a mutation is refused")
        return None

    def _foreign(self, visit: Visit) -> Refusal | None:
        """Refuse what another site had the browser send."""
        origin, site = visit.said("origin"), visit.said("sec-fetch-site")
        # Another port of this machine is the same site and another origin.
        is_followed_link = visit.method == "GET" and visit.said("sec-fetch-mode") == "navigate"
        if site not in {"", "none", "same-origin"} and not is_followed_link:
            return Refusal(403, "another site asked for this")
        is_writing = visit.kind == "websocket" or visit.method not in {"GET", "HEAD"}
        if (origin or is_writing) and not self.is_own(origin):
            return Refusal(403, f"this comes from {origin or 'nowhere'}, not from this page by {self.scheme}")
        return None

    def is_own(self, address: str) -> bool:
        """Return whether an origin, or a whole address, is of this page."""
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        return parts.scheme == self.scheme and parts.netloc.lower() in self.hosts


def own_hosts(port: int, allowed: Sequence[str] = (), *, scheme: Literal["http", "https"] = "http") -> frozenset[str]:
    """Return the Host headers that mean a page of this machine at a port, and those that were allowed by name."""
    own = {f"{name}:{port}" for name in LOOPBACK_NAMES}
    own |= set(LOOPBACK_NAMES) if port == _UNNAMED_PORTS[scheme] else set()
    return frozenset(own | {host.lower() for host in allowed})


def _of_looking(visit: Visit) -> Refusal | None:
    if not visit.path.rstrip("/").endswith(GRAPHQL):
        return None
    # The page to type questions into stays; Dagster would execute a question in the address itself.
    if "text/html" in visit.said("accept") and not visit.query:
        return None
    return Refusal(405, "ask GraphQL by POST: nothing in an address is executed")


def _of_a_form(visit: Visit) -> Refusal | None:
    if visit.query:
        return Refusal(400, "a form is filled in, not put into the address")
    if visit.said("content-type").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return Refusal(415, "this wants a form as a browser sends it")
    return None


def _of_asking(visit: Visit) -> Refusal | None:
    if visit.path != GRAPHQL:
        # Among them the addresses at which anybody may report a materialization that never was.
        return Refusal(405, "only GraphQL is asked by POST here")
    if visit.query and not _NAMES_THE_QUESTION.fullmatch(visit.query):
        return Refusal(400, "a question in the address is refused: put it into the body")
    if visit.said("content-type").partition(";")[0].strip().lower() != "application/json":
        # Forms and plain text are what another site can have sent without asking first.
        return Refusal(415, "the body of a question is application/json")
    length = visit.said("content-length")
    if length and (not length.isdecimal() or int(length) > BODY_BYTES_MAX):
        return Refusal(413, f"a question has at most {BODY_BYTES_MAX} bytes")
    return None


def _changes_something(query: str) -> bool:
    try:
        document = parse(query)
    except (GraphQLError, RecursionError):
        return True
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return not operations or any(node.operation is not OperationType.QUERY for node in operations)

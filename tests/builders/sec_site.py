"""A small SEC of our own: one company's bodies at the SEC's paths, for senders who say who they are."""

from collections import Counter
from dataclasses import dataclass, field

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class SecSite:
    """What is published now; a test may publish more."""

    bodies: dict[str, bytes]
    asked: Counter[str] = field(default_factory=Counter)
    answers_next: list[int] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer)])

    async def _answer(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        if self.answers_next:
            return Response("slow down", self.answers_next.pop(0), headers={"Retry-After": "0"})
        if "@" not in request.headers.get("user-agent", ""):
            return Response("Undeclared Automated Tool", 403)
        body = self.bodies.get(request.url.path)
        return Response("no such key", 404) if body is None else Response(body, media_type="application/json")


def site_of(cik: int, ticker: str, *, submissions: bytes, facts: bytes) -> SecSite:
    tickers = {"0": {"cik_str": cik, "ticker": ticker, "title": "A company"}}
    return SecSite(
        {
            "/files/company_tickers.json": orjson.dumps(tickers),
            f"/submissions/CIK{cik:010d}.json": submissions,
            f"/api/xbrl/companyfacts/CIK{cik:010d}.json": facts,
        }
    )

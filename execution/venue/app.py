"""The venue as an HTTP application at Alpaca's paths. Keeping to loopback is the business of whoever serves it.

Besides those paths there are three of its own for whoever rehearses: `/__faults__` takes faults, `/__wire__` tells how
often each route was asked, `/__accepted__` is the sheet of accepted orders.
"""

from datetime import timedelta
from typing import Final

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.clock import SystemClock
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar
from execution.venue import account_pages, data_pages, news_pages, order_pages
from execution.venue.answering import Asked, Page, Quota, answered, count_asked, day_asked, instant_asked
from execution.venue.fault_gate import FaultGate
from execution.venue.faults import Fault, FaultPlan
from execution.venue.floor import VenueFloor
from execution.venue.news_feed import NewsFeed, no_news
from execution.venue.order_sheet import OrderSheet
from execution.venue.order_words import INVALID, NOT_FOUND, Refusal
from execution.venue.trade_stream import trade_updates

_ACTIVITIES_MOST: Final = 100
_CALENDAR_DAYS: Final = timedelta(days=365)


def venue_app(
    broker: SimulatedBroker,
    *,
    tape: Tape,
    clock: Clock,
    calendar: TradingCalendar,
    key_id: str,
    secret_key: str,
    faults: FaultPlan | None = None,
    sheet: OrderSheet | None = None,
    news: NewsFeed = no_news,
    requests_per_minute: int | None = None,
) -> Starlette:
    """Return the application. Its floor is `app.state.floor`.

    Args:
        broker: the engine; nothing else need know that it is served.
        tape: the engine's tape, for market data.
        clock: the engine's clock.
        calendar: exchange sessions.
        key_id: what requests must name in APCA-API-KEY-ID.
        secret_key: what they must prove in APCA-API-SECRET-KEY.
        faults: what goes wrong; None for nothing.
        sheet: where accepted orders are kept; None for memory.
        news: the headlines it tells.
        requests_per_minute: above it requests are answered with 429; None for no limit.
    """
    plan = FaultPlan() if faults is None else faults
    app = Starlette(routes=_routes())
    app.state.floor = VenueFloor(
        broker, tape=tape, news=news, sheet=sheet or OrderSheet(), clock=clock, calendar=calendar, faults=plan
    )
    # Pairs, for while keys are changed the former ones are good too.
    app.state.keys = {(key_id, secret_key)}
    app.state.quota = Quota(SystemClock(), requests_per_minute)
    # Outermost of all: dropping a connection needs the server's own `send`, which the framework's layers would wrap.
    app.middleware_stack = FaultGate(app.build_middleware_stack(), plan)
    return app


def _routes() -> list[BaseRoute]:
    pages: list[tuple[str, str, Page]] = [
        ("GET", "/v2/orders", order_pages.list_orders),
        ("POST", "/v2/orders", order_pages.take),
        ("DELETE", "/v2/orders", order_pages.cancel_all),
        ("GET", "/v2/orders:by_client_order_id", order_pages.order_of_client),
        ("GET", "/v2/orders/{order_id}", order_pages.one_order),
        ("PATCH", "/v2/orders/{order_id}", order_pages.replace),
        ("DELETE", "/v2/orders/{order_id}", order_pages.cancel),
        ("GET", "/v2/positions", _positions),
        ("DELETE", "/v2/positions", order_pages.close_all_positions),
        ("GET", "/v2/positions/{symbol}", _position),
        ("DELETE", "/v2/positions/{symbol}", order_pages.close_position),
        ("GET", "/v2/account", _account),
        ("GET", "/v2/account/activities", _activities),
        ("GET", "/v2/account/activities/{kind}", _activities),
        ("GET", "/v2/account/portfolio/history", _history),
        ("GET", "/v2/clock", _clock),
        ("GET", "/v2/calendar", _calendar),
        ("GET", "/v2/assets", data_pages.assets),
        ("GET", "/v2/assets/{symbol}", data_pages.asset),
        ("GET", "/v2/stocks/bars", data_pages.bars),
        ("GET", "/v2/stocks/trades/latest", data_pages.latest_trades),
        ("GET", "/v2/stocks/quotes/latest", data_pages.latest_quotes),
        ("GET", "/v1/corporate-actions", data_pages.corporate_actions),
        ("GET", "/v1beta1/news", news_pages.news),
    ]
    own: list[BaseRoute] = [
        Route("/__faults__", _add_faults, methods=["POST"]),
        Route("/__wire__", _wire, methods=["GET"]),
        Route("/__accepted__", _accepted, methods=["GET"]),
        WebSocketRoute("/stream", trade_updates),
    ]
    return [*(Route(path, answered(page), methods=[method]) for method, path, page in pages), *own]


def _account(asked: Asked) -> object:
    return account_pages.account_page(asked.floor)


def _positions(asked: Asked) -> object:
    return account_pages.positions_page(asked.floor)


def _position(asked: Asked) -> object:
    given = asked.path["symbol"]
    for position in account_pages.positions_page(asked.floor):
        if given in (position["symbol"], position["asset_id"]):
            return position
    raise Refusal(404, NOT_FOUND, f"position does not exist: {given}")


def _history(asked: Asked) -> object:
    return account_pages.portfolio_history(asked.floor)


def _clock(asked: Asked) -> object:
    return account_pages.clock_page(asked.floor)


def _calendar(asked: Asked) -> object:
    today = asked.floor.clock.now().date()
    first = day_asked(asked, "start") or today - _CALENDAR_DAYS
    return account_pages.calendar_page(asked.floor, first, day_asked(asked, "end") or today + _CALENDAR_DAYS)


def _activities(asked: Asked) -> object:
    """Page through activities: a page begins behind the activity its token names."""
    kinds = {kind for kind in (asked.path.get("kind") or asked.query.get("activity_types") or "").split(",") if kind}
    told = [each for each in account_pages.activities(asked.floor) if not kinds or each["activity_type"] in kinds]
    after, until = instant_asked(asked, "after"), instant_asked(asked, "until")
    day = day_asked(asked, "date")
    told = [each for each in told if account_pages.is_between(each, after=after, until=until, day=day)]
    if asked.query.get("direction") != "asc":
        told.reverse()
    token = asked.query.get("page_token")
    if token:
        ids = [each["id"] for each in told]
        if token not in ids:
            raise Refusal(422, INVALID, f"invalid page_token {token}: no such activity on this list")
        told = told[ids.index(token) + 1 :]
    return told[: count_asked(asked, "page_size", default=_ACTIVITIES_MOST, most=_ACTIVITIES_MOST)]


async def _add_faults(request: Request) -> Response:
    try:
        given = [Fault.model_validate(each) for each in orjson.loads(await request.body())]
    except (orjson.JSONDecodeError, ValidationError, TypeError) as error:
        return JSONResponse({"message": f"expected a list of faults: {error}"}, 422)
    request.app.state.floor.faults.add(*given)
    return JSONResponse({"added": len(given)})


def _wire(request: Request) -> Response:
    return JSONResponse(request.app.state.floor.faults.wire())


def _accepted(request: Request) -> Response:
    floor: VenueFloor = request.app.state.floor
    return JSONResponse([floor.tell(row) for row in floor.rows()])

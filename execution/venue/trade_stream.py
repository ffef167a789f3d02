"""The websocket of trade updates: authorise, listen, and from then on every change of an order, as binary JSON.

Nothing is replayed: what happened while nobody listened is in the orders and activities alone.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from execution.venue.faults import FaultPlan, edited
from execution.venue.floor import VenueFloor

_LOOK_SECONDS: Final = 0.05
_STREAM: Final = "trade_updates"


async def trade_updates(socket: WebSocket) -> None:
    """Serve one listener until it leaves."""
    await socket.accept()
    floor: VenueFloor = socket.app.state.floor
    try:
        if not await _is_authorised(socket):
            await socket.close()
            return
        if not await _asks_to_listen(socket):
            return
        begins_after = len(await run_in_threadpool(floor.events_after, 0))
        listening = {"stream": "listening", "data": {"streams": [_STREAM]}}
        await socket.send_bytes(orjson.dumps(listening))
        leaves = asyncio.create_task(_until_it_leaves(socket))
        try:
            await _send_events(socket, floor, begins_after, leaves)
        finally:
            leaves.cancel()
    except WebSocketDisconnect:
        return


async def _is_authorised(socket: WebSocket) -> bool:
    said = _said(await socket.receive())
    data = said.get("data", {})
    # Two spellings of the same: the older nests the keys, the newer does not.
    given = (data.get("key_id") or said.get("key"), data.get("secret_key") or said.get("secret"))
    is_known = said.get("action") in ("auth", "authenticate") and given in socket.app.state.keys
    status = "authorized" if is_known else "unauthorized"
    answer = {"stream": "authorization", "data": {"status": status, "action": "authenticate"}}
    await socket.send_bytes(orjson.dumps(answer))
    return is_known


async def _asks_to_listen(socket: WebSocket) -> bool:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return False
        said = _said(message)
        if said.get("action") == "listen" and _STREAM in said.get("data", {}).get("streams", []):
            return True


async def _until_it_leaves(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _send_events(socket: WebSocket, floor: VenueFloor, count: int, leaves: asyncio.Task[None]) -> None:
    held: dict[str, Any] | None = None
    while not leaves.done():
        events = await run_in_threadpool(floor.events_after, count)
        count += len(events)
        for event in events:
            out, held, goes_on = await _as_planned(floor.faults, event, held)
            for each in out:
                await socket.send_bytes(orjson.dumps({"stream": _STREAM, "data": each}))
            if goes_on == "close":
                await socket.close(1011)
                return
            if goes_on == "freeze":
                await leaves
                return
        await asyncio.sleep(_LOOK_SECONDS)


async def _as_planned(
    plan: FaultPlan, event: dict[str, Any], held: dict[str, Any] | None
) -> tuple[Sequence[Any], dict[str, Any] | None, str]:
    """Return what goes out now, what waits for the next event to overtake it, and how the stream goes on."""
    fault = plan.of_event(event["event"])
    waiting = [] if held is None else [held]
    match fault.action if fault else "":
        case "skip_event":
            return waiting, None, ""
        case "duplicate_event":
            return [event, *waiting, event], None, ""
        case "reorder_event":
            return waiting, event, ""
        case "close_socket":
            return waiting, None, "close"
        case "freeze_socket":
            return waiting, None, "freeze"
        case "edit" if fault:
            return [edited(event, fault), *waiting], None, ""
        case "delay" if fault:
            await asyncio.sleep(fault.seconds)
    return [event, *waiting], None, ""


def _said(message: Any) -> dict[str, Any]:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    try:
        said = orjson.loads(message.get("text") or message.get("bytes") or b"")
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}

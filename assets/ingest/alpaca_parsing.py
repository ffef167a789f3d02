"""Alpaca's JSON to columns: tolerant of what is missing or new, exact in what is read.

Bars are the bulk: they are decoded into small typed records at once and turned into columns list by list.
"""

import html
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import chain
from typing import Final, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from assets.ingest.columns import prices
from execution.domain.errors import DataError

Parsed = TypeVar("Parsed")
_MICRO: Final = 1_000_000


class BarJson(msgspec.Struct, gc=False):
    """One bar: time of its beginning, four prices in dollars, raw volume in shares."""

    t: str
    o: float
    h: float
    l: float  # noqa: E741 - the field's name on the wire
    c: float
    v: float


class _BarsPage(msgspec.Struct):
    bars: dict[str, list[BarJson]] | None = None


class SplitJson(msgspec.Struct):
    """A split: new shares for old ones, by the ex-date."""

    symbol: str
    ex_date: date
    new_rate: float
    old_rate: float


class DividendJson(msgspec.Struct):
    """A cash dividend in dollars per share, or a stock dividend in shares per share, by the ex-date."""

    symbol: str
    ex_date: date
    rate: float


class ActionsJson(msgspec.Struct):
    """The kinds of corporate actions that change a price or pay cash; kinds we do not know are left out."""

    forward_splits: list[SplitJson] = []
    reverse_splits: list[SplitJson] = []
    cash_dividends: list[DividendJson] = []
    stock_dividends: list[DividendJson] = []


class _ActionsPage(msgspec.Struct):
    corporate_actions: ActionsJson | None = None


class NewsJson(msgspec.Struct):
    """One headline in its newest version."""

    id: int
    headline: str
    created_at: datetime
    updated_at: datetime
    symbols: list[str] | None = None


class _NewsPage(msgspec.Struct):
    news: list[NewsJson] | None = None


class AssetJson(msgspec.Struct):
    """One security; every field but its symbol may be absent."""

    symbol: str
    name: str | None = None
    status: str | None = None
    tradable: bool | None = None
    exchange: str | None = None


class _Cursor(msgspec.Struct):
    next_page_token: str | None = None


_BARS: Final = msgspec.json.Decoder(_BarsPage)
_ACTIONS: Final = msgspec.json.Decoder(_ActionsPage)
_NEWS: Final = msgspec.json.Decoder(_NewsPage)
_ASSETS: Final = msgspec.json.Decoder(list[AssetJson])
_CURSOR: Final = msgspec.json.Decoder(_Cursor)


def next_token(page: bytes) -> str | None:
    """Return the token of the page behind a page; None behind the last.

    Raises:
        DataError: the page is no JSON object.
    """
    return _read(_CURSOR, page).next_page_token or None


def bar_columns(pages: Iterable[bytes]) -> dict[str, pa.Array]:
    """Return the bars of pages as columns: `symbol`, `at` (text), four exact prices and `volume_shares`.

    Raises:
        DataError: a page is no page of bars.
    """
    # Page by page: records that live on only until their columns are made stay in the processor's cache.
    chunks = [_page_columns(page) for page in pages]
    chunks = chunks or [_page_columns(b"{}")]
    return {name: pa.concat_arrays([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _page_columns(page: bytes) -> dict[str, pa.Array]:
    told = _read(_BARS, page).bars or {}
    bars = list(chain.from_iterable(told.values()))
    counts = [len(of_symbol) for of_symbol in told.values()]
    volumes = np.rint(np.array([bar.v for bar in bars], dtype=np.float64)).astype(np.int64)
    return {
        "symbol": pa.array(list(told), pa.string()).take(pa.array(np.repeat(np.arange(len(told)), counts))),
        "at": pa.array([bar.t for bar in bars], pa.string()),
        "open_usd": _exact([bar.o for bar in bars]),
        "high_usd": _exact([bar.h for bar in bars]),
        "low_usd": _exact([bar.l for bar in bars]),
        "close_usd": _exact([bar.c for bar in bars]),
        "volume_shares": pa.array(volumes),
    }


def actions_of(page: bytes) -> ActionsJson:
    """Return the corporate actions of a page.

    Raises:
        DataError: it is no page of corporate actions.
    """
    return _read(_ACTIONS, page).corporate_actions or ActionsJson()


def news_of(page: bytes) -> list[NewsJson]:
    """Return the headlines of a page, entities resolved.

    Raises:
        DataError: it is no page of news.
    """
    told = _read(_NEWS, page).news or []
    for item in told:
        item.headline = html.unescape(item.headline).strip()
    return told


def assets_of(body: bytes) -> list[AssetJson]:
    """Return the securities of a list.

    Raises:
        DataError: it is no list of securities.
    """
    return _read(_ASSETS, body)


def _read(decoder: msgspec.json.Decoder[Parsed], body: bytes) -> Parsed:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise DataError(
            f"Alpaca's answer is not what its description says: {error}; found {body[:120]!r}. Nothing of it is kept"
        ) from error


def _exact(usd: Sequence[float]) -> pa.Array:
    # A float of a price with six decimals is off by far less than half a millionth, so rounding finds the price again.
    return prices(np.rint(np.array(usd, dtype=np.float64) * _MICRO).astype(np.int64))

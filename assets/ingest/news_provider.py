"""A news provider as one small file: where it is, how often it may be asked, its question and what its answer says.

The rest is the same for all of them: quota and breaker shared by every process of a home, patience, answers about days
that are over kept as they came, and the instant at which a headline could first be read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa

from assets import schemas
from assets.ingest.columns import known_between, micros
from assets.ingest.http_reading import HttpReader
from assets.ingest.news import NEWS_KNOWN_AFTER, headline_rows
from assets.ingest.page_store import PageStore
from execution.domain.errors import DataError
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

Question = tuple[str, Mapping[str, str]]
"""A path with its leading slash, and query fields."""


def _is_whole(_page: bytes) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A headline as a provider tells it.

    Attributes:
        news_id: the provider's own id.
        symbols: whom it is about.
        published_at: when it came out, aware.
        changed_at: when its text was last changed; None where the provider does not say.
        text: the headline.
    """

    news_id: str
    symbols: tuple[str, ...]
    published_at: datetime
    changed_at: datetime | None = None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsProvider:
    """One provider.

    Attributes:
        name: the `source` of its rows, and its name in settings.
        address: scheme and host, without a path.
        key_header: the header its key goes in; None where it takes no key.
        requests_per_minute: what it takes at most, unless settings say another number.
        symbols_per_question: how many symbols one question may name.
        question: of symbols, a first and a last day in UTC, both included.
        headlines: what a page tells of the symbols that were asked for.
        next_token: of a page, what asks for the page after it; None after the last.
        page_field: the query field that takes it.
    """

    name: str
    address: str
    key_header: str | None = None
    requests_per_minute: int
    symbols_per_question: int
    question: Callable[[Sequence[str], date, date], Question]
    headlines: Callable[[bytes, Sequence[str]], Iterable[Headline]]
    next_token: Callable[[bytes], str | None] = _is_whole
    page_field: str = "page_token"


class ProvidedNews:
    """A provider as a source of headlines.

    Args:
        provider: whose.
        reader: the way to it.
        symbols: whose headlines are asked for.
        first_session: tells the day of the oldest headlines.
        folder: where answers about days that are over are kept; made when absent.
        clock: nothing later than its instant is told.
        calendar: exchange sessions.
    """

    def __init__(
        self,
        provider: NewsProvider,
        *,
        reader: HttpReader,
        symbols: Callable[[], Sequence[str]],
        first_session: Callable[[], date],
        folder: Path,
        clock: Clock,
        calendar: TradingCalendar,
    ) -> None:
        self._provider = provider
        self._reader = reader
        self._symbols = symbols
        self._first_session = first_session
        self._calendar = calendar
        self._pages = PageStore(folder)
        self._clock = clock

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the headlines that could first be read in (after, upto], a minute after they came out.

        Raises:
            AccessDenied: the key is refused.
            VenueUnavailable: the provider does not answer.
            DataError: an answer is not what it publishes.
        """
        begin = self._calendar.opens_at(self._first_session()) if after is None else after - NEWS_KNOWN_AFTER
        until = min(upto, self._clock.now())
        end = until - NEWS_KNOWN_AFTER
        if end <= begin:
            return schemas.NEWS.schema.empty_table()
        told: dict[tuple[str, str, int], tuple[int, str]] = {}
        symbols, most = self._symbols(), self._provider.symbols_per_question
        for first, last in _months(begin.astimezone(UTC).date(), end.astimezone(UTC).date()):
            for place in range(0, len(symbols), most):
                for headline in self._asked(symbols[place : place + most], first, last):
                    known = max(headline.published_at, headline.changed_at or headline.published_at) + NEWS_KNOWN_AFTER
                    for symbol in set(symbols).intersection(headline.symbols) if headline.text else ():
                        told[self._id(headline), symbol, micros(known)] = micros(headline.published_at), headline.text
        return known_between(headline_rows(told, source=self._provider.name, feed="headlines"), after=after, upto=until)

    def _asked(self, symbols: Sequence[str], first: date, last: date) -> Iterator[Headline]:
        path, query = self._provider.question(symbols, first, last)

        def ask(token: str | None) -> bytes:
            more = {} if token is None else {self._provider.page_field: token}
            return self._reader.read(path, {**query, **more})

        question = {"path": path, **query}
        if last >= self._clock.now().astimezone(UTC).date():
            # This day is not over: its answer will be another one.
            self._pages.forget(question)
        for page in self._pages.pages(question, ask=ask, next_token=self._provider.next_token):
            try:
                yield from self._provider.headlines(page, symbols)
            except msgspec.DecodeError as error:
                raise DataError(
                    f"{self._provider.name} answered {path} with what it does not publish: {error}"
                ) from error

    def _id(self, headline: Headline) -> str:
        # Two providers may give one id to two stories.
        return f"{self._provider.name}:{headline.news_id}"


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield a span of days in pieces that end where a month ends, both ends included."""
    while first <= last:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield first, min(following - timedelta(days=1), last)
        first = following

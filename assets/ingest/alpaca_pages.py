"""Questions to Alpaca and their pages: what cannot change any more is kept, a few requests are under way at once."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from assets.ingest.alpaca_parsing import next_token
from assets.ingest.http_reading import HttpReader
from assets.ingest.page_store import PageStore
from execution.domain.errors import VenueUnavailable

SOURCE: Final = "alpaca"


class AlpacaPages:
    """Pages of market data.

    Args:
        reader: the way to the market data API.
        store: where pages are kept.
        concurrent_requests: questions under way at once at most.
        symbols_per_request: symbols in one question.
    """

    def __init__(
        self, reader: HttpReader, store: PageStore, *, concurrent_requests: int, symbols_per_request: int
    ) -> None:
        self._reader = reader
        self._store = store
        self._concurrent_requests = concurrent_requests
        self._symbols_per_request = symbols_per_request

    def batches(self, symbols: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield symbols in pieces that fit into a question, in their order: a new symbol changes the last piece."""
        for begin in range(0, len(symbols), self._symbols_per_request):
            yield symbols[begin : begin + self._symbols_per_request]

    def asked(self, path: str, questions: Sequence[dict[str, str]], *, moment: str = "") -> list[bytes]:
        """Return the pages of questions about the past, in the questions' order; kept ones are not asked again.

        Args:
            path: of the market data API.
            questions: query fields.
            moment: answers of one moment are kept apart from those of another, where the same may be asked again.
        """

        def pages(question: dict[str, str]) -> list[bytes]:
            def ask(token: str | None) -> bytes:
                return self._reader.read(path, question if token is None else {**question, "page_token": token})

            kept_as = {"path": path, **question, **({"moment": moment} if moment else {})}
            return list(self._store.pages(kept_as, ask=ask, next_token=next_token))

        with ThreadPoolExecutor(max_workers=self._concurrent_requests) as pool:
            return [page for pages_of_one in pool.map(pages, questions) for page in pages_of_one]

    def forget(self, path: str, questions: Sequence[dict[str, str]]) -> None:
        """Ask questions anew the next time."""
        for question in questions:
            self._store.forget({"path": path, **question})

    def fresh(self, path: str, question: dict[str, str]) -> Iterator[bytes]:
        """Yield the pages of a question whose answer may change; nothing of it is kept.

        Raises:
            VenueUnavailable: the provider gives a token again, so its pages would never end.
        """
        token, seen = None, set[str]()
        while token is None or token not in seen:
            seen |= {token} if token else set()
            page = self._reader.read(path, question if token is None else {**question, "page_token": token})
            yield page
            token = next_token(page)
            if token is None:
                return
        raise VenueUnavailable(f"{SOURCE} repeats page token {token}: its pages would never end; ask again later")

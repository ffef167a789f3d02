from pathlib import Path

import pytest

from assets.ingest.page_store import PageStore
from execution.domain.errors import DataError

QUESTION = {"symbols": "AAA", "start": "2024-03-04"}


class Provider:
    """Three pages; each says which comes next. It may break off at one of them."""

    def __init__(self, breaks_at: str = "") -> None:
        self.asked: list[str | None] = []
        self.breaks_at = breaks_at

    def ask(self, token: str | None) -> bytes:
        self.asked.append(token)
        if token == self.breaks_at:
            raise ConnectionError
        return {None: b"one>b", "b": b"two>c", "c": b"three>"}[token]


def next_token(page: bytes) -> str | None:
    return page.decode().partition(">")[2] or None


def read(store: PageStore, provider: Provider) -> list[bytes]:
    return list(store.pages(QUESTION, ask=provider.ask, next_token=next_token))


def test_case_58_a_reading_that_broke_off_goes_on_at_its_page(tmp_path: Path) -> None:
    store = PageStore(tmp_path)
    with pytest.raises(ConnectionError):
        read(store, Provider(breaks_at="c"))
    second = Provider()
    assert read(store, second) == [b"one>b", b"two>c", b"three>"]
    assert second.asked == ["c"]


def test_what_was_read_whole_is_not_asked_again(tmp_path: Path) -> None:
    read(PageStore(tmp_path), Provider())
    again = Provider()
    assert read(PageStore(tmp_path), again) == [b"one>b", b"two>c", b"three>"]
    assert again.asked == []


def test_a_break_right_after_the_last_page_asks_for_nothing_twice(tmp_path: Path) -> None:
    store, provider = PageStore(tmp_path), Provider()
    pages = store.pages(QUESTION, ask=provider.ask, next_token=next_token)
    for _ in range(3):
        next(pages)
    pages.close()
    again = Provider()
    assert len(read(store, again)) == 3
    assert again.asked == []


def test_a_forgotten_question_is_asked_anew(tmp_path: Path) -> None:
    store = PageStore(tmp_path)
    read(store, Provider())
    store.forget(QUESTION)
    again = Provider()
    read(store, again)
    assert again.asked == [None, "b", "c"]


def test_case_58_a_token_that_comes_again_is_refused(tmp_path: Path) -> None:
    pages = PageStore(tmp_path).pages(QUESTION, ask=lambda _: b"same>again", next_token=next_token)
    with pytest.raises(DataError, match="repeats page token again"):
        list(pages)


def test_two_questions_do_not_share_their_pages(tmp_path: Path) -> None:
    store = PageStore(tmp_path)
    read(store, Provider())
    other = Provider()
    list(store.pages({**QUESTION, "symbols": "BBB"}, ask=other.ask, next_token=next_token))
    assert other.asked[0] is None

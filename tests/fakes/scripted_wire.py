"""A wire to Alpaca that says what a test wrote down, and remembers what it was asked."""

from collections.abc import Callable, Mapping
from typing import Any

from execution.brokers.alpaca_wire import Answer

Script = Callable[[Mapping[str, str]], Any]


def an_answer(status: int, body: Any = None) -> Answer:
    return Answer(status, body, is_json=body is not None, told=str(body), wait_seconds=None)


class ScriptedWire:
    """Reads answer from `pages`, by path: a value, or a function of the query. Acts answer from `acts`, by method."""

    def __init__(self, pages: Mapping[str, Any] | None = None, *, acts: Mapping[str, Answer] | None = None) -> None:
        self.pages = dict(pages or {})
        self.acts = dict(acts or {})
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.acted: list[tuple[str, str, Any]] = []

    def read(self, path: str, query: Mapping[str, str] | None = None, *, may_be_absent: bool = False) -> Any:
        self.asked.append((path, dict(query or {})))
        told = self.pages[path]
        return told(query or {}) if callable(told) else told

    def act(self, method: str, path: str, body: Any = None, *, urgency: str) -> Answer:
        self.acted.append((method, path, body))
        return self.acts[method]

    def held_back(self, urgency: str) -> str:
        return ""

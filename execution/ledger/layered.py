"""A mapping that grows for years and is copied at every fact: the old entries are shared, only the newest are copied.

Years of a backtest, or of trading, are then as quick per fact as the first day. Order and equality are a dict's.
"""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Final, TypeVar, overload

Key = TypeVar("Key")
Value = TypeVar("Value")
Other = TypeVar("Other")
_TOP_ENTRIES_MAX: Final = 128
_ABSENT: Final[Any] = object()


class Layered(Mapping[Key, Value]):
    """Entries of a mapping that nobody changes any more, under those set since.

    Only its maker may set an entry, and only before giving it away.
    """

    __slots__ = ("_base", "_is_shared", "_new", "_top")

    def __init__(self, before: Mapping[Key, Value]) -> None:
        """Begin as a copy of a mapping, which must not change from now on."""
        self._base, self._top, self._new = _layers(before)
        self._is_shared = True

    def __getitem__(self, key: Key) -> Value:
        found = self._top.get(key, _ABSENT)
        value: Value = self._base[key] if found is _ABSENT else found
        return value

    @overload
    def get(self, key: Key, /) -> Value | None: ...
    @overload
    def get(self, key: Key, /, default: Value | Other) -> Value | Other: ...
    def get(self, key: Key, /, default: Any = None) -> Any:
        """Return an entry, or the default."""
        found = self._top.get(key, _ABSENT)
        return self._base.get(key, default) if found is _ABSENT else found

    def __contains__(self, key: object) -> bool:
        return key in self._top or key in self._base

    def __len__(self) -> int:
        return len(self._base) + self._new

    def __iter__(self) -> Iterator[Key]:
        yield from self._base
        if self._new:
            yield from (key for key in self._top if key not in self._base)

    def __reversed__(self) -> Iterator[Key]:
        if self._new:
            yield from (key for key in reversed(self._top) if key not in self._base)
        yield from reversed(self._base)

    def __setitem__(self, key: Key, value: Value) -> None:
        if self._is_shared:
            # Most copies are never written to: their newest entries are copied once one is.
            self._top, self._is_shared = dict(self._top), False
        if key not in self._top and key not in self._base:
            self._new += 1
        self._top[key] = value

    def values(self) -> ValuesView[Value]:
        """Return the values in order, put together at once: one by one each would be looked for in both layers."""
        return {**self._base, **self._top}.values()

    def items(self) -> ItemsView[Key, Value]:
        """Return the entries in order, put together at once."""
        return {**self._base, **self._top}.items()

    def __repr__(self) -> str:
        return repr(dict(self))


def _layers(before: Mapping[Key, Value]) -> tuple[dict[Key, Value], dict[Key, Value], int]:
    if not isinstance(before, Layered):
        return (before if isinstance(before, dict) else dict(before)), {}, 0
    base, top, new = before._base, before._top, before._new  # noqa: SLF001 - its own kind
    # Merged now and then, an entry is copied a few times in its life; one that was set again keeps its place.
    return (base, top, new) if len(top) < _TOP_ENTRIES_MAX else ({**base, **top}, {}, 0)

"""A sequence that only grows: every copy shares what came before, and what was computed over it.

A fold over years of daily marks, done at every decision, then costs one step a day.
"""

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

Item = TypeVar("Item")
State = TypeVar("State")


class _Kept(Generic[Item]):
    __slots__ = ("folds", "items", "lock")

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self.folds: dict[Hashable, tuple[int, Any]] = {}
        self.lock = threading.Lock()


class Grown(Sequence[Item]):
    """An immutable sequence that is quick to continue."""

    __slots__ = ("_kept", "_length")

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._kept = _Kept(items)
        self._length = len(self._kept.items)

    def followed_by(self, item: Item) -> "Grown[Item]":
        """Return the sequence and one item more; this one stays as it is."""
        grown: Grown[Item] = Grown.__new__(Grown)
        with self._kept.lock:
            items = self._kept.items
            if self._length == len(items):
                items.append(item)
                grown._kept = self._kept
            elif items[self._length] is item:
                # The same fact folded a second time, as after it was folded to see what follows.
                grown._kept = self._kept
            else:
                grown._kept = _Kept((*items[: self._length], item))
        grown._length = self._length + 1
        return grown

    def fold(self, key: Hashable, begin: State, step: Callable[[State, Item], State]) -> State:
        """Return a state after every item; what an earlier call came to is gone on from.

        Args:
            key: names what is computed; equal keys must come with equal steps and beginnings.
            begin: the state before the first item.
            step: returns the state after an item; it changes nothing it was given.
        """
        known: tuple[int, State] = self._kept.folds.get(key, (0, begin))
        length, state = known if known[0] <= self._length else (0, begin)
        for index in range(length, self._length):
            state = step(state, self._kept.items[index])
        self._kept.folds[key] = (self._length, state)
        return state

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self._kept.items[: self._length][index])
        return self._kept.items[range(self._length)[index]]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._kept.items[: self._length])

    def __reversed__(self) -> Iterator[Item]:
        items = self._kept.items
        return (items[index] for index in range(self._length - 1, -1, -1))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # equal to tuples, whose hash would cost a walk

    def __repr__(self) -> str:
        return repr(tuple(self))

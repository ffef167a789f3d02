"""A port that kills the program just before or just after the n-th call: what is durable by then is all that stays."""

from dataclasses import dataclass, field
from typing import Any


class Killed(BaseException):
    """The program died; nothing may catch this and go on."""


@dataclass
class Fuse:
    """Counts the calls of all ports that share it and burns at one of them; 0 never burns."""

    burns_at: int = 0
    after_call: bool = False
    calls: list[str] = field(default_factory=list)
    is_dead: bool = False

    def light(self, name: str, *, is_after: bool) -> None:
        if len(self.calls) == self.burns_at and is_after == self.after_call:
            self.is_dead = True
            raise Killed(name)


class DyingPort:
    """Passes every method call on to a target; the fuse decides where the program ends.

    A dead program calls nothing, not even to give back what it holds; a new port is a new program.
    """

    def __init__(self, target: Any, fuse: Fuse) -> None:
        self._target = target
        self._fuse = fuse
        fuse.is_dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._fuse.is_dead:
                raise Killed(name)
            self._fuse.calls.append(name)
            self._fuse.light(name, is_after=False)
            result = found(*args, **kwargs)
            self._fuse.light(name, is_after=True)
            return DyingPort(result, self._fuse) if name == "fenced" else result

        return call

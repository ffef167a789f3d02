"""Who is signed in at the page, and until when.

What the browser holds is a random word that stands for nothing outside of this process: there is nothing in it to
forge or to read, signing out ends it for whoever copied it, and a new start of the page ends them all.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from execution.domain.errors import SettingsRefused

IDLE: Final = timedelta(hours=2)
LONGEST: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One person's time at the page.

    Attributes:
        user: the name that signed in.
        began_at: seconds since 1970.
        seen_at: seconds since 1970 of the newest request.
        password: what opened it; another one in the file ends it.
    """

    user: str
    began_at: float
    seen_at: float
    password: str


class Sessions:
    """The sessions of one page."""

    def __init__(
        self,
        passwords: Callable[[], Mapping[str, str]],
        *,
        idle: timedelta = IDLE,
        longest: timedelta = LONGEST,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin with nobody signed in.

        Args:
            passwords: password by user name as they are now; asked at every request, so a changed one counts at once.
            idle: how long a session lasts without a request.
            longest: how long it lasts at most.
            now: seconds since 1970. Not the time since the machine started: that stands still while it sleeps.
        """
        self._passwords, self._idle, self.longest, self._now = passwords, idle, longest, now
        # By hash: what is compared in a table's search is then nothing a stranger could learn a session from.
        self._open: dict[bytes, Session] = {}

    def sign_in(self, user: str, password: str) -> str | None:
        """Return the word that stands for a new session; None when name or password is wrong."""
        known = self._known()
        # Compared also for a user nobody knows: the time must not tell who exists.
        is_right = hmac.compare_digest(known.get(user, "").encode(), password.encode()) and user in known
        if not is_right:
            return None
        now, token = self._now(), secrets.token_urlsafe(32)
        self._open = {key: session for key, session in self._open.items() if self._lasts(session, known, now)}
        self._open[_key(token)] = Session(user=user, began_at=now, seen_at=now, password=password)
        return token

    def seen(self, token: str) -> Session | None:
        """Return whose session a word stands for and let it last on; None when it stands for none any more."""
        session, now = self._open.get(_key(token)), self._now()
        if session is None:
            return None
        if not self._lasts(session, self._known(), now):
            self.sign_out(token)
            return None
        self._open[_key(token)] = replace(session, seen_at=now)
        return session

    def lasts(self, token: str) -> bool:
        """Return whether a word stands for a session, which it does not let last on."""
        session = self._open.get(_key(token))
        return session is not None and self._lasts(session, self._known(), self._now())

    def sign_out(self, token: str) -> None:
        """End a session; harmless when there is none."""
        self._open.pop(_key(token), None)

    def _lasts(self, session: Session, known: Mapping[str, str], now: float) -> bool:
        is_in_time = (
            0 <= now - session.seen_at < self._idle.total_seconds()
            and 0 <= now - session.began_at < self.longest.total_seconds()
        )
        return is_in_time and hmac.compare_digest(known.get(session.user, "").encode(), session.password.encode())

    def _known(self) -> Mapping[str, str]:
        try:
            return self._passwords()
        except SettingsRefused:
            # A file that is gone, or that others may read now, lets nobody in.
            return {}


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

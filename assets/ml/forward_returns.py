"""What happened after each decision: total returns from the close of the entry session on, over some sessions.

Nothing after the last session of the grid is read; a return that is not complete there is NaN.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.ml.restated_returns import restated_returns
from assets.warehouse import Warehouse
from execution.trading_calendar import TradingCalendar

ENTRY_LAG_SESSIONS: Final = 1
"""Sessions between a decision and the close its label starts from."""

_SAME: Final = 1e-9

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ForwardReturns:
    """Growth and bars of every symbol on a grid of sessions.

    Attributes:
        symbols: columns, ascending.
        growth: (n_sessions, n_symbols) one plus the session's total return; 1 without a bar.
        has_bar: (n_sessions, n_symbols).
    """

    symbols: tuple[str, ...]
    growth: Floats
    has_bar: npt.NDArray[np.bool_]

    @classmethod
    def read(
        cls, warehouse: Warehouse, *, grid: Sequence[date], calendar: TradingCalendar, known: date | None = None
    ) -> "ForwardReturns":
        """Return the history of a grid of consecutive sessions.

        Args:
            warehouse: holds the marts and the versions of raw rows.
            grid: consecutive sessions, at least one.
            calendar: the exchange's sessions.
            known: session at whose cut-off the history is told; the grid's last one unless told otherwise.
        """
        rows = warehouse.read(
            "select session, symbol, total_return from marts.fct_total_returns "
            "where session between $first and $last order by session, symbol",
            {"first": grid[0], "last": grid[-1]},
        )
        names = tuple(sorted(set(rows.column("symbol").to_pylist())))
        position = {symbol: column for column, symbol in enumerate(names)}
        sessions = rows.column("session").to_numpy().astype("datetime64[D]")
        day = np.searchsorted(np.array(grid, dtype="datetime64[D]"), sessions)
        column = np.array([position[symbol] for symbol in rows.column("symbol").to_pylist()], dtype=np.int64)
        # No bar, no change: the next bar's return spans the gap, and after the last bar the proceeds lie in cash.
        growth = np.ones((len(grid), max(1, len(names))))
        has_bar = np.zeros(growth.shape, dtype=np.bool_)
        growth[day, column] = 1.0 + np.asarray(rows.column("total_return").to_numpy(), dtype=np.float64)
        has_bar[day, column] = True
        for (session, symbol), told in restated_returns(warehouse, grid=grid, calendar=calendar, known=known).items():
            if symbol in position:
                place = bisect_left(grid, session), position[symbol]
                has_bar[place] = True
                # The same return, reckoned there and by the kernel, may differ in its last digits.
                if not abs(growth[place] - 1.0 - told) < _SAME:
                    growth[place] = 1.0 + told
        return cls(names, growth, has_bar)

    def over(self, horizon_sessions: int) -> Floats:
        """Return (n_sessions, n_symbols) forward returns; NaN where a name could not be entered or it is not over."""
        forward = np.full(self.growth.shape, np.nan)
        complete = len(self.growth) - ENTRY_LAG_SESSIONS - horizon_sessions
        if complete > 0:
            product = np.ones((complete, self.growth.shape[1]))
            is_held = np.zeros(product.shape, dtype=np.bool_)
            for ahead in range(ENTRY_LAG_SESSIONS + 1, ENTRY_LAG_SESSIONS + 1 + horizon_sessions):
                product *= self.growth[ahead : ahead + complete]
                is_held |= self.has_bar[ahead : ahead + complete]
            # Without a bar on the entry session nothing could be bought; without a later one nothing was earned.
            may_enter = self.has_bar[ENTRY_LAG_SESSIONS : ENTRY_LAG_SESSIONS + complete]
            forward[:complete] = np.where(may_enter & is_held, product - 1.0, np.nan)
        return forward

    def next_session(self) -> Floats:
        """Return (n_sessions, n_symbols) what a held name earns from the close after each session to the next.

        NaN without a bar there; unlike `over` it asks for none to enter on, and spans the sessions without one.
        """
        earned = np.full(self.growth.shape, np.nan)
        ahead = ENTRY_LAG_SESSIONS + 1
        earned[:-ahead] = np.where(self.has_bar[ahead:], self.growth[ahead:] - 1.0, np.nan)
        return earned

    def of(self, forward: Floats, day: npt.NDArray[np.int64], symbols: pa.ChunkedArray) -> Floats:
        """Return one forward return per row of (day, symbol); NaN where the symbol is not known."""
        position = {symbol: column for column, symbol in enumerate(self.symbols)}
        column = np.array([position.get(symbol, -1) for symbol in symbols.to_pylist()], dtype=np.int64)
        found: Floats = np.where(column >= 0, forward[day, column], np.nan)
        return found

"""Orders know no future: the beginning of a backtest lived again in a world that goes on differently.

Up to a moment both worlds are the same. After it the marts have no row any more and the venue's prices are others, so
that whatever a score, a size or a fill learned from later comes out differently: nothing may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np

from assets.certificates import Certificates
from assets.identity import RunIdentity
from assets.ml.backtest import Trial, live_through
from assets.ml.backtest_market import World
from assets.ml.portfolios import Portfolio
from execution.brokers.tape import Tape, TapeRow
from execution.domain.provenance import CheckOutcome
from execution.lived_days import LivedDay
from execution.trading_calendar import TradingCalendar

CHECK: Final = "orders_know_no_future"
DECISIONS_AGAIN: Final = 20
"""At most so many decisions are made again, whatever the length of the backtest."""


class AnotherFuture(Tape):
    """A tape whose prices after a session are others, each symbol's and day's by a factor of its own."""

    def __init__(self, tape: Tape, *, after: date) -> None:
        super().__init__(Path("nowhere"))
        self._tape, self._after = tape, after

    def has(self, session: date) -> bool:
        """Return whether a session was recorded."""
        return self._tape.has(session)

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        """Return every row of a session by symbol."""
        rows = self._tape.rows(session)
        if session <= self._after:
            return rows
        return {symbol: _otherwise(row) for symbol, row in rows.items()}

    def row(self, session: date, symbol: str) -> TapeRow | None:
        """Return one symbol's row; None when the session has none."""
        row = self._tape.row(session, symbol)
        return row if row is None or session <= self._after else _otherwise(row)


def moment_of(decided: Sequence[date]) -> date:
    """Return the session after which the world goes on differently: another one for another trial, always the same.

    It lies in the second half of what is lived again, so that there is something to compare.

    Args:
        decided: sessions on which scores are published.
    """
    within = decided[:DECISIONS_AGAIN]
    later_half = within[len(within) // 2 :]
    drawn = np.random.default_rng([decided[0].toordinal(), decided[-1].toordinal()])
    return later_half[int(drawn.integers(len(later_half)))]


def check_orders(
    trial: Trial,
    lived: Sequence[Sequence[LivedDay]],
    *,
    world: World,
    gate: Certificates,
    identity: RunIdentity,
    portfolios: Sequence[Portfolio],
    calendar: TradingCalendar,
) -> CheckOutcome:
    """Return whether days up to a moment come out again, bit for bit, in a world with another future.

    Production and what lives beside it have to: each may score and trade by rules of its own. Dearer trading and other
    sizes are production's rules with other numbers. Of the moment's own session the plan is compared, which trades
    after it; of those before it everything.

    Args:
        trial: what was tried.
        lived: days by session, then by portfolio.
        world: what it was tried in.
        gate: where certificates of lived sessions were published.
        identity: who is running.
        portfolios: who lived them.
        calendar: exchange sessions.

    Raises:
        DataError: as in `live_through`.
    """
    moment = moment_of(trial.decided(calendar))
    other = replace(world, warehouse=world.warehouse.ending_with(moment), tape=AnotherFuture(world.tape, after=moment))
    places = [place for place, one in enumerate(portfolios) if one.role in {"production", "beside"}]
    again = list(
        live_through(
            replace(trial, last=moment),
            world=other,
            gate=gate,
            identity=identity,
            portfolios=[portfolios[place] for place in places],
            calendar=calendar,
        )
    )
    differing = [
        (other_day.session, portfolios[place].name)
        for days, other_days in zip(lived, again, strict=False)
        for place, other_day in zip(places, other_days, strict=True)
        if _up_to(moment, days[place]) != _up_to(moment, other_day)
    ]
    sessions = {session for session, _ in differing}
    return CheckOutcome(
        name=CHECK,
        subject="ml/backtest",
        passed=not differing,
        value=f"{len(sessions)} of {len(again)} sessions differ",
        threshold=f"0 differ when everything after {moment.isoformat()} is different",
        reason="".join(f"what {name} did on {session} depends on what came later" for session, name in differing[:1]),
    )


def _up_to(moment: date, day: LivedDay) -> object:
    """Return what of a day was settled by the end of a session: its orders trade in the session after it."""
    return day if day.session < moment else (day.session, day.plan_hash)


def _otherwise(row: TapeRow) -> TapeRow:
    drawn = np.random.default_rng([row.session.toordinal(), *row.symbol.encode()])
    factor = Decimal(int(drawn.integers(300, 3_001))) / 1_000
    prices = {name: getattr(row, name) * factor for name in ("open_usd", "high_usd", "low_usd", "close_usd")}
    # The tape's own six places: a price of a cent must not become none.
    return replace(row, **{name: price.quantize(Decimal("0.000001")) for name, price in prices.items()})

"""Daily bars, splits and dividends from Yahoo: no key, no promise, and so the second choice.

Yahoo tells prices, volumes and dividends as later splits made them. What really traded is worked back with the splits
it tells itself and put on the tick, for it also tells prices as rounded fractions. A symbol's history is asked whole:
pieces asked on two days would be adjusted by two sets of splits.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.ingest.columns import contract_rows, day_numbers, days, known_between, micros, micros_of, prices
from assets.ingest.corporate_actions import DIVIDEND, SPLIT
from assets.ingest.listings_of_bars import listings
from assets.ingest.prices import bars_known_at, keep_to_feed
from assets.ingest.sources import MarketSources
from assets.ingest.universe import WatchlistSource
from assets.table_content import canonical_order, table_hash
from execution.domain.errors import VenueUnavailable
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

SOURCE: Final = "yahoo"
History = Callable[[str, date], pd.DataFrame]
"""Asks for a symbol's days from one on: the frame `yfinance` makes, unadjusted for dividends."""
_PRICES: Final = {"open_usd": "Open", "high_usd": "High", "low_usd": "Low", "close_usd": "Close"}
_LATER_SPLITS: Final = "Later Splits"
_MICRO: Final = 1_000_000

Floats = npt.NDArray[np.float64]


class YahooData:
    """The ports of ingest over Yahoo's daily histories.

    Args:
        symbols: what is read, in the order it is asked in.
        first_session: the first session with bars; a day without one counts as the session after it.
        history: asks for one symbol.
        feed_file: where the home remembers which feed its bars began with.
        clock: nothing later than its instant is told.
        calendar: exchange sessions.
    """

    def __init__(
        self,
        symbols: Callable[[], Sequence[str]],
        *,
        first_session: date,
        history: History,
        feed_file: Path,
        clock: Clock,
        calendar: TradingCalendar,
    ) -> None:
        self._symbols = symbols
        self._history = history
        self._feed_file = feed_file
        self._clock = clock
        self._calendar = calendar
        self._days = day_numbers(calendar.sessions)
        self._known = bars_known_at(calendar)
        self._opens = micros_of(calendar.opens)
        self.first_session = calendar.between(first_session, calendar.sessions[-1])[0]
        self._told: tuple[date, dict[str, pd.DataFrame]] | None = None

    def bars(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return the bars that became known in (after, upto].

        Raises:
            SettingsRefused: this home began with another feed.
            VenueUnavailable: there is no bar at all of a session that has closed.
        """
        keep_to_feed(self._feed_file, SOURCE)
        rows = known_between(self._bars(), after=after, upto=min(upto, self._clock.now()))
        told = set(pc.unique(rows.column("session")).to_pylist())
        missing = [session for session in self._sessions(after, upto) if session not in told]
        if missing:
            raise VenueUnavailable(
                f"{SOURCE} has no bar of {missing[0]}: expected some after its close; nothing is taken in, ask again "
                "later"
            )
        return rows

    def corporate_actions(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return splits and dividends whose ex-session opened in (after, upto]."""
        return known_between(self._actions(), after=after, upto=min(upto, self._clock.now()))

    def securities(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        """Return what the bars told of listings in (after, upto]."""
        sessions = self._sessions(None, upto)
        if not sessions:
            return schemas.SECURITIES.schema.empty_table()
        bars = known_between(self._bars(), after=None, upto=min(upto, self._clock.now()))
        told = listings(bars, {}, calendar=self._calendar, last=sessions[-1], source=SOURCE, feed=SOURCE)
        return known_between(told, after=after, upto=upto)

    def revision(self, table: str) -> str:
        """Return which state a table's past is in: splits and dividends may be told late, so theirs is a hash of all.

        Bars have none: a correction of Yahoo's is not told apart from its next rounding.
        """
        if table != schemas.CORPORATE_ACTIONS.name:
            return ""
        return table_hash(schemas.CORPORATE_ACTIONS, canonical_order(schemas.CORPORATE_ACTIONS, self._actions()))

    def _sessions(self, after: datetime | None, upto: datetime) -> list[date]:
        end = int(np.searchsorted(self._known, micros(min(upto, self._clock.now())), side="right"))
        begin = self._calendar.index(self.first_session)
        if after is not None:
            begin = max(begin, int(np.searchsorted(self._known, micros(after), side="right")))
        return list(self._calendar.sessions[begin:end])

    def _bars(self) -> pa.Table:
        tables = [schemas.DAILY_BARS.schema.empty_table()]
        for symbol, frame in self._frames().items():
            place = self._places(frame)
            factor = frame[_LATER_SPLITS].to_numpy(np.float64)
            volume = np.nan_to_num(frame["Volume"].to_numpy(np.float64)) / factor
            columns = {
                "symbol": pa.repeat(symbol, len(frame)),
                "session": days(self._days[place]),
                **{name: prices(_on_tick(frame[told].to_numpy(np.float64) * factor)) for name, told in _PRICES.items()},
                "volume_shares": pa.array(np.rint(volume).astype(np.int64)),
                "is_halted": pa.array(np.zeros(len(frame), dtype=bool)),
            }
            known = self._known[place]
            tables.append(contract_rows(schemas.DAILY_BARS, columns, source=SOURCE, feed=SOURCE, known_at=known))
        return pa.concat_tables(tables)

    def _actions(self) -> pa.Table:
        tables = [schemas.CORPORATE_ACTIONS.schema.empty_table()]
        for symbol, frame in self._frames().items():
            place, factor = self._places(frame), frame[_LATER_SPLITS].to_numpy(np.float64)
            split, dividend = frame["Stock Splits"].to_numpy(np.float64), frame["Dividends"].to_numpy(np.float64)
            for action, values in ((SPLIT, split), (DIVIDEND, dividend * factor)):
                is_told = np.nan_to_num(values) > 0
                columns = {
                    "symbol": pa.repeat(symbol, int(is_told.sum())),
                    "ex_session": days(self._days[place][is_told]),
                    "action": pa.repeat(action, int(is_told.sum())),
                    "value": prices(np.rint(values[is_told] * _MICRO).astype(np.int64)),
                }
                known = self._opens[place][is_told]
                tables.append(
                    contract_rows(schemas.CORPORATE_ACTIONS, columns, source=SOURCE, feed=SOURCE, known_at=known)
                )
        return pa.concat_tables(tables)

    def _frames(self) -> dict[str, pd.DataFrame]:
        """Return each symbol's days up to the newest that has closed; asked once, and again when one more has."""
        last = self._calendar.last_closed(self._clock.now())
        if last is None or last < self.first_session:
            return {}
        if self._told is None or self._told[0] != last:
            asked = {symbol: self._history(symbol, self.first_session) for symbol in self._symbols()}
            self._told = (last, {symbol: self._traded(frame, last) for symbol, frame in asked.items()})
        return self._told[1]

    def _traded(self, frame: pd.DataFrame, last: date) -> pd.DataFrame:
        """Return the days of sessions that have prices, oldest first, with what later splits made of their shares.

        A running session's day is left out; its split counts, for the days before are told as it made them.
        """
        if frame.empty:
            told_columns = (*_PRICES.values(), "Volume", "Dividends", "Stock Splits", _LATER_SPLITS)
            return pd.DataFrame({name: [] for name in told_columns})
        # A day is told as its midnight at the exchange.
        told = pd.DatetimeIndex(frame.index).tz_localize(None).to_numpy().astype("datetime64[D]")
        frame = frame.assign(day=told)
        splits = frame.groupby("day")["Stock Splits"].max()
        frame[_LATER_SPLITS] = frame["day"].map(_later_splits(splits))
        frame = frame.dropna(subset=list(_PRICES.values())).drop_duplicates("day", keep="last")
        day = frame["day"].to_numpy().astype("datetime64[D]")
        place = np.minimum(np.searchsorted(self._days, day), len(self._days) - 1)
        is_past = (day >= np.datetime64(self.first_session)) & (day <= np.datetime64(last))
        sessions: pd.DataFrame = frame.loc[(self._days[place] == day) & is_past].sort_values("day")
        return sessions

    def _places(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        if frame.empty:
            return np.zeros(0, np.int64)
        return np.searchsorted(self._days, frame["day"].to_numpy().astype("datetime64[D]"))


def yahoo_sources(yahoo: YahooData, *, watchlists: WatchlistSource | None = None) -> MarketSources:
    """Return the ports Yahoo's histories have; it goes on, and it tells neither headlines nor filings."""
    return MarketSources(
        name=SOURCE,
        is_synthetic=False,
        span=lambda: (yahoo.first_session, None),
        prices=yahoo,
        corporate_actions=yahoo,
        securities=yahoo,
        watchlists=watchlists,
        revisions=yahoo.revision,
    )


def _later_splits(splits: pd.Series) -> pd.Series:
    """Return by what the splits after each day multiplied its shares: 1 on and after the newest one's ex-day.

    Args:
        splits: the ratio of each day's split, 0 or none where it had none; days in their order.
    """
    ratios = np.nan_to_num(splits.to_numpy(np.float64))
    ratios = np.where(ratios > 0, ratios, 1.0)
    return pd.Series(np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)[: len(ratios)], index=splits.index)


def _on_tick(price_usd: Floats) -> npt.NDArray[np.int64]:
    """Return prices in millionths on the exchange's tick: a cent, below a dollar a hundredth of one."""
    tick = np.where(price_usd >= 1, 10_000, 100)
    return (np.rint(price_usd * _MICRO / tick) * tick).astype(np.int64)

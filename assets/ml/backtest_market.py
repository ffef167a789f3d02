"""Stored history as a market to trade again: a tape of its bars, and a batch a session, made as the cycle makes it.

Scores, facts and membership of a session come from its rows in the marts, which know nothing after its cut-off; the
tape is the world, with corrections that came later. Scores by the rule need nothing else. Scores by the model come from
models taught on the way (`RetaughtModels`), each only on labels that were complete when it is first asked: the champion
has seen the years it would be tried on.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, cast, get_args

import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.carried_actions import NO_ACTIONS, BarActions, carried_to_bars
from assets.certificates import Certificates
from assets.identity import RunIdentity
from assets.judged_rows import judged_features_hash, judged_rows
from assets.ml.dataset import build_training_set, offered_features
from assets.ml.model_registry import ModelRecord
from assets.ml.policy import LearningPolicy
from assets.ml.rule_strategies import MOMENTUM, Rule
from assets.ml.score_store import ScoringNote
from assets.ml.scores import score_session
from assets.ml.signal_batch import build_signal_batch
from assets.ml.train import train
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.brokers.memory_tape import MemoryTape
from execution.brokers.tape import Tape, TapeRow
from execution.domain.canonical import content_hash
from execution.domain.errors import DataError, SettingsRefused
from execution.domain.provenance import CheckOutcome, GateCertificate
from execution.domain.signals import DecisionSource, SignalBatch
from execution.trading_calendar import TradingCalendar

Scorer = DecisionSource
_PRICES: Final = ("open_usd", "high_usd", "low_usd", "close_usd")
_SIX_PLACES: Final = Decimal("0.000001")


def scorer_named(text: str) -> Scorer:
    """Return who scores, from what a person wrote.

    Raises:
        SettingsRefused: nobody of that name scores.
    """
    if text not in get_args(Scorer):
        raise SettingsRefused(f"scores by {text!r}: expected one of {', '.join(get_args(Scorer))}")
    return cast("Scorer", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a backtest lives in.

    Attributes:
        warehouse: the marts scores are made from, built up to the last session.
        tape: what the venue sees, one session further.
        snapshot_hash: of the raw parts under both.
    """

    warehouse: Warehouse
    tape: Tape
    snapshot_hash: str


def recorded_world(warehouse: Warehouse, raw: RawStore, *, first: date, last: date, calendar: TradingCalendar) -> World:
    """Return the world of some decision sessions, as it is known at the end.

    Args:
        warehouse: the marts.
        raw: the raw parts.
        first: first decision session.
        last: last one; its orders trade in the session after it.
        calendar: exchange sessions.

    Raises:
        DataError: a session has no bar at all.
    """
    return World(
        warehouse=warehouse,
        tape=recorded_tape(raw, first=first, last=calendar.next(last), calendar=calendar),
        snapshot_hash=raw.snapshot(session=last, as_of=calendar.as_of(last)).hash,
    )


def recorded_tape(raw: RawStore, *, first: date, last: date, calendar: TradingCalendar) -> MemoryTape:
    """Return the bars of some sessions with their splits, dividends and delistings, as they are known at the end.

    A split or dividend whose ex-session has no bar of its symbol is on the next bar it has. A delisting whose session
    has none has a row in a halt there, at the last close.

    Args:
        raw: the raw parts.
        first: first session.
        last: last session; what became known after its cut-off is not read.
        calendar: exchange sessions.

    Raises:
        DataError: a session has no bar at all.
    """
    as_of = calendar.as_of(last)
    within = (pc.field("session") >= first) & (pc.field("session") <= last)
    bars = list(_newest(raw.read(schemas.DAILY_BARS, as_of=as_of, only=within), "session", "symbol"))
    told = {bar["session"] for bar in bars}
    missing = [session for session in calendar.between(first, last) if session not in told]
    if missing:
        raise DataError(f"raw/daily_bars has no bar of {missing[0]} and {len(missing) - 1} more: take them in first")
    securities = _newest(raw.read(schemas.SECURITIES, as_of=as_of), "symbol")
    delisted = _delisted_after(securities, first=first, last=last, calendar=calendar)
    halts = _halts_before_delistings(bars, delisted)
    changes = (pc.field("ex_session") >= first) & (pc.field("ex_session") <= last)
    actions = raw.read(schemas.CORPORATE_ACTIONS, as_of=as_of, only=changes)
    acting = _acting([*bars, *halts], _newest(actions, "ex_session", "symbol", "action"))
    bars += [_split(halt, acting.get((halt["symbol"], halt["session"]), NO_ACTIONS).split_ratio) for halt in halts]
    by_session: dict[date, list[TapeRow]] = defaultdict(list)
    for bar in bars:
        session, symbol = bar["session"], bar["symbol"]
        by_session[session].append(
            TapeRow(
                session=session,
                symbol=symbol,
                open_usd=bar["open_usd"],
                high_usd=bar["high_usd"],
                low_usd=bar["low_usd"],
                close_usd=bar["close_usd"],
                volume_shares=bar["volume_shares"],
                is_halted=bar["is_halted"],
                split_ratio=acting.get((symbol, session), NO_ACTIONS).split_ratio,
                dividend_usd=acting.get((symbol, session), NO_ACTIONS).dividend_usd,
                is_last_session=delisted.get(symbol) == session,
            )
        )
    return MemoryTape(by_session)


def _delisted_after(
    securities: Iterable[Mapping[str, Any]], *, first: date, last: date, calendar: TradingCalendar
) -> dict[str, date]:
    """Return after which of the sessions from first to last each symbol is delisted: on that day, or the one before."""
    days = {row["symbol"]: row["delisted_session"] for row in securities}
    ends = {
        symbol: calendar.sessions[bisect_right(calendar.sessions, day) - 1]
        for symbol, day in days.items()
        if day is not None and day >= first
    }
    return {symbol: session for symbol, session in ends.items() if session <= last}


def _halts_before_delistings(
    bars: Iterable[Mapping[str, Any]], delisted: Mapping[str, date]
) -> list[Mapping[str, Any]]:
    """Return a session in a halt, at the last close, for each delisting after a session without a bar.

    Nothing could be held of a symbol that had no bar before it, so that it has none either.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for bar in bars:
        symbol, session = bar["symbol"], bar["session"]
        is_later = symbol not in newest or newest[symbol]["session"] < session
        if symbol in delisted and session <= delisted[symbol] and is_later:
            newest[symbol] = bar
    return [
        {"session": delisted[symbol], "symbol": symbol, "volume_shares": 0, "is_halted": True}
        | dict.fromkeys(_PRICES, bar["close_usd"])
        for symbol, bar in newest.items()
        if bar["session"] < delisted[symbol]
    ]


def _split(halt: Mapping[str, Any], ratio: Decimal) -> Mapping[str, Any]:
    """Return a halt whose carried prices are those of a share after its split."""
    return {**halt, **{name: (halt[name] / ratio).quantize(_SIX_PLACES) for name in _PRICES}}


@dataclass(slots=True)
class RetaughtModels:
    """Models as a desk would have had them: taught again every so many sessions, on the past alone.

    Attributes:
        every_sessions: sessions from one training to the next.
        taught: told of each training as it ends.
    """

    warehouse: Warehouse
    policy: LearningPolicy
    identity: RunIdentity
    calendar: TradingCalendar
    every_sessions: int = 63
    taught: Callable[[date], object] = lambda _: None
    _newest: tuple[date, ModelRecord] | None = field(default=None, init=False)

    def at(self, session: date) -> ModelRecord:
        """Return the model a session is scored with; its labels were complete at that session's cut-off.

        Raises:
            DataError: the history before the session is too short to learn from.
        """
        if self._newest is None or self.calendar.index(session) - self.calendar.index(self._newest[0]) >= (
            self.every_sessions
        ):
            self._newest = (session, self._train(session))
            self.taught(session)
        return self._newest[1]

    def _train(self, cut_off: date) -> ModelRecord:
        training_set = build_training_set(
            self.warehouse,
            cut_off=cut_off,
            feature_names=offered_features(self.warehouse),
            policy=self.policy,
            calendar=self.calendar,
        )
        model = train(
            training_set,
            policy=self.policy,
            trained_as_of=self.calendar.as_of(cut_off),
            code_hash=self.identity.code_hash,
            is_synthetic=self.identity.is_synthetic,
        )
        return ModelRecord(
            model_hash=content_hash(model.text), text=model.text, calibration=model.calibration, card=model.card
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBatches:
    """A session's batch from its stored rows: the cycle's own scoring and hand-over.

    Rows that a gate has judged stand on its certificate, a red one included; rows of history that no cycle ever decided
    stand on what can be said of them.

    Attributes:
        gate: where certificates of lived sessions were published.
        models: None lets the rule score.
        rule: who scores without models.
        decided: sessions on which scores are published; on all others positions are only managed.
    """

    warehouse: Warehouse
    identity: RunIdentity
    policy: LearningPolicy
    calendar: TradingCalendar
    snapshot_hash: str
    gate: Certificates
    models: RetaughtModels | None
    decided: frozenset[date]
    rule: Rule = MOMENTUM

    def of(self, session: date) -> SignalBatch | None:
        """Return the batch of a session; None when none is published, as after a red gate.

        Raises:
            DataError: the marts hold no rows of the session, or a model cannot be taught.
        """
        if session not in self.decided:
            return None
        rows = judged_rows(self.warehouse, session)
        certificate = self._certificate(session, rows)
        if not certificate.is_green:
            return None
        model = self.models.at(session) if self.models else None
        features_hash = certificate.features_hash or ""
        scores = score_session(
            self.warehouse,
            session=session,
            model=model,
            features_hash=features_hash,
            policy=self.policy,
            rule=self.rule,
        )
        note = ScoringNote(
            session=session,
            source=scores.source,
            reason="recorded history, traded again",
            features_hash=features_hash,
            model_hash=scores.model_hash,
            scores_hash=None,
        )
        return build_signal_batch(
            self.warehouse,
            certificate=certificate,
            snapshot_hash=certificate.snapshot_hash,
            note=note,
            scores=scores,
            identity=self.identity,
            horizon_sessions=self.policy.horizon_sessions,
            calendar=self.calendar,
        )

    def _certificate(self, session: date, rows: Mapping[str, pa.Table]) -> GateCertificate:
        """Return the newest certificate of exactly these rows, or of raw data that never became any."""
        features_hash = judged_features_hash(rows)
        judged = [one for one in self.gate.certificates(session) if one.features_hash in {None, features_hash}]
        return judged[-1] if judged else self._of_stored_rows(session, rows, features_hash)

    def _of_stored_rows(self, session: date, rows: Mapping[str, pa.Table], features_hash: str) -> GateCertificate:
        """Return what can be said of rows nobody judged: that every mart has the session's, and which they are."""
        counts = {mart: table.num_rows for mart, table in rows.items()}
        empty = [mart for mart, count in counts.items() if not count]
        if empty:
            raise DataError(f"the marts hold no rows of {session} in {', '.join(empty)}: build them up to it first")
        check = CheckOutcome(
            name="stored_rows",
            subject="marts",
            passed=True,
            value=", ".join(f"{mart} {count}" for mart, count in counts.items()),
            threshold="at least one row in each",
            reason="",
        )
        return GateCertificate(
            session=session,
            as_of=self.calendar.as_of(session),
            stage="features",
            snapshot_hash=self.snapshot_hash,
            features_hash=features_hash,
            symbols=tuple(sorted(rows["fct_universe"].column("symbol").to_pylist())),
            checks=(check,),
        )


def _acting(
    bars: Iterable[Mapping[str, Any]], actions: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, date], BarActions]:
    """Return what acts on each bar, by symbol and session; bars on which nothing does are left out."""
    by_symbol: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for action in actions:
        by_symbol[action["symbol"]].append(action)
    sessions: dict[str, list[date]] = {symbol: [] for symbol in by_symbol}
    for bar in bars:
        if bar["symbol"] in sessions:
            sessions[bar["symbol"]].append(bar["session"])
    return {
        (symbol, session): acting
        for symbol, told in by_symbol.items()
        for session, acting in carried_to_bars(told, sorted(sessions[symbol])).items()
    }


def _newest(rows: pa.Table, *fact_key: str) -> Iterable[Mapping[str, Any]]:
    """Return the latest known version of each fact."""
    newest = {tuple(row[name] for name in fact_key): row for row in rows.sort_by("known_at").to_pylist()}
    return newest.values()

"""The simulated world outside: prices of a few symbols over a few sessions, splits, and what analysis makes of them.

Worlds are few and shared by many seeds, so that a batch is hashed once and not ten thousand times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Final

from execution.domain.canonical import content_hash
from execution.domain.errors import CorruptArtifact
from execution.domain.provenance import CheckOutcome, GateCertificate
from execution.domain.signals import Mode as TradingMode
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.simulation.draws import Draws
from execution.trading_calendar import TradingCalendar

CALENDAR: Final = TradingCalendar.shipped()
SESSIONS: Final = CALENDAR.between(date(2024, 3, 5), date(2024, 3, 12))
"""The first is the first decision session."""
SYMBOLS: Final = ("AAA", "BBB", "CCC", "DDD")
STRATEGY: Final = "simulated"
WORLDS: Final = 8
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Bar:
    """One symbol on one session, raw dollars per share; `split` is new shares per old on its morning."""

    open_usd: Decimal
    low_usd: Decimal
    close_usd: Decimal
    split: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Prices of every symbol on every session."""

    number: int
    bars: Mapping[tuple[date, str], Bar]

    def bar(self, session: date, symbol: str) -> Bar | None:
        """Return a symbol's bar; None outside of the world."""
        return self.bars.get((session, symbol))


@cache
def world(number: int, split: tuple[int, str] | None = None) -> World:
    """Return a world of so many.

    Args:
        number: which one; its prices are drawn from it.
        split: which symbol splits two for one on the morning of which session, by its index.
    """
    draws = Draws(number, "prices")
    bars = {}
    for symbol in SYMBOLS:
        close = Decimal(30 + draws.below(60))
        for index, session in enumerate(SESSIONS):
            ratio = 2 if split == (index, symbol) else 1
            opens = _cents(close * Decimal(repr(round(1 + draws.between(-0.02, 0.012), 4))) / ratio)
            falls = draws.between(0.0, 0.03) if draws.chance(0.75) else draws.between(0.04, 0.09)
            low = _cents(opens * Decimal(repr(round(1 - falls, 4))))
            close = _cents(low + (opens - low) * Decimal(repr(round(draws.between(0.0, 1.5), 3))))
            bars[session, symbol] = Bar(opens, low, close, ratio)
    return World(number, bars)


@cache
def batch_of(
    world: World, session: date, *, liked: tuple[str, ...], is_green: bool, mode: TradingMode
) -> tuple[str, SignalBatch]:
    """Return a session's batch and its hash.

    Args:
        world: where its prices come from.
        session: the decision session.
        liked: symbols with a score, best first; the others have none and are sold when held.
        is_green: whether its gate certificate passed.
        mode: the mode it is made in.
    """
    signals = tuple(_signal(world, session, symbol, liked) for symbol in SYMBOLS)
    certificate = GateCertificate(
        session=session,
        as_of=CALENDAR.as_of(session),
        stage="features",
        snapshot_hash=content_hash("snapshot"),
        features_hash=content_hash("features"),
        symbols=SYMBOLS,
        checks=(
            CheckOutcome(
                name="completeness",
                subject="raw/daily_bars",
                passed=is_green,
                value="100 %" if is_green else "40 %",
                threshold="at least 95 %",
                reason="" if is_green else "symbols have no bar",
            ),
        ),
    )
    batch = SignalBatch(
        schema_version=1,
        session=session,
        as_of=CALENDAR.as_of(session),
        strategy=STRATEGY,
        horizon_sessions=5,
        mode=mode,
        is_synthetic=True,
        decision_source="model",
        decision_reason="a simulated champion",
        snapshot_hash=certificate.snapshot_hash,
        features_hash=content_hash("features"),
        certificate=certificate,
        model_hash=MODEL_HASH,
        settings_hash=SETTINGS_HASH,
        code_hash=CODE_HASH,
        regime="bull_calm",
        vix=14.0,
        vix_basis="vix",
        signals=signals,
        is_macro_calendar_known=True,
    )
    return batch.hash, batch


MODEL_HASH: Final = content_hash("model")
SETTINGS_HASH: Final = content_hash("settings")
CODE_HASH: Final = content_hash("code")


@dataclass(slots=True)
class PublishedBatches:
    """The port `SignalBatches` in memory: what analysis has published in this schedule so far."""

    by_hash: dict[str, SignalBatch] = field(default_factory=dict)
    by_session: dict[date, list[str]] = field(default_factory=dict)

    def publish(self, digest: str, batch: SignalBatch) -> None:
        """Publish a batch with its certificate."""
        self.by_hash[digest] = batch
        self.by_session.setdefault(batch.session, []).append(digest)

    def load(self, batch_hash: str) -> SignalBatch:
        """Return the batch of a hash."""
        found = self.by_hash.get(batch_hash)
        if found is None:
            raise CorruptArtifact(f"no batch {batch_hash} was published: expected one of {len(self.by_hash)}")
        return found

    def published(self, session: date) -> tuple[str, ...]:
        """Return a session's batches, the newest last."""
        return tuple(self.by_session.get(session, ()))

    def sessions(self) -> tuple[date, ...]:
        """Return every session with a batch, oldest first."""
        return tuple(sorted(self.by_session))

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return a session's certificates, the newest last."""
        return tuple(self.by_hash[digest].certificate for digest in self.published(session))

    def held(self, session: date) -> str:  # noqa: ARG002 - the port's form
        """Return nothing: analysis is not simulated, and never holds."""
        return ""


def _signal(world: World, session: date, symbol: str, liked: tuple[str, ...]) -> SymbolSignal:
    is_liked = symbol in liked
    close = world.bars[session, symbol].close_usd
    features = {"return_5d": 0.01}
    return SymbolSignal(
        symbol=symbol,
        sector=f"Sector {symbol}",
        score=float(len(liked) - liked.index(symbol)) if is_liked else None,
        expected_return_bps=50.0,
        probability_up=0.56,
        contributions={"return_5d": 0.3},
        features=features,
        features_hash=content_hash(features),
        close_usd=close,
        atr14_usd=_cents(close / 50),
        adv20_shares=1_000_000,
        volatility_20d=0.015,
        dollar_volume_20d_usd=Decimal(50_000_000),
        is_tradable=is_liked,
        is_halted=False,
        next_event_at=None,
        is_event_calendar_known=True,
        missing_reason=None if is_liked else "left the universe",
        returns_60d=_returns(symbol),
    )


@cache
def _returns(symbol: str) -> tuple[float, ...]:
    draws = Draws(SYMBOLS.index(symbol), "returns")
    return tuple(round(draws.between(-0.02, 0.02), 5) for _ in range(60))


def _cents(amount: Decimal) -> Decimal:
    return max(amount.quantize(_CENT), Decimal(1))

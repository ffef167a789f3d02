"""Ways to trade what was proven for another time or not at all, each tried on the real daemon. None yields an order.

One home meets them all, in one life of its daemon: a second batch in the evening, a batch of the past the day after,
then a red session beside an older one that turns green again. At the end a person looks at both red gates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pytest

from assets import keys
from assets.raw_store import RawStore
from assets.schemas import NEWS
from execution.domain.provenance import CheckOutcome
from tests.builders.faults import append_broken_ohlc
from tests.e2e.browser import page_tour
from tests.e2e.browser.failed_checks import words_of_failed_checks
from tests.e2e.conftest import CALENDAR, SECONDS_OF_QUIET, SESSION, DaemonHome, LivingHome
from tests.e2e.red_gates import NEXT, assert_held_for_a_red_gate

pytestmark = pytest.mark.daemon
RED_GATES = {"raw": ("raw/snapshot", NEXT), "features": ("features/gate_certificate", SESSION)}
"""By stage, the asset whose page shows the gate's checks, and the session that is red at the end."""


@dataclass(frozen=True, slots=True)
class Trapped:
    """What the home was like after each trap.

    Attributes:
        lived: the home at the end.
        superseded: batches set aside in the evening, and those published after the first.
        day_hash: of the ledger after the day that followed.
        past_hash: of the ledger after one more batch of that day, when it was past.
        greens: green certificates of the older session before and after it turned green while the next one was red.
        pages: by stage of a gate, what the page of the check that made it red says of that session; none without a
            browser.
    """

    lived: DaemonHome
    superseded: tuple[tuple[str, ...], tuple[str, ...]]
    day_hash: str
    past_hash: str
    greens: tuple[int, int]
    pages: Mapping[str, str]


def append_late_headline(lived: DaemonHome, name: str) -> None:
    """Take in a headline that was known before the cut-off and arrived after the plan."""
    symbol = lived.batches.load(lived.batches.published(SESSION)[0]).signals[0].symbol
    row = {
        "news_id": name,
        "symbol": symbol,
        "published_at": CALENDAR.as_of(SESSION) - timedelta(minutes=30),
        "headline": f"{symbol} profit rose sharply, outlook raised",
        "source": name,
        "feed": "late",
        "known_at": CALENDAR.as_of(SESSION) - timedelta(minutes=29),
    }
    rows = pa.Table.from_pylist([row], schema=NEWS.schema)
    RawStore(lived.home.raw).append(NEWS, rows, session=SESSION, recorded_at=CALENDAR.as_of(SESSION))


def greens_of(lived: DaemonHome, session: date) -> int:
    return sum(certificate.is_green for certificate in lived.batches.certificates(session))


def refusal(lived: DaemonHome, session: date) -> CheckOutcome:
    """Return the first check that failed in a session's newest certificate."""
    return lived.batches.certificates(session)[-1].failures[0]


def look_at_red_gates(now: LivingHome) -> dict[str, str]:
    """Read the pages of the raw gate that is red, and of a feature gate that too few symbols make red."""
    lived = now.lived
    with lived.home.settings.open("a", encoding="utf-8") as settings:
        settings.write("gates:\n  min_symbols: 100000\n")
    now.backfill([keys.FEATURES_GATE_CERTIFICATE], [SESSION])
    return words_of_failed_checks(
        {
            stage: (asset, refusal(lived, session).name.partition(".")[0], session)
            for stage, (asset, session) in RED_GATES.items()
        },
        workspace=now.workspace(),
        environment=lived.home.process_environment(),
        log=lived.home.logs / "webserver.log",
    )


@pytest.fixture(scope="module")
def trapped(planned_day: DaemonHome, tmp_path_factory: pytest.TempPathFactory) -> Trapped:
    lived = planned_day.copied_to(tmp_path_factory.mktemp("trapped") / "home")
    with lived.alive() as now:
        append_late_headline(lived, "late-1")
        now.materialize_again("cycle", SESSION)
        now.live(until=CALENDAR.as_of(SESSION), is_over=lambda: any(c.superseded for c in lived.book.cycles.values()))
        (cycle,) = lived.book.cycles.values()
        superseded = (cycle.superseded, lived.batches.published(SESSION)[1:])

        report = lived.home.reports / f"{SESSION.isoformat()}.html"
        now.live(until=CALENDAR.bars_known_at(NEXT), is_over=report.exists)
        day_hash = lived.ledger.trading_hash()

        append_late_headline(lived, "late-2")
        now.materialize_again("cycle", SESSION)
        now.live(
            until=CALENDAR.bars_known_at(NEXT),
            is_over=lambda: len(lived.batches.published(SESSION)) == 3,
            seconds_of_quiet=SECONDS_OF_QUIET,
        )
        past_hash = lived.ledger.trading_hash()

        batch = lived.batches.load(lived.batches.published(SESSION)[0])
        symbols = [signal.symbol for signal in batch.signals if signal.close_usd]
        append_broken_ohlc(RawStore(lived.home.raw), NEXT, symbols[:12])
        now.live(until=CALENDAR.as_of(NEXT), is_over=lambda: bool(lived.batches.certificates(NEXT)))
        before = greens_of(lived, SESSION)
        append_late_headline(lived, "late-3")
        now.materialize_again("cycle", SESSION)
        now.live(until=CALENDAR.as_of(NEXT), is_over=lambda: greens_of(lived, SESSION) > before)
        greens = (before, greens_of(lived, SESSION))

        report = lived.home.reports / f"{NEXT.isoformat()}.html"
        now.live(until=CALENDAR.bars_known_at(CALENDAR.next(NEXT)), is_over=report.exists)
        pages = look_at_red_gates(now) if page_tour.CHROMIUM is not None else {}
    return Trapped(
        lived=lived, superseded=superseded, day_hash=day_hash, past_hash=past_hash, greens=greens, pages=pages
    )


def test_a_second_batch_after_a_late_headline_is_superseded_not_traded(
    trapped: Trapped, traded_day: DaemonHome
) -> None:
    aside, published_later = trapped.superseded
    assert aside == published_later
    assert len(aside) == 1
    assert trapped.day_hash == traded_day.ledger.trading_hash()


def test_the_batch_of_a_past_session_yields_no_order(trapped: Trapped) -> None:
    assert trapped.past_hash == trapped.day_hash


def test_a_red_session_stays_red_when_an_older_one_turns_green(trapped: Trapped) -> None:
    before, after = trapped.greens
    assert after > before >= 1
    assert_held_for_a_red_gate(trapped.lived, stage="raw")


@pytest.mark.browser
@pytest.mark.skipif(page_tour.CHROMIUM is None, reason=page_tour.NO_BROWSER)
@pytest.mark.parametrize("stage", RED_GATES)
def test_a_red_gate_is_shown_as_failed_with_its_reason(trapped: Trapped, stage: str) -> None:
    _, session = RED_GATES[stage]
    failed = refusal(trapped.lived, session)
    assert failed.reason
    assert failed.reason in trapped.pages[stage]

"""The whole day on real prices: the same jobs, rules and clock, in one process.

The slice takes in prices and headlines of the two years that a decision needs; the campaign all seven.
"""

import os
import shutil
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from execution.domain.events import PlanRecorded
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import load_settings
from pipelines.upkeep.backup import make_backup
from pipelines.upkeep.drill import run_drill
from tests.builders.lived_home import live_home

CHECKOUT = Path(__file__).parents[2]
DATA = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data"))
CALENDAR = TradingCalendar.shipped()

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA}: set REAL_DATA_FOLDER to their folder"),
    # What the orchestrator and the model library warn of in a long-lived process is theirs; our own warnings are
    # errors in every other test.
    pytest.mark.filterwarnings("default"),
]


# A universe asks for two years before the decision of June 2015; the files end with the session it is traded in, as
# those of somebody who adds a day each evening.
SLICE_BEGINS, SLICE_ENDS = date(2013, 3, 1), date(2015, 6, 16)
DATED = {
    "prices_daily_wiki_2009_2016h1": ("date", SLICE_BEGINS),
    "news_benzinga_2009_2016h1": ("published_at", SLICE_BEGINS),
    "tweets_stocknet_2014_2015h1": ("published_at", date(2015, 3, 1)),
}


# A model is taught and judged in the slice; how well it does is the campaign's to say.
LIGHT = """
learning:
  num_trees: 5
  bin_sample_rows: 5000
  forest: {trees: 0}
  max_history_sessions: 300
"""


def slice_of_the_data(folder: Path) -> Path:
    """Return a folder with the same files, those that are long without their early years."""
    folder.mkdir()
    for file in sorted(DATA.glob("*.parquet")):
        if file.stem in DATED:
            rows = pq.read_table(file)
            column, begins = DATED[file.stem]
            days = rows[column].cast("date32")
            is_kept = pc.and_(pc.greater_equal(days, begins), pc.less_equal(days, SLICE_ENDS))
            pq.write_table(rows.filter(is_kept), folder / file.name)
        else:
            shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module", params=["slice", pytest.param("whole", marks=pytest.mark.campaign)])
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("real")
    home = Home(root / "home")
    is_whole = request.param == "whole"
    folder = DATA if is_whole else slice_of_the_data(root / "data")
    example = (CHECKOUT / "examples" / "real-data.yaml").read_text(encoding="utf-8")
    mapped = example.replace("folder: ../../shared/data", f"folder: {folder}")
    path = root / "settings.yaml"
    path.write_text(mapped if is_whole else mapped + LIGHT, encoding="utf-8")
    settings = load_settings(path, {})
    create_home(settings, home)
    session = settings.first_cycle_session
    assert session is not None
    live_home(home, settings, until=CALENDAR.bars_known_at(CALENDAR.next(session)))
    return home


def test_a_day_on_real_prices_is_decided_by_the_rule_as_no_model_passed_and_orders_are_filled(lived: Home) -> None:
    book = SqliteLedger(lived.ledger).book()
    (cycle,) = book.cycles.values()
    assert isinstance(cycle.plan, PlanRecorded)
    # A model was taught and judged, and the gate of promotion, here as it ships, refused it.
    assert [path for path in (lived.artifacts / "models").iterdir() if path.is_dir()]
    assert cycle.plan.decision_source == "momentum_12_1"
    assert cycle.settled is not None
    assert book.fills


def test_the_session_that_was_traded_in_is_taken_in_and_the_page_measures_the_fills_by_its_opens(lived: Home) -> None:
    assert RawStore(lived.raw).latest_session(DAILY_BARS) == SLICE_ENDS
    (page,) = lived.reports.glob("*-*-*.html")
    assert " · vs open " in page.read_text(encoding="utf-8")


def test_the_batch_covers_the_index_and_is_not_stamped_synthetic(lived: Home) -> None:
    batches = SignalBatchStore(lived.artifacts)
    (session,) = batches.sessions()
    batch = batches.load(batches.published(session)[0])
    assert not batch.is_synthetic
    assert batch.vix_basis == "vix"
    assert len([signal for signal in batch.signals if signal.score is not None]) > 400


def test_a_name_without_a_sector_is_not_bought(lived: Home) -> None:
    batches = SignalBatchStore(lived.artifacts)
    (session,) = batches.sessions()
    batch = batches.load(batches.published(session)[0])
    without = {signal.symbol for signal in batch.signals if signal.sector is None}
    assert without
    assert not without & SqliteLedger(lived.ledger).book().held_shares.keys()


@pytest.mark.campaign
def test_the_drill_that_may_not_read_the_users_files_makes_the_decision_again(lived: Home) -> None:
    settings = load_settings(lived.settings, {})
    make_backup(settings, lived)
    report = run_drill(settings, lived, is_from_raw=True)
    assert (report.passed, report.reason) == (True, "")
    assert report.decision.endswith("bit for bit")

"""`touchstone ledger verify`, `anchor`, `migrate`, `rebuild`, and what doctor says of anchors."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from execution.domain.errors import ChainBroken, LedgerError
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from pipelines.cli.doctor import examine
from pipelines.cli.init import create_home
from pipelines.cli.ledger_care import anchored_page, migrated_page, rebuilt_page, verified_page
from pipelines.home import Home
from pipelines.ledger_opening import open_ledger
from pipelines.settings import load_settings
from pipelines.trading_settings import LedgerSettings, TradingSettings, load_trading_settings
from tests.builders.orders import account_opened, gate_judged, plan_recorded
from tests.builders.postgres import a_database


@pytest.fixture
def settings() -> TradingSettings:
    return load_trading_settings(environ={})


@pytest.fixture
def home(tmp_path: Path, settings: TradingSettings) -> Home:
    made = Home(tmp_path / "home")
    create_home(load_settings(environ={}), made)
    open_ledger(settings, made).append(account_opened(), plan_recorded())
    return made


def ledger_finding(home: Home) -> tuple[str, str]:
    (found,) = (finding for finding in examine(home, None, {}) if finding.subject == "ledger")
    return found.verdict, found.detail


def test_a_new_home_has_a_key_of_its_owner_alone(home: Home) -> None:
    assert stat.S_IMODE(home.anchor_key.stat().st_mode) == 0o600


def test_init_again_keeps_the_key(home: Home) -> None:
    before = home.anchor_key.read_bytes()
    create_home(load_settings(environ={}), home)
    assert home.anchor_key.read_bytes() == before


def test_a_ledger_without_its_triggers_is_told_and_a_rebuild_brings_them_back(
    home: Home, settings: TradingSettings
) -> None:
    with closing(sqlite3.connect(home.ledger)) as connection:
        for name in ("event_refuses_update", "posting_refuses_delete"):
            connection.execute(f"drop trigger {name}")
    told = "the ledger has lost event_refuses_update, posting_refuses_delete, which refuse changes"
    assert f"warning: {told}" in verified_page(settings, home)
    verdict, detail = ledger_finding(home)
    assert (verdict, told in detail) == ("warning", True)
    rebuilt_page(settings, home)
    assert "has lost" not in verified_page(settings, home)
    with (
        closing(sqlite3.connect(home.ledger)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute("update event set body = body")


def test_a_trigger_of_the_same_name_that_refuses_nothing_is_told_and_replaced(
    home: Home, settings: TradingSettings
) -> None:
    with closing(sqlite3.connect(home.ledger)) as connection:
        connection.execute("drop trigger event_refuses_update")
        connection.execute("create trigger event_refuses_update before update on event begin select 1; end")
    assert "the ledger has lost event_refuses_update, which" in verified_page(settings, home)
    rebuilt_page(settings, home)
    assert "has lost" not in verified_page(settings, home)


def test_init_says_nothing_of_the_key(tmp_path: Path) -> None:
    made = Home(tmp_path / "other")
    told = create_home(load_settings(environ={}), made)
    assert not any(line in told for line in made.anchor_key.read_text().splitlines())


def test_verify_says_rows_anchors_and_tables(settings: TradingSettings, home: Home) -> None:
    assert "none was written yet" in verified_page(settings, home)
    anchored_page(settings, home)
    page = verified_page(settings, home)
    assert "the chain holds: 3 rows" in page
    assert "2 lines found in it, newest of row 3" in page
    assert "tables: as the events say" in page


def test_verify_warns_when_one_accident_takes_all_anchors(settings: TradingSettings, home: Home) -> None:
    anchored_page(settings, home)
    assert "all anchors lie on one device" in verified_page(settings, home)


def test_verify_finds_a_table_changed_by_hand_and_rebuild_mends_it(settings: TradingSettings, home: Home) -> None:
    with SqliteDriver(home.ledger).writing() as connection:
        connection.execute("update cycle set state = 'settled'")
    with pytest.raises(ChainBroken, match="ledger table cycle"):
        verified_page(settings, home)
    assert rebuilt_page(settings, home) == "the tables were folded again from 2 events"
    verified_page(settings, home)


def test_nothing_is_signed_on_a_ledger_that_lost_rows(settings: TradingSettings, home: Home) -> None:
    anchored_page(settings, home)
    home.ledger.unlink()
    SqliteLedger(home.ledger).append(account_opened())
    with pytest.raises(ChainBroken):
        anchored_page(settings, home)


def test_anchoring_prints_the_line_that_was_kept(settings: TradingSettings, home: Home) -> None:
    line = anchored_page(settings, home)
    assert (home.anchors / "anchors.txt").read_text() == line + "\n"
    assert (home.second_anchors / "anchors.txt").read_text() == line + "\n"


def test_folders_of_the_settings_take_the_anchors(home: Home, tmp_path: Path) -> None:
    folders = (tmp_path / "usb", tmp_path / "share")
    settings = load_trading_settings(environ={}).model_copy(update={"ledger": LedgerSettings(anchor_folders=folders)})
    anchored_page(settings, home)
    assert [(folder / "anchors.txt").exists() for folder in folders] == [True, True]
    assert not home.anchors.exists()


@pytest.mark.parametrize("folders", [("a",), ("a", "a")])
def test_one_folder_for_anchors_is_refused(folders: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="two different folders"):
        LedgerSettings(anchor_folders=tuple(map(Path, folders)))


def test_migrate_goes_down_and_up(settings: TradingSettings, home: Home) -> None:
    assert migrated_page(settings, home, to=1) == "ledger schema 4 to 1"
    assert migrated_page(settings, home, to=None) == "ledger schema 1 to 4"
    assert migrated_page(settings, home, to=None) == "ledger schema 4 already"
    verified_page(settings, home)


def test_migrate_does_not_go_down_to_where_no_version_could_read_the_rows(
    settings: TradingSettings, home: Home
) -> None:
    ledger = open_ledger(settings, home)
    ledger.append(gate_judged())
    told = rf"row {ledger.head().sequence} is a GateJudged, which no version of ledger schema 3 knows.*restore a backup"
    with pytest.raises(LedgerError, match=told):
        migrated_page(settings, home, to=3)
    assert migrated_page(settings, home, to=None) == "ledger schema 4 already"


def test_doctor_tells_how_far_the_ledger_is_anchored(settings: TradingSettings, home: Home) -> None:
    assert ledger_finding(home)[1].endswith("not anchored yet")
    anchored_page(settings, home)
    verdict, detail = ledger_finding(home)
    assert (verdict, "anchored up to row 3" in detail) == ("warning", True)


def test_doctor_fails_a_ledger_that_lost_its_anchored_head(settings: TradingSettings, home: Home) -> None:
    anchored_page(settings, home)
    home.ledger.unlink()
    SqliteLedger(home.ledger).append(account_opened())
    assert ledger_finding(home)[0] == "failed"


def test_a_ledger_in_postgres_is_opened_by_its_setting(tmp_path: Path) -> None:
    settings = load_trading_settings(environ={"TOUCHSTONE__LEDGER__POSTGRES_DSN": a_database()})
    home = Home(tmp_path / "home")
    open_ledger(settings, home).append(account_opened())
    assert "the chain holds: 1 rows" in verified_page(settings, home)
    assert not home.ledger.exists()

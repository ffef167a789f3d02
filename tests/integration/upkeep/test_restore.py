"""Home to backup to home: what was traded comes back, trades nothing, and a drill says so or turns red."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.maintenance.backup import newest
from assets.maintenance.sealing import Plain
from execution.alert_outbox import LEDGER_PLACE, AlertOutbox
from execution.domain.errors import ChainBroken, CorruptArtifact, DataError, Halted, LedgerError, NotArmed
from execution.ledger.migrating import SCHEMA_VERSION, known_migrations
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from execution.portfolio.sizing_policy import SizingPolicy
from execution.replay import Step
from pipelines.alerting.watch import AlertWatch
from pipelines.cli.halt import halt
from pipelines.cli.ledger_care import verified_page
from pipelines.cli.restore import restored_page
from pipelines.cli.resume import confirm, look
from pipelines.code_hash import checkout_root, code_hash
from pipelines.drill_process import _repeated
from pipelines.home import Home
from pipelines.settings import load_settings
from pipelines.upkeep.backup import make_backup
from pipelines.upkeep.drill import _readable, run_drill
from tests.builders.trading_days import FIRST, SESSIONS
from tests.integration.upkeep.traded_home import TradedHome

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def traded(tmp_path: Path) -> TradedHome:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    make_backup(traded.settings, traded.home)
    return traded


def restored(traded: TradedHome, place: Path) -> Home:
    restored_page(traded.settings, traded.home, to=place, name="", actor="A. Person")
    return Home(place)


def pieces(traded: TradedHome) -> list[Path]:
    return sorted(path for path in (traded.folder / "store" / "pieces").rglob("*") if path.is_file())


def test_a_restored_ledger_holds_every_row_and_position(traded: TradedHome, tmp_path: Path) -> None:
    before = SqliteLedger(traded.home.ledger)
    home = restored(traded, tmp_path / "back")
    after = SqliteLedger(home.ledger)
    assert after.book().held_shares == before.book().held_shares != {}
    assert after.hash_at(before.head().sequence) == before.head().hash
    assert after.trading_hash() == before.trading_hash()


def stand_at(ledger: Path, schema: int) -> None:
    """Let a ledger's tables be those of another schema, as the version that knew it kept them."""
    with SqliteDriver(ledger).writing() as connection:
        for step in reversed(known_migrations()[schema:]):
            for table in step.append_only:
                connection.unguard(table)
            connection.run_script(step.down)
        connection.set_schema_version(schema)


def backed_up_at_schema(traded: TradedHome, schema: int, patch: pytest.MonkeyPatch) -> None:
    """Make the newest backup one of a version that knew this schema."""
    stand_at(traded.home.ledger, schema)
    with patch.context() as version:
        version.setattr("execution.ledger.migrating.SCHEMA_VERSION", schema)
        make_backup(traded.settings, traded.home)


def test_a_backup_of_an_older_schema_is_restored_and_taken_to_the_present_one(
    traded: TradedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SqliteLedger(traded.home.ledger)
    rows, trading = before.head(), before.trading_hash()
    backed_up_at_schema(traded, 3, monkeypatch)
    place = tmp_path / "back"
    page = restored_page(traded.settings, traded.home, to=place, name="", actor="A. Person")
    assert f"ledger schema 3 to {SCHEMA_VERSION}" in page
    after = SqliteLedger(Home(place).ledger)
    after.verify_projections()
    assert after.hash_at(rows.sequence) == rows.hash
    assert after.trading_hash() == trading


def test_a_restore_of_the_present_schema_says_nothing_of_schemas(traded: TradedHome, tmp_path: Path) -> None:
    page = restored_page(traded.settings, traded.home, to=tmp_path / "back", name="", actor="A. Person")
    assert "schema" not in page


def test_a_drill_of_a_backup_of_an_older_schema_is_green(traded: TradedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    backed_up_at_schema(traded, 3, monkeypatch)
    report = run_drill(traded.settings, traded.home)
    assert (report.reason, report.passed) == ("", True)


def test_a_backup_of_a_newer_schema_is_refused_and_leaves_nothing(
    traded: TradedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up_at_schema(traded, SCHEMA_VERSION + 1, monkeypatch)
    with pytest.raises(LedgerError, match=f"schema {SCHEMA_VERSION + 1}.* use the version that wrote it"):
        restored(traded, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_restored_home_verifies_with_a_key_of_its_own(traded: TradedHome, tmp_path: Path) -> None:
    home = restored(traded, tmp_path / "back")
    assert "the chain holds" in verified_page(load_settings(home.settings, {}), home)
    assert home.anchor_key.read_bytes() != traded.home.anchor_key.read_bytes()


def test_no_backup_holds_the_key_that_signs(traded: TradedHome) -> None:
    names = {file.path for file in newest(traded.settings.backup.store(traded.home.backups), Plain()).manifest.files}
    assert "anchor.key" not in names
    assert {"ledger.db", "venue.db", "settings.yaml", "anchors/anchors.txt", "clock.json"} <= names


def test_a_restored_home_sends_nothing_until_a_person_resumes(traded: TradedHome, tmp_path: Path) -> None:
    home = restored(traded, tmp_path / "back")
    tree = load_settings(home.settings, {})
    ledger = SqliteLedger(home.ledger)
    traded.days.desk = replace(traded.days.desk, ledger=ledger)
    with pytest.raises(Halted, match="recovery"):
        traded.days.desk.refuse_when_halted()
    page = look(tree, home)
    token = page.rpartition("--token ")[2].split()[0]
    said = confirm(tree, home, token=token, actor="A. Person", reason="looked", is_reducing=False)
    assert said.startswith("trading is active")


def test_a_restore_is_told_of_though_the_alerts_were_copied_after_rows_that_did_not_come_back(
    traded: TradedHome, tmp_path: Path
) -> None:
    beyond = SqliteLedger(traded.home.ledger).head().sequence + 7
    AlertOutbox(traded.home.operations).move(LEDGER_PLACE, beyond)
    make_backup(traded.settings, traded.home)
    home = restored(traded, tmp_path / "back")
    settings = load_settings(home.settings, {})
    AlertWatch(settings, home, ()).look()
    waiting = AlertOutbox(home.operations).waiting(at=datetime.now(UTC))
    assert "the ledger was restored from a backup" in [one.alert.title for one in waiting]


def test_a_restored_home_can_be_halted_at_once(traded: TradedHome, tmp_path: Path) -> None:
    home = restored(traded, tmp_path / "back")
    code, said = halt(home.root, reason="not yet", actor="A. Person", keep_stops=True)
    assert (code, "none open but the stops" in said) == (0, True)
    assert json.loads(home.halt.read_text())["venue"]["store"] == str(home.venue)
    assert home.kill.exists()


def test_a_restore_wants_a_name(traded: TradedHome, tmp_path: Path) -> None:
    with pytest.raises(NotArmed, match="give --by"):
        restored_page(traded.settings, traded.home, to=tmp_path / "back", name="", actor=" ")


def test_a_backup_nobody_made_is_not_restored(traded: TradedHome, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 backups are named '1999'"):
        restored_page(traded.settings, traded.home, to=tmp_path / "back", name="1999", actor="A. Person")


def test_a_broken_chain_is_not_backed_up_over_a_whole_one(traded: TradedHome) -> None:
    kept = newest(traded.settings.backup.store(traded.home.backups), Plain()).name
    with closing(sqlite3.connect(traded.home.ledger)) as ledger:
        ledger.execute("drop trigger event_refuses_update")
        ledger.execute("update event set body = replace(body, 'paper-1', 'paper-2')")
        ledger.commit()
    with pytest.raises(ChainBroken):
        make_backup(traded.settings, traded.home)
    assert newest(traded.settings.backup.store(traded.home.backups), Plain()).name == kept


def test_a_drill_is_green_where_the_home_is_gone_and_only_its_anchors_are_known(
    traded: TradedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for sink in traded.days.desk.anchoring.sinks for line in sink.lines()]  # type: ignore[union-attr]  # given above
    monkeypatch.setattr("pipelines.upkeep.drill._anchor_lines", lambda *_: lines)
    moved = tmp_path / "moved"
    traded.home.root.rename(moved)
    moved.chmod(0)
    try:
        assert not os.path.lexists(traded.home.root)
        report = run_drill(traded.settings, traded.home)
    finally:
        moved.chmod(0o700)
    assert (report.reason, report.passed) == ("", True)
    assert report.anchors_matched > 0
    assert report.decision.startswith(f"{FIRST}: ")
    assert report.decision.endswith("bit for bit")
    assert 0 < report.restore_seconds < 60
    assert report.confined is can_confine()


def can_confine() -> bool:
    """Whether this kernel has such a rule; asked in a process that ends with it."""
    asked = "from pipelines.upkeep.confinement import confine_reading; print(confine_reading([]))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


READER = """
import sys
from pathlib import Path
from pipelines.upkeep.confinement import confine_reading
given, hidden = Path(sys.argv[1]), Path(sys.argv[2])
assert confine_reading([given, given / "absent"])
print((given / "a").read_text(), sorted(path.name for path in given.iterdir()))
for look in (lambda: (hidden / "a").read_text(), lambda: list(hidden.iterdir())):
    try:
        print("seen", look())
    except PermissionError:
        print("hidden")
(hidden / "b").write_text("written")
"""


def test_a_confined_process_reads_what_it_was_given_and_nothing_beside_it(tmp_path: Path) -> None:
    if not can_confine():
        pytest.skip("this kernel has no Landlock")
    given, hidden = tmp_path / "given", tmp_path / "hidden"
    for folder in (given, hidden):
        folder.mkdir()
        (folder / "a").write_text(folder.name)
    command = [sys.executable, "-c", READER, str(given), str(hidden)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["given ['a']", "hidden", "hidden"]


def test_nothing_a_drill_may_read_holds_the_home(traded: TradedHome, tmp_path: Path) -> None:
    readable = _readable(traded.settings, traded.home, tmp_path)
    assert traded.folder / "store" in readable
    assert not any(traded.home.root.is_relative_to(place) for place in readable)
    inside = traded.settings.model_copy(update={"backup": traded.settings.backup.model_copy(update={"folder": None})})
    assert traded.home.backups in _readable(inside, traded.home, tmp_path)


def test_of_a_system_folder_that_holds_the_home_a_drill_may_read_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system"
    traded = TradedHome(system / "desk")
    (system / "library").mkdir()
    (system / "way-to-the-home").symlink_to(traded.folder)
    monkeypatch.setattr("pipelines.upkeep.drill._SYSTEM", (str(system),))
    readable = _readable(traded.settings, traded.home, tmp_path / "folder")
    assert {system / "library", traded.folder / "settings.yaml"} <= set(readable)
    assert not any(traded.home.root.is_relative_to(place.resolve()) for place in readable)


def test_a_decision_made_under_other_settings_is_not_held_against_the_backup(
    traded: TradedHome, tmp_path: Path
) -> None:
    path = tmp_path / "smaller.yaml"
    told = (traded.folder / "settings.yaml").read_text(encoding="utf-8")
    path.write_text(told.replace("sizing: {", "sizing: {max_names: 2, "), encoding="utf-8")
    smaller = load_settings(path, {})
    make_backup(smaller, traded.home)
    report = run_drill(smaller, traded.home)
    assert (report.reason, report.passed) == ("", True)
    assert report.decision == f"{FIRST} was made under other settings, so it is not made again"


def decided_otherwise(folder: Path, *, program: str) -> TradedHome:
    """A home whose plan sizes as these settings do not, though it says that it was made under them."""
    other = {"sizing": SizingPolicy(max_names=2), "code_hash": program}
    traded = TradedHome(folder / "other", desk_changes=other)
    traded.days.live(FIRST)
    traded.tell_the_clock()
    make_backup(traded.settings, traded.home)
    return traded


def test_a_decision_another_version_made_otherwise_is_told_and_not_held_against_the_backup(tmp_path: Path) -> None:
    traded = decided_otherwise(tmp_path, program="c" * 64)
    report = run_drill(traded.settings, traded.home)
    assert (report.reason, report.passed, report.steps) == ("", True, 3)
    told = "was made by another version of the program; differs at plan, why-rows"
    assert report.decision == f"{FIRST} {told}"


def test_a_decision_this_version_made_otherwise_is_held_against_the_backup(tmp_path: Path) -> None:
    traded = decided_otherwise(tmp_path, program=code_hash(checkout_root()))
    report = run_drill(traded.settings, traded.home)
    assert report.reason == f"the decision of {FIRST} differs at plan, why-rows in the restored home"
    assert not report.passed


def test_each_half_of_a_decision_is_measured_by_the_version_that_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (Step("code", "a" * 64, "b" * 64), Step("features", "c" * 64, "d" * 64))
    monkeypatch.setattr("pipelines.drill_process.replay_analysis", lambda *_arguments, **_named: steps)
    this = code_hash(checkout_root())
    traded = TradedHome(tmp_path / "original", desk_changes={"code_hash": this})
    traded.days.live(FIRST)
    traded.tell_the_clock()
    make_backup(traded.settings, traded.home)
    found = _repeated(restored(traded, tmp_path / "back"), is_from_raw=True)
    assert found["decision"] == f"{FIRST} was made by another version of the program; differs at features"
    otherwise = decided_otherwise(tmp_path, program=this)
    with pytest.raises(CorruptArtifact, match="differs at plan, why-rows in the restored home"):
        _repeated(restored(otherwise, tmp_path / "back_2"), is_from_raw=True)


def test_a_drill_turns_red_over_one_changed_byte(traded: TradedHome) -> None:
    path = pieces(traded)[len(pieces(traded)) // 2]
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 1
    path.write_bytes(stored)
    report = run_drill(traded.settings, traded.home)
    assert not report.passed
    assert "does not have the hash it is named by" in report.reason


def test_a_drill_turns_red_when_the_backup_is_of_another_ledger(traded: TradedHome, tmp_path: Path) -> None:
    other = TradedHome(tmp_path / "other")
    other.days.live(FIRST)
    other.days.live(SESSIONS[1])
    other.tell_the_clock()
    make_backup(other.settings, other.home)
    report = run_drill(other.settings, traded.home)
    assert not report.passed
    assert "of another ledger" in report.reason

"""`touchstone doctor` reads the user's files whole: a mapping that cannot work is a finding, not a surprise later."""

from pathlib import Path

import pytest

from pipelines.cli.doctor import examine
from pipelines.cli.finding import Finding
from pipelines.home import Home

SETTINGS = """
mode: files
first_cycle_session: 2024-03-04
files:
  folder: .
  tables:
    daily_bars:
      - file: bars.csv
        columns: {symbol: s, session: d, open_usd: p, high_usd: p, low_usd: p, close_usd: p, volume_shares: v}
    securities:
      - file: names.csv
        columns: {symbol: s, sector: g}
"""
BARS = "s,d,p,v\nAAA,2024-03-04,10,100\nAAA,2024-03-05,11,100\nBBB,2024-03-05,11,100\n"


def finding(folder: Path, settings: str = SETTINGS) -> Finding:
    path = folder / "settings.yaml"
    path.write_text(settings)
    return next(found for found in examine(Home(folder / "home"), path, {}) if found.subject == "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bars.csv").write_text(BARS)
    (tmp_path / "names.csv").write_text("s,g\nAAA,Energy\n")
    return tmp_path


def test_good_files_are_told_with_their_rows_and_the_first_decision(folder: Path) -> None:
    told = "3 rows of daily_bars, 2 of securities; decides from 2024-03-04"
    assert finding(folder) == Finding("data", "ok", told)


def test_a_fault_in_any_file_is_told_as_ingest_would(folder: Path) -> None:
    (folder / "names.csv").write_text("s,sector\nAAA,Energy\n")
    found = finding(folder)
    assert found.verdict == "failed"
    assert found.detail.startswith("names.csv, column g: the column is missing; found ['s', 'sector']")


def test_a_first_decision_the_files_cannot_serve_is_told(folder: Path) -> None:
    found = finding(folder, SETTINGS.replace("first_cycle_session: 2024-03-04", ""))
    assert found.verdict == "failed"
    assert found.detail.startswith("found 2 sessions of data from 2024-03-04 to 2024-03-05, expected at least 506")


def test_mode_files_without_files_is_told(folder: Path) -> None:
    found = finding(folder, "mode: files\n")
    assert (found.verdict, found.detail.split(":")[0]) == ("failed", "mode files needs section `files`")


def test_a_made_market_too_short_for_a_decision_is_told(folder: Path) -> None:
    found = finding(folder, "simulated: {first_session: 2024-01-02, last_session: 2024-12-31}\n")
    assert found.detail.startswith("found 252 sessions of data")


def test_a_made_market_has_no_files_to_read(folder: Path) -> None:
    assert finding(folder, "mode: simulated\n") == Finding("data", "ok", "a made market; decides from 2023-01-04")

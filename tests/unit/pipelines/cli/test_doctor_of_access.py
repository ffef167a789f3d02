import json
from pathlib import Path

import pytest

from execution.clock import SystemClock
from execution.domain.errors import VenueUnavailable
from execution.trade_updates import TradeUpdates
from pipelines.cli import doctor_of_access
from pipelines.cli.doctor_of_access import keys, listener, permissions, requests, signers, unknown_blocks
from pipelines.home import Home
from pipelines.provider_limits import breaker_of, budget_of
from pipelines.settings import Settings, load_settings
from tests.builders.signers import SIGNERS

SECRET = "canary-of-a-secret"
PAPER = {
    "TOUCHSTONE__MODE": "paper",
    "TOUCHSTONE__BROKER_KEYS__KEY_ID": "PKCANARYKEY",
    "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": SECRET,
}
DATA = {"TOUCHSTONE__ALPACA_DATA__KEY_ID": "PKCANARYKEY", "TOUCHSTONE__ALPACA_DATA__SECRET_KEY": SECRET}
SENDER = {"TOUCHSTONE__EDGAR__SENDER": "Jane Doe jane@example.com"}
OFF = {"TOUCHSTONE__LIMITS__EARNINGS_BLACKOUT_SESSIONS": "0", "TOUCHSTONE__LIMITS__SECTOR_MAX_WEIGHT": "1"}


def paper(**changes: str) -> Settings:
    return load_settings(environ={**PAPER, **changes})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.mark.parametrize(("mode", "verdict"), [(0o755, "ok"), (0o775, "failed"), (0o757, "failed")])
def test_a_home_others_may_write_in_is_found(home: Home, mode: int, verdict: str) -> None:
    home.root.chmod(mode)
    assert permissions(home).verdict == verdict


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, "ok"), (0o644, "failed")])
def test_a_signing_key_others_may_read_is_found(home: Home, mode: int, verdict: str) -> None:
    home.root.chmod(0o755)
    home.anchor_key.write_text("key")
    home.anchor_key.chmod(mode)
    assert permissions(home).verdict == verdict


@pytest.mark.parametrize(
    ("given", "verdict"), [({}, "failed"), (DATA, "warning"), ({**DATA, **SENDER}, "ok")], ids=["none", "data", "all"]
)
def test_missing_keys_are_named_and_none_is_told(given: dict[str, str], verdict: str) -> None:
    found = keys(paper(**given))
    assert found.verdict == verdict
    assert SECRET not in found.detail


YAHOO = {"TOUCHSTONE__YAHOO__USE": "prices", "TOUCHSTONE__YAHOO__SYMBOLS": '["AAPL"]'}


def test_a_home_that_reads_from_yahoo_needs_no_keys_for_data_and_is_told_what_it_lacks() -> None:
    found = keys(paper(**YAHOO))
    assert found.verdict == "warning"
    assert "without a promise" in found.detail


def test_a_home_that_reads_from_yahoo_without_the_extra_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_of_access, "find_spec", lambda _: None)
    assert keys(paper(**YAHOO)).verdict == "failed"


def test_limits_that_would_block_every_entry_are_named() -> None:
    found = unknown_blocks(paper())
    assert found.verdict == "warning"
    assert "earnings_blackout_sessions" in found.detail
    assert unknown_blocks(paper(**OFF)).verdict == "ok"
    assert unknown_blocks(load_settings(environ={})).verdict == "ok"


BARS = "symbol: s, session: d, open_usd: o, high_usd: h, low_usd: l, close_usd: c, volume_shares: v"
BARS_ONLY = f"mode: files\nfiles:\n  folder: .\n  tables:\n    daily_bars: [{{file: b.csv, columns: {{{BARS}}}}}]\n"
SECTORS = "    securities: [{file: s.csv, columns: {symbol: s, name: n, sector: g}}]\n"
EVENTS = "    events: [{file: e.csv, columns: {symbol: s, scheduled_at: d}, constants: {kind: earnings}}]\n"
BLACKOUT_OFF, SECTORS_OFF = "limits.earnings_blackout_sessions to 0", "limits.sector_max_weight to 1"


@pytest.mark.parametrize(
    ("mapped", "told"),
    [
        (BARS_ONLY, f"set {BLACKOUT_OFF} and {SECTORS_OFF}"),
        (
            BARS_ONLY + SECTORS,
            f"maps no events, and what is unknown blocks, so nothing would be bought; map them, or set {BLACKOUT_OFF},",
        ),
        (BARS_ONLY + EVENTS, f"set {SECTORS_OFF},"),
    ],
    ids=["neither", "no events", "no sectors"],
)
def test_files_that_lack_what_a_limit_asks_for_are_told_with_the_setting(
    tmp_path: Path, mapped: str, told: str
) -> None:
    (tmp_path / "my-data.yaml").write_text(mapped)
    found = unknown_blocks(load_settings(tmp_path / "my-data.yaml", {}))
    assert found.verdict == "warning"
    assert told in found.detail


def test_securities_without_a_sector_are_no_sectors(tmp_path: Path) -> None:
    path = tmp_path / "my-data.yaml"
    path.write_text(BARS_ONLY + EVENTS + SECTORS.replace(", sector: g", ""))
    assert "maps no securities with a sector" in unknown_blocks(load_settings(path, {})).detail


def test_files_that_tell_all_the_limits_ask_for_and_files_that_ask_for_nothing_are_well(tmp_path: Path) -> None:
    path = tmp_path / "my-data.yaml"
    path.write_text(BARS_ONLY + SECTORS + EVENTS)
    assert unknown_blocks(load_settings(path, {})).verdict == "ok"
    path.write_text(BARS_ONLY)
    assert unknown_blocks(load_settings(path, OFF)).verdict == "ok"


def test_requests_are_counted_against_the_quota_and_a_pause_is_told(home: Home) -> None:
    settings, clock = paper(), SystemClock()
    budget = budget_of(settings.alpaca, home, clock, provider="alpaca trading")
    for _ in range(3):
        budget.take("read")
    assert requests(settings, home).detail == "alpaca trading 3 of 200 a minute"
    budget.pause(60)
    assert requests(settings, home).verdict == "warning"


def test_a_provider_that_did_not_answer_is_told(home: Home) -> None:
    settings = paper(TOUCHSTONE__ALPACA__BREAKER_FAILURES="1")
    breaker = breaker_of(settings.alpaca, home, provider="alpaca data")

    def silent() -> None:
        raise VenueUnavailable("silent")

    with pytest.raises(VenueUnavailable):
        breaker.call(silent)
    assert "the breaker of alpaca data is open" in requests(settings, home).detail


def test_a_listener_whose_keys_are_refused_is_told(home: Home) -> None:
    assert listener(paper(), home).verdict == "ok"
    TradeUpdates(home.operations).note("refused", SystemClock().now())
    assert listener(paper(), home).verdict == "failed"


LIVE = {**PAPER, "TOUCHSTONE__MODE": "live", "TOUCHSTONE_LIVE_ACCOUNT": "main"}


@pytest.mark.parametrize(
    ("environ", "verdict"),
    [
        (LIVE, "failed"),
        ({**LIVE, "TOUCHSTONE__APPROVAL__SIGNERS": json.dumps(SIGNERS)}, "ok"),
        ({**PAPER, "TOUCHSTONE__APPROVAL__ALWAYS_SIGNED": "true"}, "failed"),
        (PAPER, "ok"),
    ],
    ids=["live", "live with signers", "paper that asks for signatures", "paper"],
)
def test_a_home_whose_live_money_nobody_can_let_go_is_told_so(environ: dict[str, str], verdict: str) -> None:
    assert signers(load_settings(environ=environ)).verdict == verdict

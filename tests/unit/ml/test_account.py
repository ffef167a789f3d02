"""The traded account is told as a backtest is: from its ledger's days, payments left out, and honestly when short."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import numpy as np
import orjson
import pytest

from assets import keys
from assets.ml.afterwards import defs
from assets.ml.afterwards.account import AccountRecord, beside_of, record_of, windows_of
from assets.ml.afterwards.account_files import write_account
from assets.ml.afterwards.account_page import SCHEMA, drawn, json_page, tables, told
from assets.ml.backtest import lived_by
from assets.ml.lived_facts import daily_returns, facts_of
from assets.ml.lived_market import EVERY_STOCK
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.lived_days import CASH, LivedAccount, LivedDay
from tests.builders import backtest_quarter as quarter
from tests.unit.ml.marts_builder import IDENTITY, a_market

LONG_AFTER = date(2024, 6, 3)


@pytest.fixture(scope="module")
def account() -> LivedAccount:
    days = tuple(quarter.lived(quarter.DEAR))
    return LivedAccount(account="paper-1", opened_with_usd=quarter.CASH, days=days)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Marts of another market that cover the quarter."""
    return a_market(symbols=12, sessions=330).write(tmp_path_factory.mktemp("account") / "warehouse.duckdb")


@pytest.fixture(scope="module")
def record(account: LivedAccount, warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> AccountRecord:
    return recorded(account, warehouse, tmp_path_factory.mktemp("raw"))


def recorded(account: LivedAccount, warehouse: Warehouse, raw: Path, session: date | None = None) -> AccountRecord:
    found = record_of(account, session=session, warehouse=warehouse, raw=RawStore(raw), identity=IDENTITY)
    assert isinstance(found, AccountRecord)
    return found


def test_the_account_is_judged_by_the_very_facts_of_a_backtest(account: LivedAccount, record: AccountRecord) -> None:
    desk = lived_by("paper-1", account.days, initial_cash_usd=quarter.CASH)
    assert record.desk == desk
    assert record.facts.by_sector == facts_of(desk).by_sector
    assert record.facts.trips == facts_of(desk).trips
    assert sum(trip.earned_usd for trip in record.facts.trips) == account.days[-1].mark.equity_usd - quarter.CASH


def test_windows_are_told_as_far_as_the_history_is_long_enough() -> None:
    values = [Decimal(100 + number) for number in range(64)]
    month, quarterly = windows_of(values)
    assert (month.name, len(month.returns), month.sharpe) == ("month", 43, None)
    assert month.returns[-1] == pytest.approx(163 / 142 - 1)
    assert (quarterly.name, quarterly.returns) == ("quarter", (pytest.approx(0.63),))
    assert quarterly.sharpe is not None
    assert windows_of(values[:21]) == ()


def test_a_window_in_which_nothing_moved_has_no_ratio_and_is_not_called_too_short(record: AccountRecord) -> None:
    month, still = windows_of([Decimal(100)] * 64)
    page = drawn(replace(record, windows=(month, still))).html()
    cells = [re.search(rf"<td>{one.name}, .*</td>", page) for one in (month, still)]
    told = [re.findall(r"<td>([^<]*)</td>", cell[0])[-1] for cell in cells if cell is not None]
    assert told == ["too short", "none"]


def test_a_windows_ratio_counts_the_marks_a_year_really_has() -> None:
    values = [Decimal(100 + number) for number in range(64)]
    whole, halved = windows_of(values)[1], windows_of(values, marks_a_year=126)[1]
    assert whole.sharpe is not None
    assert halved.sharpe == pytest.approx(whole.sharpe / 2**0.5)


def test_the_page_tells_windows_benchmarks_trips_and_what_was_wrong_with_the_data(record: AccountRecord) -> None:
    page = drawn(replace(record, stamps=("synthetic market",))).html()
    assert page.count('<span class="stamp">synthetic market</span>') == 3
    assert "Touchstone account" in page
    for heading in ("Rolling windows", "Beside benchmarks", "Round trips", "Trades on their prices"):
        assert (heading in page) == (heading != "Trades on their prices"), "no closes of these names are in the marts"
    assert "alpha a year" in page
    assert "nan" not in page.lower().replace("financ", "")
    assert page == drawn(replace(record, stamps=("synthetic market",))).html()
    assert drawn(record).pdf().startswith(b"%PDF")


def test_the_json_has_a_schema_and_the_same_bytes_twice(record: AccountRecord) -> None:
    content = json_page(record)
    assert content == json_page(record)
    facts = orjson.loads(content)
    assert (facts["schema"], facts["schema_version"]) == (SCHEMA, 1)
    assert len(facts["closes"]) == len(record.desk.days)
    assert facts["closes"][-1]["equity_usd"] == str(record.newest.mark.equity_usd.normalize())
    assert facts["performance"]["sharpe"] == repr(record.desk.performance.sharpe)
    assert facts["trips"]["trips"] == len(facts["round_trips"])
    assert set(facts["beside"][EVERY_STOCK]) == {"alpha", "beta", "tracking_error"}


def test_beta_to_itself_is_one_and_nothing_is_left_over(record: AccountRecord) -> None:
    growth = np.cumprod(1 + daily_returns(record.desk))
    (found,) = beside_of(daily_returns(record.desk), {"itself": growth}).values()
    assert found.beta.value == pytest.approx(1)
    assert (found.alpha.value, found.tracking_error) == (pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-9))


def test_a_session_that_was_named_ends_the_record(account: LivedAccount, warehouse: Warehouse, tmp_path: Path) -> None:
    found = recorded(account, warehouse, tmp_path, account.days[2].session)
    assert found.desk.days == account.days[:3]
    rows = told(found)
    assert rows["Sharpe ratio"] == rows["annualised return"] == rows[f"beside {EVERY_STOCK}"] == "too short"
    page = drawn(found).html()
    assert "no window is complete yet" in page
    assert "too short for alpha and beta" in page
    assert "nan" not in page.lower().replace("financ", "")
    assert drawn(found).pdf().startswith(b"%PDF")
    assert b"nan" not in json_page(found)


def test_a_session_that_is_not_settled_is_refused_with_those_that_are(
    account: LivedAccount, warehouse: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(
        DataError, match=f"{LONG_AFTER} is not settled and marked: settled are 2024-01-03 to 2024-04-09"
    ):
        recorded(account, warehouse, tmp_path, LONG_AFTER)
    with pytest.raises(DataError, match="none is settled yet"):
        record_of(None, session=LONG_AFTER, warehouse=warehouse, raw=RawStore(tmp_path), identity=IDENTITY)


def test_before_anything_is_settled_one_sentence_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    opened = LivedAccount(account="paper-1", opened_with_usd=quarter.CASH, days=())
    for nothing in (None, opened):
        found = record_of(nothing, session=None, warehouse=warehouse, raw=RawStore(tmp_path), identity=IDENTITY)
        assert found == "Nothing was traded yet: no session of this account is settled."


def in_cash(day: LivedDay, usd: int, paid_in_usd: int = 0) -> LivedDay:
    """Return a day that ends with nothing but dollars."""
    mark = replace(day.mark, cash_usd=Decimal(usd), equity_usd=Decimal(usd), positions=())
    paid = {CASH: Decimal(paid_in_usd)} if paid_in_usd else {}
    return replace(day, mark=mark, executions=(), actions=(), bought=(), fills=0, paid_in_usd=paid)


@pytest.mark.parametrize("usd", [0, -515])
def test_the_record_ends_where_nothing_is_left_to_earn_on(
    account: LivedAccount, warehouse: Warehouse, tmp_path: Path, usd: int
) -> None:
    kept, (day, after) = account.days[:5], account.days[5:7]
    taken = usd - int(kept[-1].mark.equity_usd)
    emptied = replace(account, days=(*kept, in_cash(day, usd, taken), in_cash(after, usd)))
    found = recorded(emptied, warehouse, tmp_path)
    assert found.desk.days == kept
    assert found.stamps[-1] == f"the record ends before {day.mark.marked_session}: equity {usd:.2f} USD"
    assert found.waiting_sessions == 0
    assert str(found.stamps[-1]) in drawn(found).html()
    assert "total return" in materialized(emptied, warehouse, tmp_path)


def test_the_record_ends_where_less_than_what_was_paid_in_is_left(
    account: LivedAccount, warehouse: Warehouse, tmp_path: Path
) -> None:
    kept, day = account.days[:5], account.days[5]
    lost = replace(account, days=(*kept, in_cash(day, 999_000, 1_000_000)))
    found = recorded(lost, warehouse, tmp_path)
    assert found.desk.days == kept
    assert found.stamps[-1].endswith("equity 999000.00 USD, 1000000.00 USD of it paid in since the close before")


def test_an_account_that_never_had_anything_to_earn_on_says_so(
    account: LivedAccount, warehouse: Warehouse, tmp_path: Path
) -> None:
    empty = LivedAccount(account="paper-1", opened_with_usd=Decimal(0), days=(in_cash(account.days[0], 0),))
    shown = materialized(empty, warehouse, tmp_path)
    assert shown == {"told": "No return can be told: the account was worth 0.00 USD at the close of 2024-01-04."}


def test_what_is_paid_in_before_the_first_trade_belongs_to_the_opening_value(
    account: LivedAccount, warehouse: Warehouse, tmp_path: Path
) -> None:
    first, second, third = account.days[:3]
    traded = replace(in_cash(second, 99_485, 100_000), executions=account.days[0].executions)
    days = (in_cash(first, 1_000), traded, in_cash(third, 99_485))
    small = LivedAccount(account="paper-1", opened_with_usd=Decimal(1_000), days=days)
    assert small.days[1].executions
    found = recorded(small, warehouse, tmp_path)
    assert found.desk.values_usd == (101_000, 101_000, 99_485, 99_485)
    assert found.facts.equity[-1] == pytest.approx(0.985)
    from_nothing = LivedAccount(
        account="paper-1", opened_with_usd=Decimal(0), days=(in_cash(first, 0), in_cash(second, 50_000, 50_000))
    )
    assert recorded(from_nothing, warehouse, tmp_path).desk.values_usd == (50_000,) * 3


def test_closes_whose_market_is_not_known_yet_wait_and_are_counted(account: LivedAccount, tmp_path: Path) -> None:
    market = a_market(symbols=4, sessions=253)
    known = market.write(tmp_path / "warehouse.duckdb")
    found = recorded(account, known, tmp_path)
    assert found.facts.sessions[-1] == market.sessions[-1] == date(2024, 1, 4)
    assert found.waiting_sessions == len(account.days) - 1
    assert "waiting" in told(found)
    none = Warehouse(tmp_path / "no.duckdb")
    sentence = record_of(account, session=None, warehouse=none, raw=RawStore(tmp_path), identity=IDENTITY)
    assert isinstance(sentence, str)
    assert "the close of 2024-01-04 waits" in sentence


def test_closes_that_were_never_marked_leave_benchmarks_their_whole_way(
    account: LivedAccount, warehouse: Warehouse, tmp_path: Path
) -> None:
    whole = recorded(account, warehouse, tmp_path)
    found = recorded(replace(account, days=account.days[::2]), warehouse, tmp_path)
    assert found.benchmarks[EVERY_STOCK] == pytest.approx(whole.benchmarks[EVERY_STOCK][::2])


def test_the_asset_writes_page_pdf_and_json_and_shows_figures_and_a_chart(
    account: LivedAccount, warehouse: Warehouse, tmp_path: Path
) -> None:
    shown = materialized(account, warehouse, tmp_path)
    record = recorded(account, warehouse, tmp_path / "raw")
    files = write_account(record, tmp_path / "again")
    for name, path in files.by_name().items():
        written = tmp_path / "reports" / "account" / path.name
        assert shown[name] == f"reports/account/{path.name}"
        assert written.read_bytes() == path.read_bytes()
    assert files.html.name == f"{account.days[-1].session}.html"
    assert {"total return", "annualised return", "Sharpe ratio", "Sortino ratio", "max drawdown"} <= shown.keys()
    assert {"win rate", "profit factor", f"beside {EVERY_STOCK}", "newest month", "newest quarter"} <= shown.keys()
    assert "data:image/png;base64," in shown["equity_chart"]
    assert "| Sector AAA |" in shown["by_sector"]
    assert tables(record)["by_regime"] == shown["by_regime"]


def test_the_asset_of_an_account_that_has_not_traded_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    shown = materialized(None, warehouse, tmp_path)
    assert shown == {"told": "Nothing was traded yet: no session of this account is settled."}
    assert not (tmp_path / "reports").exists()


def materialized(account: LivedAccount | None, warehouse: Warehouse, root: Path) -> dict[str, object]:
    result = dg.materialize(
        [defs.account_performance],
        resources={
            "warehouse": warehouse,
            "raw_store": RawStore(root / "raw"),
            "account_reader": lambda: account,
            "identity": IDENTITY,
            "reports_root": root / "reports",
        },
    )
    (event,) = result.asset_materializations_for_node("__".join(keys.ML_ACCOUNT))
    return {name: value.value for name, value in event.metadata.items()}

"""Acts believe the ledger only with every anchored head in it, and anchor the head they leave."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from execution.domain.errors import ChainBroken, Halted, LedgerError
from execution.ledger.anchors import Anchoring, verify_ledger
from execution.risk.kill_switch import KillSwitch
from execution.session import run_session
from tests.builders.anchoring import an_anchoring
from tests.builders.trading_days import FIRST, TradingDays


@pytest.fixture
def anchoring(tmp_path: Path) -> Anchoring:
    return an_anchoring(tmp_path / "anchors")


@pytest.fixture
def days(tmp_path: Path, anchoring: Anchoring) -> TradingDays:
    return TradingDays(tmp_path, desk_changes={"anchoring": anchoring}, is_on_files=True)


def anchored(anchoring: Anchoring) -> list[int]:
    return [int(line.split(" ")[1]) for line in anchoring.sinks[0].lines()]


def change_a_row(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger)) as connection:
        for (name,) in connection.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
            connection.execute(f"drop trigger {name}")
        connection.execute("update event set body = replace(body, 'AAA', 'ZZZ')")
        connection.commit()


def test_each_act_anchors_the_head_it_leaves(days: TradingDays, anchoring: Anchoring) -> None:
    heads = []
    for act in (days.plan, days.submit, days.cancel_rest, days.settle):
        act()
        heads.append(days.desk.ledger.head().sequence)
    assert anchored(anchoring) == sorted(set(heads))
    assert anchoring.sinks[0].lines() == anchoring.sinks[1].lines()


def test_asking_again_anchors_nothing_again(days: TradingDays, anchoring: Anchoring) -> None:
    days.plan()
    days.submit()
    before = anchored(anchoring)
    days.submit()
    assert anchored(anchoring) == before


def test_an_old_copy_put_back_sends_nothing(days: TradingDays, tmp_path: Path) -> None:
    days.plan()
    shutil.copyfile(tmp_path / "ledger.db", tmp_path / "old.db")
    days.submit()
    shutil.copyfile(tmp_path / "old.db", tmp_path / "ledger.db")
    desk = days.restarted()
    before = days.venue.open_orders()
    with pytest.raises(ChainBroken, match="an old copy was put back"):
        run_session.submit(desk, session=FIRST)
    assert days.venue.open_orders() == before


def test_a_tail_cut_off_stops_every_act(days: TradingDays, tmp_path: Path) -> None:
    days.plan()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    for (name,) in connection.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        connection.execute(f"drop trigger {name}")
    connection.execute("delete from event where sequence = (select max(sequence) from event)")
    connection.execute("update head set (sequence, hash) = (select sequence, hash from event order by 1 desc limit 1)")
    connection.commit()
    connection.close()
    desk = days.restarted()
    desk.ledger.verify_chain()
    for act in (run_session.submit, run_session.cancel_rest, run_session.settle):
        with pytest.raises(ChainBroken, match="no such row"):
            act(desk, session=FIRST)


@pytest.mark.parametrize("act", [run_session.submit, run_session.cancel_rest, run_session.settle])
def test_an_act_that_finds_the_chain_broken_engages_the_kill_switch(
    days: TradingDays, tmp_path: Path, act: Callable[..., object]
) -> None:
    days.plan()
    honest = (tmp_path / "ledger.db").read_bytes()
    change_a_row(tmp_path / "ledger.db")
    with pytest.raises(ChainBroken):
        act(days.restarted(), session=FIRST)
    assert "chain is broken" in (tmp_path / "KILL").read_text()
    # Putting the honest file back is no resume.
    (tmp_path / "ledger.db").write_bytes(honest)
    days.restarted()
    with pytest.raises(Halted, match="resume"):
        days.submit()
    assert days.venue.open_orders() == ()


def test_a_broken_chain_is_told_even_where_no_switch_can_be_made(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, desk_changes={"kill_switch": KillSwitch(tmp_path / "gone" / "KILL")}, is_on_files=True)
    days.plan()
    change_a_row(tmp_path / "ledger.db")
    with pytest.raises(ChainBroken):
        run_session.settle(days.restarted(), session=FIRST)


def test_an_act_that_failed_leaves_its_rows_to_the_next_anchor(days: TradingDays, anchoring: Anchoring) -> None:
    days.plan()
    before = anchored(anchoring)
    with pytest.raises(LedgerError):
        run_session.submit(replace(days.morning(FIRST), quotes=None, broker=_Gone()), session=FIRST)  # type: ignore[arg-type]  # a venue that is away
    assert anchored(anchoring) == before
    days.submit()
    assert anchored(anchoring)[-1] == days.desk.ledger.head().sequence
    verify_ledger(days.desk.ledger, anchoring.anchors, is_thorough=True)


class _Gone:
    def __getattr__(self, name: str) -> object:
        raise LedgerError("the venue is away")

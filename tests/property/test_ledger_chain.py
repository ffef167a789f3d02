"""Whoever owns the ledger's file may do what he likes to it: it is found.

A chain hashed again from some row on, and a tail cut off with care, are found thanks to the anchors alone.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from execution.domain.errors import ChainBroken
from execution.ledger.anchors import verify_ledger
from tests.builders.tampering import ATTACKS, Tampered, hashed_again

SMALL, WHOLE = 1_200, 12_000


@pytest.fixture(scope="module")
def tampered(tmp_path_factory: pytest.TempPathFactory) -> Tampered:
    return Tampered(tmp_path_factory.mktemp("anchors"))


@pytest.fixture(autouse=True)
def honest(tampered: Tampered) -> None:
    tampered.restore()


def verify(tampered: Tampered) -> None:
    verify_ledger(tampered.ledger, tampered.anchors)
    tampered.ledger.verify_projections()


def unfound(tampered: Tampered, *, attacks: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Attack so many times and return how often each way was tried, and what nobody noticed."""
    tried: Counter[str] = Counter()
    missed = []
    number = 0
    while tried.total() < attacks:
        number += 1
        name = list(ATTACKS)[number % len(ATTACKS)]
        tampered.restore()
        ATTACKS[name](tampered, random.Random(f"{seed}:{number}"))  # noqa: S311 - seeded attacks, no secret
        if not tampered.is_changed():
            continue
        tried[name] += 1
        try:
            verify(tampered)
        except ChainBroken:
            continue
        missed.append(f"{name} {number}")
    return tried, missed


def test_what_nobody_touched_verifies(tampered: Tampered) -> None:
    assert not tampered.is_changed()
    verify(tampered)


def test_every_attack_is_found(tampered: Tampered, record_property: Callable[[str, object], None]) -> None:
    tried, missed = unfound(tampered, attacks=SMALL, seed=1)
    record_property("attacks", tried.total())
    assert missed == []
    assert tried.keys() == ATTACKS.keys()


@pytest.mark.campaign
def test_every_attack_of_many_is_found(tampered: Tampered, record_property: Callable[[str, object], None]) -> None:
    tried, missed = unfound(tampered, attacks=WHOLE, seed=2)
    record_property("attacks", tried.total())
    record_property("found", tried.total() - len(missed))
    assert missed == []


def test_every_row_cut_off_is_missed_by_some_anchor(tampered: Tampered) -> None:
    for kept in range(len(tampered.events)):
        tampered.restore()
        tampered.replace_events(tampered.events[:kept], with_head=True)
        tampered.ledger.rebuild_projections()
        with pytest.raises(ChainBroken):
            verify(tampered)


def test_a_tail_cut_off_with_care_is_told_by_the_anchors_alone(tampered: Tampered) -> None:
    tampered.replace_events(tampered.events[:-3], with_head=True)
    tampered.ledger.rebuild_projections()
    verify_ledger(tampered.ledger, None)
    tampered.ledger.verify_projections()
    with pytest.raises(ChainBroken, match="cut off"):
        verify(tampered)


def test_a_ledger_hashed_again_with_care_is_told_by_the_anchors_alone(tampered: Tampered) -> None:
    rows = tampered.events
    rows[0] = (*rows[0][:3], rows[0][3].replace('"100000"', '"900000"'))
    tampered.replace_events(hashed_again(rows), with_head=True)
    tampered.ledger.rebuild_projections()
    assert tampered.ledger.book().cash_usd > 800_000
    verify_ledger(tampered.ledger, None)
    tampered.ledger.verify_projections()
    with pytest.raises(ChainBroken, match="hashed again"):
        verify(tampered)


def test_an_old_copy_put_back_is_found(tampered: Tampered, tmp_path: Path) -> None:
    old = Tampered(tmp_path)
    old.restore()
    old.replace_events(old.events[:20], with_head=True)
    old.ledger.rebuild_projections()
    with pytest.raises(ChainBroken, match="old"):
        verify_ledger(old.ledger, tampered.anchors)


def test_tables_changed_by_hand_are_folded_again(tampered: Tampered) -> None:
    tampered.connection.execute("delete from posting")
    tampered.connection.execute("update risk_day set entries = 0")
    with pytest.raises(ChainBroken, match="differ"):
        tampered.ledger.verify_projections()
    tampered.ledger.rebuild_projections()
    tampered.ledger.verify_projections()
    assert not tampered.is_changed()

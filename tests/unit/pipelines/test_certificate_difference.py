"""What a replay says of a certificate that came out otherwise, and of what followed from it all the same."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from execution.domain.provenance import CheckOutcome, GateCertificate
from execution.replay import Step
from pipelines.certificate_difference import certificate_difference
from pipelines.cli.replay_page import ReplayDiffers, _ending

SESSION = date(2024, 1, 4)


def check(name: str, *, passed: bool = True, threshold: str = "at most 1") -> CheckOutcome:
    return CheckOutcome(name=name, subject="raw/daily_bars", passed=passed, value="0", threshold=threshold)


THEN = GateCertificate(
    session=SESSION,
    as_of=datetime(2024, 1, 4, 23, tzinfo=UTC),
    stage="features",
    snapshot_hash="a" * 64,
    features_hash="b" * 64,
    symbols=("AAA", "BBB"),
    checks=(check("rows_exist"), check("fresh"), check("ordered")),
)


def test_equal_certificates_have_no_difference() -> None:
    assert certificate_difference(THEN, THEN) == ""


def test_a_reworded_check_is_no_other_verdict_and_added_and_lost_ones_are_named() -> None:
    now = replace(THEN, checks=(check("rows_exist"), check("fresh", threshold="at most one"), check("awake")))
    told = "checks added awake; checks gone ordered; the same verdict in other words or figures of fresh"
    assert certificate_difference(THEN, now) == told


def test_a_turned_verdict_and_symbols_left_out_are_told() -> None:
    turned = (check("rows_exist"), check("fresh", passed=False), check("ordered"))
    now = replace(THEN, checks=turned, excluded=(("BBB", "it jumps"),), symbols=("AAA", "BBB", "CCC"))
    told = "another verdict of fresh; excluded otherwise BBB; symbols of one alone CCC"
    assert certificate_difference(THEN, now) == told


def test_a_decision_made_otherwise_says_in_what_and_what_came_out_all_the_same() -> None:
    steps = (
        Step("certificate", "a", "b", "checks added awake"),
        Step("batch", "c", "d"),
        Step("plan", "e", "e"),
        Step("why-rows", "f", "f"),
    )
    with pytest.raises(ReplayDiffers) as told:
        _ending(SESSION, steps, "the table")
    assert str(told.value).splitlines() == [
        "the table",
        "certificate: checks added awake",
        "the decision of 2024-01-04 differs at certificate, batch; plan and why-rows came out bit for bit",
    ]


def test_a_decision_that_came_out_names_what_changed_around_it() -> None:
    steps = (Step("code", "a", "b"), Step("plan", "e", "e"))
    assert (
        _ending(SESSION, steps, "t") == "t\nthe decision of 2024-01-04 came out bit for bit, though code changed since"
    )

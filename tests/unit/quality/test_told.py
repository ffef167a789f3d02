"""Evidence as a person reads it."""

from assets.quality.told import certificate_table, excluded_table, markdown_table, verdict_table
from assets.quality.verdicts import Report, Verdict
from tests.builders.batches import FAILED, PASSED, a_certificate


def test_rows_become_a_markdown_table() -> None:
    assert markdown_table([{"a": "1", "b": "x|y"}]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"


def test_no_rows_are_said_to_be_none() -> None:
    assert markdown_table([]) == "none"


def test_long_cells_are_cut() -> None:
    assert max(len(line) for line in markdown_table([{"a": "x" * 500}]).splitlines()) < 170


def test_failed_verdicts_shout() -> None:
    verdicts = (Verdict(passed=True, value="1", threshold="2"), Verdict(passed=False, value="3", threshold="2"))
    report = Report(name="n", subject="s", promise="p", verdicts=verdicts)
    assert verdict_table(report).count("FAILED") == 1


def test_failures_of_a_certificate_come_first() -> None:
    lines = certificate_table(a_certificate(checks=(PASSED, FAILED))).splitlines()
    assert "FAILED" in lines[2]


def test_symbols_left_out_are_told_with_their_reason() -> None:
    assert "| AAA | a jump |" in excluded_table([("AAA", "a jump")])

import base64
import re
from dataclasses import replace

import pytest

from assets.reporting.page_files import described, drawn, traded_usd, write_page
from tests.unit.reporting.sample_days import SESSION, TRADED, day_of, lived_day, quiet_day, red_day


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    made = {"lived": lived_day, "quiet": quiet_day, "red": red_day}
    return {name: day_of(build(tmp_path_factory.mktemp(name))) for name, build in made.items()}


def test_page_lies_under_its_session(tmp_path):
    assert write_page(tmp_path, SESSION, "<p>") == tmp_path / f"{SESSION}.html"


def test_newer_page_of_a_session_replaces_the_older(tmp_path):
    write_page(tmp_path, SESSION, "old")
    assert write_page(tmp_path, SESSION, "new").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == [f"{SESSION}.html"]


@pytest.mark.parametrize("name", ["lived", "quiet", "red"])
def test_small_curve_is_short_enough_to_be_drawn_in_place(days, name):
    markdown = drawn(days[name])["equity"]
    assert len(markdown) < 1_000
    assert b"<path" in base64.b64decode(markdown.split("base64,")[1].rstrip(")"))


@pytest.mark.parametrize("name", ["lived", "quiet"])
def test_whole_chart_is_a_picture_of_at_most_sixty_kilobytes(days, name):
    markdown = drawn(days[name])["equity_chart"]
    assert markdown.startswith(f"![equity to {TRADED}](data:image/png;base64,")
    assert len(markdown) <= 60_000


def test_traded_table_has_a_row_per_order(days):
    table = drawn(days["lived"])["traded"]
    assert len(re.findall(r"^\| (?:buy|sell) ", table, re.MULTILINE)) == 9


def test_day_without_orders_says_so(days):
    assert drawn(days["quiet"])["traded"] == "Nothing was traded."


@pytest.mark.parametrize(("name", "verdict"), [("lived", "green"), ("red", "red")])
def test_gate_verdict_is_told(days, name, verdict, tmp_path):
    assert described(days[name], write_page(tmp_path, SESSION, "page"))["gate"] == verdict


def test_money_is_told_in_numbers_that_a_page_can_draw(days, tmp_path):
    told = described(days["lived"], write_page(tmp_path, SESSION, "page"))
    assert told["equity_usd"] == float(days["lived"].account.equity_usd)
    assert told["unexplained_usd"] == 0.0
    assert {type(told[name]) for name in ("equity_usd", "unexplained_usd")} == {float}


def test_day_without_an_account_tells_no_equity(days, tmp_path):
    unsettled = replace(days["quiet"], equity=())
    assert "equity_usd" not in described(unsettled, write_page(tmp_path, SESSION, "page"))


def test_what_was_traded_is_a_picture_of_at_most_sixty_kilobytes(days):
    markdown = drawn(days["lived"])["traded_chart"]
    assert markdown.startswith(f"![traded on {TRADED}](data:image/png;base64,")
    assert len(markdown) <= 60_000


def test_dollars_traded_are_bought_less_sold_and_only_of_what_was_filled(days):
    filled = [cost for cost in days["lived"].costs if cost.filled_shares]
    traded = traded_usd(days["lived"])
    signs = {"buy": 1, "sell": -1}
    assert traded.keys() == {cost.symbol for cost in filled}
    assert sum(traded.values()) == pytest.approx(
        float(sum(signs[cost.side] * cost.filled_shares * cost.average_fill_usd for cost in filled))
    )
    assert list(traded.values()) == sorted(traded.values(), reverse=True)


def test_day_without_fills_has_no_chart_of_them(days):
    assert "traded_chart" not in drawn(days["quiet"])

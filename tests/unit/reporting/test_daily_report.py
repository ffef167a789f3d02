from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from assets.ledger_frames import load_export
from assets.reporting.daily_report import alarms, render, tiles
from assets.reporting.day import stage_counts
from assets.reporting.day_reading import read_day
from assets.reporting.page_words import usd
from execution.trading_calendar import TradingCalendar
from tests.unit.reporting.sample_days import (
    IDENTITY,
    SESSION,
    batch,
    certificate,
    day_of,
    green_checks,
    lived_day,
    quiet_day,
    red_day,
)

OPEN_MARKET = replace(IDENTITY, mode="files", is_synthetic=False)
ATTACK = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    return day_of(lived_day(tmp_path_factory.mktemp("lived")))


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    return day_of(red_day(tmp_path_factory.mktemp("red")))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    return day_of(quiet_day(tmp_path_factory.mktemp("quiet")))


class References(HTMLParser):
    """Collects every tag, and every attribute that could load something."""

    def __init__(self):
        super().__init__()
        self.tags, self.loads = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "poster")]


@pytest.mark.parametrize("name", ["lived", "red", "quiet"])
def test_page_loads_nothing_and_runs_nothing(name, request):
    page = render(request.getfixturevalue(name), identity=IDENTITY)
    seen = References()
    seen.feed(page)
    assert not seen.loads
    assert seen.tags.isdisjoint({"script", "link", "iframe", "img", "object", "form", "base"})
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("name", ["lived", "red", "quiet"])
def test_every_page_of_a_simulated_market_is_stamped(name, request):
    page = render(request.getfixturevalue(name), identity=IDENTITY)
    assert '<span class="stamp synthetic"' in page
    assert "<title>SYNTHETIC" in page


def test_synthetic_batch_is_stamped_even_where_the_run_claims_otherwise(lived):
    assert '<span class="stamp synthetic"' in render(lived, identity=OPEN_MARKET)


def test_page_of_observed_prices_is_not_stamped(lived):
    observed = replace(lived, batch=batch(mode="files", is_synthetic=False))
    assert "synthetic" not in render(observed, identity=OPEN_MARKET).split("</style>")[1].lower()


def test_equal_days_give_equal_bytes(tmp_path):
    pages = [render(day_of(lived_day(tmp_path / name)), identity=IDENTITY) for name in ("one", "two")]
    assert pages[0] == pages[1]


def test_second_drawing_in_a_process_gives_the_same_bytes(lived):
    assert render(lived, identity=IDENTITY) == render(lived, identity=IDENTITY)


def test_text_from_data_is_escaped_wherever_it_appears(lived):
    decision = replace(lived.decisions[0], reason=ATTACK, stage=ATTACK, symbol=ATTACK)
    check = replace(green_checks()[0], name=ATTACK, value=ATTACK, reason=ATTACK, passed=False, subject=ATTACK)
    signals = (replace(batch().signals[0], symbol=ATTACK, sector=ATTACK, contributions={ATTACK: 9.0}, score=9.0),)
    hostile = replace(
        lived,
        decisions=(decision,),
        positions=(replace(lived.positions[0], symbol=ATTACK),),
        costs=(replace(lived.costs[0], symbol=ATTACK, leg=ATTACK, status=ATTACK),),
        batch=batch(signals=signals, certificate=certificate((check,)), decision_reason=ATTACK, regime=ATTACK),
        plan_hash=ATTACK,
    )
    page = render(hostile, identity=replace(IDENTITY, strategy=ATTACK))
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert") >= 12


def test_cash_and_positions_shown_add_up_to_the_equity_shown(lived):
    page = render(lived, identity=IDENTITY)
    account = lived.account
    assert account is not None
    assert account.cash_usd + lived.held_usd == account.equity_usd
    assert f"cash <b>{usd(account.cash_usd)}</b>" in page
    assert f"+ positions <b>{usd(lived.held_usd)}</b>" in page
    assert f"= equity <b>{usd(account.equity_usd)}</b>" in page
    assert "to the cent" in page


def test_millionths_of_a_dollar_that_the_export_rounds_away_are_no_alarm(lived):
    account = lived.account
    rounded = replace(
        lived, equity=(*lived.equity[:-1], replace(account, equity_usd=account.equity_usd + Decimal("0.000001")))
    )
    page = render(rounded, identity=IDENTITY)
    assert "are unexplained" not in page
    assert "to the cent" in page


def test_cent_too_much_is_an_alarm(lived):
    account = lived.account
    wrong = replace(
        lived, equity=(*lived.equity[:-1], replace(account, equity_usd=account.equity_usd + Decimal("0.01")))
    )
    page = render(wrong, identity=IDENTITY)
    assert "+0.01 USD are unexplained" in page
    assert "to the cent" not in page


def test_red_gate_names_each_failed_check_and_its_reason(red):
    (alarm,) = alarms(red)
    assert alarm.headline.startswith("The raw gate refused")
    assert [line.split(" ")[0] for line in alarm.lines] == ["bars_complete", "jumps_explained"]
    assert all(check.reason in render(red, identity=IDENTITY) for check in red.certificate.failures)


def test_red_gate_day_shows_no_order_and_a_reason_for_each_symbol(red):
    page = render(red, identity=IDENTITY)
    assert "No order was sent for this session." in page
    assert [(one.outcome, one.stage, one.count) for one in stage_counts(red.decisions)] == [("refused", "gate", 100)]


def test_day_without_orders_shows_a_dash_for_slippage(quiet):
    shown = {tile.label: tile.value for tile in tiles(quiet)}
    assert (shown["filled"], shown["slippage vs close"]) == ("no orders", "–")  # noqa: RUF001 - the page's own dash


def test_a_fill_after_a_split_is_measured_against_the_close_in_its_own_shares(tmp_path):
    sample = lived_day(tmp_path)
    whole = day_of(sample)
    filled = next(cost for cost in whole.costs if cost.filled_shares)
    split = read_day(
        session=SESSION,
        frames=load_export(sample.export),
        batches=sample.store,
        opens_usd={},
        split_ratios={filled.symbol: Decimal(4)},
    )
    costs = {cost.client_order_id: cost for cost in split.costs}
    close = costs[filled.client_order_id].decision_close_usd
    assert close == filled.decision_close_usd / 4
    side = 1 if filled.side == "buy" else -1
    told = costs[filled.client_order_id].slippage_to_close_bps
    assert told == side * (filled.average_fill_usd - close) / close * 10_000
    others = [(cost.client_order_id, cost) for cost in whole.costs if cost.symbol != filled.symbol]
    assert all(costs[name] == cost for name, cost in others)


def test_short_history_says_too_short_instead_of_a_ratio(quiet):
    shown = {tile.label: tile for tile in tiles(quiet)}
    assert (shown["Sharpe ratio"].value, shown["Sharpe ratio"].note) == ("too short", "1 of 60 sessions")


def test_long_history_shows_the_ratio_with_its_standard_error(lived):
    shown = {tile.label: tile for tile in tiles(lived)}
    assert shown["Sharpe ratio"].note.endswith("standard error")


def test_long_history_that_never_moved_has_no_ratio_and_is_not_called_too_short(lived):
    still = tuple(replace(point, equity_usd=Decimal(100), realised_usd=Decimal(0), unrealised_usd=Decimal(0))
                  for point in lived.equity)  # fmt: skip
    day = replace(lived, equity=still)
    assert not day.performance.is_too_short
    shown = {tile.label: tile for tile in tiles(day)}
    assert (shown["Sharpe ratio"].value, shown["Sharpe ratio"].note) == ("none", "the account never moved")


def test_every_symbol_of_the_universe_is_on_the_page(lived):
    page = render(lived, identity=IDENTITY)
    assert len(lived.decisions) == 100
    assert all(f'<td class="sym">{row.symbol}</td>' in page for row in lived.decisions)


def test_check_shows_what_was_found_and_what_was_wanted(lived):
    page = render(lived, identity=IDENTITY)
    assert "99.0 % of symbols" in page
    assert "&gt;= 97 %" in page


def test_resting_stop_stands_beside_its_position(lived):
    resting = [cost for cost in lived.costs if cost.is_resting_stop]
    page = render(lived, identity=IDENTITY)
    assert resting
    assert f">{usd(resting[0].stop_usd)}</td></tr>" in page


def test_half_filled_order_shows_both_numbers(lived):
    (partial,) = [cost for cost in lived.costs if 0 < cost.filled_shares < cost.ordered_shares]
    page = render(lived, identity=IDENTITY)
    assert f'{partial.filled_shares}<span class="faint">/{partial.ordered_shares}</span>' in page


def test_superseded_batch_is_named(lived):
    page = render(replace(lived, superseded=("f" * 64,)), identity=IDENTITY)
    assert "1 other batch(es) of this session were superseded" in page
    assert "f" * 64 in page


def test_split_position_keeps_its_value_and_its_identity(lived):
    first = lived.positions[0]
    split = replace(
        first,
        shares=first.shares * 2,
        average_cost_usd=first.average_cost_usd / 2,
        close_usd=first.close_usd / 2,
    )
    day = replace(lived, positions=(split, *lived.positions[1:]))
    assert day.unexplained_usd == 0
    assert f'<td class="n">{split.shares}</td>' in render(day, identity=IDENTITY)


def test_session_without_any_gate_still_has_a_page(red):
    page = render(replace(red, certificates=(), decisions=(), equity=()), identity=IDENTITY)
    assert "No gate judged this session." in page
    assert "no gate ran" in page


def test_opening_cash_is_the_first_point_of_the_curve(quiet):
    first = quiet.equity[0]
    assert (first.session, first.equity_usd) == (SESSION, Decimal(100_000))
    assert quiet.equity[1].session == SESSION + timedelta(days=1)


def test_a_curve_with_gaps_is_a_year_by_the_sessions_it_spans(quiet):
    sessions = [one for one in TradingCalendar.shipped().sessions if one >= SESSION][:253]
    wavering = [Decimal(100_000 + 40 * at + 500 * (at % 2)) for at in range(253)]
    points = [
        replace(quiet.equity[0], session=session, equity_usd=usd, realised_usd=usd - 100_000, unrealised_usd=Decimal(0))
        for session, usd in zip(sessions, wavering, strict=True)
    ]
    whole, gaps = (replace(quiet, equity=tuple(points[::each])).performance for each in (1, 3))
    assert whole.yearly_return == pytest.approx(float(wavering[-1] / wavering[0] - 1))
    assert gaps.yearly_return == pytest.approx(whole.yearly_return)
    assert gaps.sessions == 84


def test_batch_that_was_held_back_says_why(lived):
    page = render(replace(lived, held_back="the batch is for another strategy"), identity=IDENTITY)
    assert "batch was not traded" in page
    assert "the batch is for another strategy" in page


def test_many_endings_leave_the_day_on_one_screen(lived):
    stages = [f"guard:rule_{number}" for number in range(30)]
    rows = [replace(lived.decisions[0], outcome="blocked", stage=stage) for stage in stages]
    assert "and 21 rarer endings, below" in render(replace(lived, decisions=tuple(rows)), identity=IDENTITY)


def test_the_page_of_an_account_that_was_emptied_has_no_return_of_that_day(lived):
    point = lived.equity[-1]
    nothing = dict.fromkeys(("cash_usd", "equity_usd", "realised_usd", "unrealised_usd"), Decimal(0))
    emptied = replace(lived, equity=(point, replace(point, **nothing)), positions=())
    assert (emptied.performance.sessions, emptied.performance.last_return) == (0, None)
    assert "from the high" in render(emptied, identity=IDENTITY)

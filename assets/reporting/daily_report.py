"""The day on one page: one self-contained HTML text, equal bytes for equal inputs.

No clock, no script, no outside resource; everything that came from data is escaped. A page made from a simulated market
says so in its title, its header and its foot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from markupsafe import Markup

from assets.identity import RunIdentity
from assets.performance import NEVER_MOVED
from assets.reporting import page_words
from assets.reporting.day import Day, StageCount, ranked, stage_counts
from assets.reporting.inline_svg import equity_svg, histogram_svg
from assets.reporting.transaction_costs import CostTotals
from execution.domain.provenance import CheckOutcome, GateCertificate

GATE_ROWS: Final = 12
"""Lines of the gate's card: one per judged asset, the rest for checks in words."""
SHOWN_ROWS: Final = 14
SHOWN_SCORES: Final = 5
SHOWN_FAILURES: Final = 6
SHOWN_ENDINGS: Final = 9

_FILTERS: Final[tuple[Callable[..., str], ...]] = (
    page_words.usd,
    page_words.signed_usd,
    page_words.price,
    page_words.bps,
    page_words.percent,
    page_words.number,
    page_words.whole,
    page_words.long_date,
    page_words.instant,
    page_words.words,
    page_words.sentence,
    page_words.brief,
    page_words.style,
    page_words.direction,
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of the strip below the header."""

    label: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a reader must see first on a bad day."""

    headline: str
    lines: tuple[str, ...]


def render(day: Day, *, identity: RunIdentity) -> str:
    """Return the day's page.

    Args:
        day: the gathered facts.
        identity: mode, strategy, account and the hashes of settings and code; its synthetic stamp is on the page even
            when no batch was made.
    """
    import jinja2  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    folder = files("assets.reporting")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    template = environment.from_string((folder / "daily_report.html.j2").read_text(encoding="utf-8"))
    css = (folder / "daily_report.css.j2").read_text(encoding="utf-8")
    # The style sheet is this project's own file: the one text beside the drawings that must not be escaped.
    return template.render(css=Markup(css), **_content(day, identity))  # noqa: S704 - own file, see above


def _content(day: Day, identity: RunIdentity) -> dict[str, Any]:
    ranking = ranked(day.batch)
    best = ranking[:SHOWN_SCORES]
    worst = ranking[SHOWN_SCORES:][-SHOWN_SCORES:]
    pushes = [abs(value) for row in (*best, *worst) for _, value in row.contributions]
    stages = stage_counts(day.decisions)
    judged = _by_subject(day.certificate)
    return {
        "day": day,
        "identity": identity,
        "is_synthetic": identity.is_synthetic or (day.batch is not None and day.batch.is_synthetic),
        "as_of": day.certificate.as_of if day.certificate else None,
        "certificate": day.certificate,
        "tiles": tiles(day),
        "alarms": alarms(day),
        "account": day.account,
        "equity_chart": equity_svg(
            [point.session for point in day.equity], [point.equity_usd for point in day.equity], height=164
        ),
        "score_chart": histogram_svg([row.score for row in ranking], height=84),
        "ranking": ranking,
        "best": best,
        "worst": worst,
        "most": max(pushes, default=0.0) or 1.0,
        "source": _decider(day),
        "judged": judged,
        "shown_checks": _telling_checks(judged, lines=GATE_ROWS - len(judged)),
        "stages": stages[:SHOWN_ENDINGS],
        "more_endings": len(stages[SHOWN_ENDINGS:]),
        "outcomes": _by_outcome(stages),
        "sent": [cost for cost in day.costs if not cost.is_resting_stop],
        "resting": [cost for cost in day.costs if cost.is_resting_stop],
        "has_opens": any(cost.open_usd is not None for cost in day.costs),
        "stops": day.resting_stops_usd,
        "shown_rows": SHOWN_ROWS,
        "totals_line": _totals_line(day.totals),
        "origins": _origins(day, identity),
    }


def _decider(day: Day) -> str:
    if day.batch is None:
        return "nobody"
    return "the model" if day.batch.decision_source == "model" else f"the rule {day.batch.decision_source}"


def tiles(day: Day) -> tuple[Tile, ...]:
    """Return the strip of eight figures: account, trading, risk."""
    account, past, totals = day.account, day.performance, day.totals
    change = account.equity_usd - day.equity[-2].equity_usd if account and len(day.equity) > 1 else None
    held = page_words.percent(account.gross_exposure, 1) if account else page_words.UNKNOWN
    if past.is_too_short:
        sharpe, error = "too short", f"{past.sessions} of 60 sessions"
    elif past.sharpe is None:
        sharpe, error = "none", NEVER_MOVED
    else:
        sharpe = page_words.number(past.sharpe)
        error = f"± {page_words.number(past.sharpe_standard_error)} standard error"
    return (
        Tile("equity", page_words.usd(account.equity_usd if account else None), "USD at the close"),
        Tile(
            "since the close before",
            page_words.signed_usd(change),
            page_words.signed_percent(past.last_return),
            page_words.direction(change),
        ),
        Tile("cash", page_words.usd(account.cash_usd if account else None), "USD, settled and free"),
        Tile("invested", held, f"{len(day.positions)} positions" if account else "not valued"),
        Tile("from the high", page_words.percent(past.drawdown), f"worst {page_words.percent(past.max_drawdown)}"),
        Tile("filled", _filled(totals), f"of {_count(day)} sent, {page_words.usd(totals.traded_usd)} USD"),
        Tile(
            "slippage vs close",
            page_words.bps(totals.slippage_to_close_bps),
            f"bp · fees {page_words.usd(totals.fee_usd)} USD",
        ),
        Tile("Sharpe ratio", sharpe, error),
    )


def alarms(day: Day) -> tuple[Alarm, ...]:
    """Return what went wrong, worst first; nothing on a good day."""
    found = []
    certificate = day.certificate
    if certificate is not None and not certificate.is_green:
        lines = [
            f"{check.name} ({check.subject}): found {check.value}, wanted {check.threshold}. {check.reason}"
            for check in certificate.failures[:SHOWN_FAILURES]
        ]
        rest = len(certificate.failures) - len(lines)
        found.append(
            Alarm(
                f"The {certificate.stage} gate refused this session's data: no new position was opened.",
                (*lines, *((f"and {rest} more checks that failed, below",) if rest > 0 else ())),
            )
        )
    if day.held_back is not None:
        found.append(Alarm("The session's batch was not traded; what is held was only looked after.", (day.held_back,)))
    if day.account is None:
        found.append(
            Alarm(
                f"The account was not valued at the close of {day.traded_session}.",
                ("It had moved on when the session was settled: what is held is on the next page.",),
            )
        )
    if day.unexplained_usd != 0:
        difference = page_words.signed_usd(day.unexplained_usd)
        found.append(Alarm(f"Cash and positions do not add up to equity: {difference} USD are unexplained.", ()))
    if day.bare_symbols:
        found.append(Alarm("Held after the close without a stop at the venue.", (", ".join(day.bare_symbols),)))
    if day.superseded:
        found.append(
            Alarm(
                f"{len(day.superseded)} other batch(es) of this session were superseded and not traded.",
                tuple(day.superseded),
            )
        )
    return tuple(found)


def _by_subject(certificate: GateCertificate | None) -> tuple[tuple[str, tuple[CheckOutcome, ...]], ...]:
    """Return the checks of each judged asset, both in declared order."""
    checks = certificate.checks if certificate else ()
    return tuple(
        (subject, tuple(check for check in checks if check.subject == subject))
        for subject in dict.fromkeys(check.subject for check in checks)
    )


def _telling_checks(judged: tuple[tuple[str, tuple[CheckOutcome, ...]], ...], *, lines: int) -> list[CheckOutcome]:
    """Return the checks worth a line: failures, then the first of each asset, the second, until the card is full."""
    ranked = [(check.passed, place, check) for _, checks in judged for place, check in enumerate(checks)]
    return [check for _, _, check in sorted(ranked, key=lambda one: one[:2])][: max(lines, 3)]


def _by_outcome(stages: tuple[StageCount, ...]) -> tuple[StageCount, ...]:
    totals: dict[str, int] = {}
    for one in stages:
        totals[one.outcome] = totals.get(one.outcome, 0) + one.count
    return tuple(StageCount(outcome=outcome, stage="", count=count, example="") for outcome, count in totals.items())


def _filled(totals: CostTotals) -> str:
    return "no orders" if totals.fill_rate is None else page_words.percent(totals.fill_rate, 0)


def _count(day: Day) -> int:
    return sum(1 for cost in day.costs if not cost.is_resting_stop)


def _totals_line(totals: CostTotals) -> str:
    if not totals.ordered_shares:
        return "none"
    line = f"cost vs close {page_words.usd(totals.slippage_to_close_usd)} USD"
    if totals.slippage_to_open_usd is not None:
        line += f" · vs open {page_words.usd(totals.slippage_to_open_usd)} USD"
    return f"{line} · fees {page_words.usd(totals.fee_usd)} USD"


def _origins(day: Day, identity: RunIdentity) -> tuple[tuple[str, str], ...]:
    batch, certificate = day.batch, day.certificate
    named = (
        ("signal batch", batch.hash if batch else None),
        ("model", batch.model_hash if batch else None),
        ("raw snapshot", certificate.snapshot_hash if certificate else None),
        ("features", certificate.features_hash if certificate else None),
        ("gate certificate", certificate.hash if certificate else None),
        ("order plan", day.plan_hash),
        ("ledger export", day.export_hash),
        ("settings", identity.settings_hash),
        ("code", identity.code_hash),
    )
    return tuple((label, value or "none") for label, value in named)

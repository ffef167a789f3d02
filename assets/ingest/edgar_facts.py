"""A company's reported figures, version by version, from the two bodies the SEC publishes of it. Pure.

A figure's period is its own start and end; what the body says of fiscal years and quarters is about the filing. It is
known when its filing was accepted. The same period in a later filing with another value is a restatement: a later
version. Quarters that are only told from the year's beginning are told apart by what was known at that moment.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import yaml

from execution.domain.errors import DataError

Parsed = TypeVar("Parsed")
QUARTER_DAYS: Final = range(80, 101)
YEAR_DAYS: Final = range(350, 381)
_YEAR_TO_DATE_DAYS: Final = (range(165, 196), range(255, 290))
_ACCEPTED_IN: Final = ZoneInfo("America/New_York")
# EDGAR takes filings from six to ten; what it was sent by ten is accepted minutes later. A report sent by half past
# five counts as filed that day, one sent later as filed the next.
_ACCEPTED_FROM_TO: Final = range(6, 23)
_KEEPS_ITS_DAY_UNTIL: Final = time(18)


@dataclass(frozen=True, slots=True)
class Filing:
    """One filing: its number, form, the end of the period it reports on (None for other forms), and when accepted."""

    accession: str
    form: str
    period_end: date | None
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """One version of one figure: `months` is 0 for a balance, 3 for a quarter, 12 for a year; `tag` is its name."""

    form: Literal["10-Q", "10-K"]
    period_end: date
    metric: str
    value: float
    months: int
    tag: str
    known_at: datetime


class _FactJson(msgspec.Struct, gc=False):
    end: date
    accn: str
    filed: date
    val: float | None = None
    start: date | None = None
    form: str | None = None


class _Tag(msgspec.Struct):
    units: dict[str, list[_FactJson]] = {}


class _Filings(msgspec.Struct):
    accessionNumber: list[str]  # noqa: N815 - the field's name on the wire
    acceptanceDateTime: list[str]  # noqa: N815 - as above
    reportDate: list[str]  # noqa: N815 - as above
    form: list[str | None]
    filingDate: list[str] = []  # noqa: N815 - as above


class _OlderPage(msgspec.Struct):
    name: str
    filingCount: int = 0  # noqa: N815 - as above
    filingTo: date | None = None  # noqa: N815 - as above


class _AllFilings(msgspec.Struct):
    recent: _Filings
    files: list[_OlderPage] = []


class _Submissions(msgspec.Struct):
    filings: _AllFilings


@dataclass(frozen=True, slots=True)
class _Wanted:
    unit: str
    pick: Literal["first", "largest"]
    tags: tuple[str, ...]


def filings_of(submissions: bytes, older: Iterable[bytes] = ()) -> dict[str, Filing]:
    """Return a company's filings by accession number.

    Args:
        submissions: the body of its submissions.
        older: bodies of older pages that belong to it.

    Raises:
        DataError: a body is not what the SEC publishes.
    """
    told = [_read(msgspec.json.Decoder(_Submissions), submissions).filings.recent]
    told += [_read(msgspec.json.Decoder(_Filings), body) for body in older]
    return {filing.accession: filing for page in told for filing in _filings(page)}


def older_pages(submissions: bytes, *, since: date) -> list[tuple[str, str]]:
    """Return name and state of the pages of older filings that reach into the time from a day on."""
    pages = _read(msgspec.json.Decoder(_Submissions), submissions).filings.files
    return [(page.name, f"{page.filingCount}:{page.filingTo}") for page in pages if (page.filingTo or since) >= since]


def figures(facts: bytes, filings: Mapping[str, Filing], *, known_by_date: Callable[[date], datetime]) -> list[Figure]:
    """Return every version of every figure in the order they became known.

    Args:
        facts: the body of a company's facts.
        filings: its filings by accession number.
        known_by_date: when a figure counts as known of whose filing only the date is told.

    Raises:
        DataError: the body is not what the SEC publishes.
    """
    given = _values_by_filing(_read(_decoder(), facts))
    known_at = {
        accession: filings[accession].accepted_at if accession in filings else known_by_date(filed)
        for accession, (filed, _) in given.items()
    }
    told = _Told(filings)
    for accession in sorted(known_at, key=lambda number: (known_at[number], number)):
        told.take(accession, given[accession][1], known_at[accession])
    return told.figures


def accessions(facts: bytes) -> set[str]:
    """Return the numbers of the filings that a company's facts come from."""
    return set(_values_by_filing(_read(_decoder(), facts)))


_Period = tuple[str, date | None, date]
_Values = dict[_Period, tuple[float, str, str]]
_Row = tuple[date, str, float, int, str]


class _Told:
    """What had been told, filing after filing; nothing of a later one reaches back."""

    def __init__(self, filings: Mapping[str, Filing]) -> None:
        self.figures: list[Figure] = []
        self._filings = filings
        self._known: dict[_Period, float] = {}
        self._year_ends: set[date] = set()
        self._last: dict[tuple[str, date, str], tuple[float, datetime]] = {}

    def take(self, accession: str, values: _Values, known_at: datetime) -> None:
        filing = self._filings.get(accession)
        for (metric, start, end), (value, _, form) in values.items():
            self._known[metric, start, end] = value
            if form.startswith("10-K") and start is not None and _days(start, end) in YEAR_DAYS:
                self._year_ends.add(end)
        # What was told outright stands before what is worked out from it.
        for rows in (self._direct(values, filing), self._derived(values)):
            for row in rows:
                self._add(row, known_at)

    def _direct(self, values: _Values, filing: Filing | None) -> Iterator[_Row]:
        for (metric, start, end), (value, tag, _) in sorted(values.items(), key=_by_period):
            if metric == "shares_outstanding":
                # The cover's count is of the day it was signed; it belongs to the period the filing reports on.
                if filing is not None and filing.period_end is not None:
                    yield filing.period_end, metric, value, 0, tag
            elif start is None:
                yield end, metric, value, 0, tag
            elif _days(start, end) in YEAR_DAYS:
                yield end, metric, value, 12, tag
            elif _days(start, end) in QUARTER_DAYS and end not in self._year_ends:
                yield end, metric, value, 3, tag

    def _derived(self, values: _Values) -> Iterator[_Row]:
        for (metric, start, end), (value, tag, _) in sorted(values.items(), key=_by_period):
            is_year_to_date = start is not None and any(_days(start, end) in span for span in _YEAR_TO_DATE_DAYS)
            if not is_year_to_date or metric == "eps_diluted" or self._is_told_outright(metric, end):
                continue
            for (name, since, until), before in self._known.items():
                if (name, since) == (metric, start) and (end - until).days in QUARTER_DAYS:
                    yield end, metric, value - before, 3, f"{tag} less what was told before"

    def _is_told_outright(self, metric: str, end: date) -> bool:
        return any((metric, end - timedelta(days=days - 1), end) in self._known for days in QUARTER_DAYS)

    def _add(self, row: _Row, known_at: datetime) -> None:
        period_end, metric, value, months, tag = row
        # A balance first told as a comparative, before its year was known to end there, stays the fact it was.
        is_balance_of_quarter = months == 0 and ("10-Q", period_end, metric) in self._last
        is_year = months == 12 or (period_end in self._year_ends and not is_balance_of_quarter)
        form: Literal["10-Q", "10-K"] = "10-K" if is_year else "10-Q"
        key = (form, period_end, metric)
        before = self._last.get(key)
        # A comparative repeats what was told; of two values in one filing the first is believed.
        if before is not None and (before[0] == value or before[1] == known_at):
            return
        self._last[key] = (value, known_at)
        self.figures.append(Figure(form, period_end, metric, value, months, tag, known_at))


def _values_by_filing(body: Any) -> dict[str, tuple[date, _Values]]:
    """Return per filing its date and its values: of the tags it gives for one period, the one to believe."""
    found: dict[str, tuple[date, dict[_Period, list[tuple[float, str, str]]]]] = {}
    for metric, wanted in _wanted().items():
        for tag in wanted.tags:
            parts = (getattr(part, tag, None) for part in (body.facts.books, body.facts.cover))
            for fact in chain.from_iterable(part.units.get(wanted.unit, ()) for part in parts if part is not None):
                if fact.val is not None:
                    _, values = found.setdefault(fact.accn, (fact.filed, {}))
                    values.setdefault((metric, fact.start, fact.end), []).append((fact.val, tag, fact.form or ""))
    return {
        accession: (filed, {period: _chosen(period[0], candidates) for period, candidates in values.items()})
        for accession, (filed, values) in found.items()
    }


def _chosen(metric: str, candidates: list[tuple[float, str, str]]) -> tuple[float, str, str]:
    if _wanted()[metric].pick == "largest":
        return max(candidates, key=lambda candidate: candidate[0])
    return candidates[0]


def _by_period(item: tuple[_Period, object]) -> tuple[str, date, date]:
    (metric, start, end), _ = item
    return metric, end, start or end


def _days(start: date, end: date) -> int:
    return (end - start).days + 1


def _filings(page: _Filings) -> Iterator[Filing]:
    is_in_utc = _is_told_in_utc(page)
    filed_on = page.filingDate or [""] * len(page.form)
    rows = zip(page.accessionNumber, page.acceptanceDateTime, page.reportDate, page.form, filed_on, strict=True)
    for accession, accepted, period, form, filed in rows:
        is_periodic = (form or "").startswith(("10-Q", "10-K"))
        # Written with a Z, most bodies tell New York's wall time all the same, and read so none is known too early.
        # Read as UTC it is known hours earlier: only where the body is in UTC, and the report's own day says so too.
        instant = datetime.fromisoformat(accepted).replace(tzinfo=_ACCEPTED_IN)
        is_too_late_for_its_day = instant.time() >= _KEEPS_ITS_DAY_UNTIL and filed == instant.date().isoformat()
        if is_in_utc and is_periodic and is_too_late_for_its_day:
            instant = instant.replace(tzinfo=UTC)
        yield Filing(accession, form or "", date.fromisoformat(period) if period and is_periodic else None, instant)


def _is_told_in_utc(page: _Filings) -> bool:
    """Return whether a body's times are UTC: some are of New York's night, and read as UTC none is."""
    # The SEC itself posts effectiveness after midnight; all else waits for EDGAR to open.
    told = [
        datetime.fromisoformat(accepted).replace(tzinfo=UTC)
        for accepted, form in zip(page.acceptanceDateTime, page.form, strict=True)
        if form != "EFFECT"
    ]
    read_as_utc = {instant.astimezone(_ACCEPTED_IN).hour for instant in told}
    return any(instant.hour not in _ACCEPTED_FROM_TO for instant in told) and read_as_utc <= set(_ACCEPTED_FROM_TO)


@cache
def _wanted() -> dict[str, _Wanted]:
    text = (files("assets.ingest") / "edgar_tags.yaml").read_text(encoding="utf-8")
    told = yaml.safe_load(text)
    return {metric: _Wanted(said["unit"], said["pick"], tuple(said["tags"])) for metric, said in told.items()}


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    """Return a decoder that builds the tags we want and walks past the thousands we do not."""
    tags = [tag for wanted in _wanted().values() for tag in wanted.tags]
    books = msgspec.defstruct("Books", [(tag, _Tag | None, None) for tag in tags])
    facts = msgspec.defstruct(
        "Facts",
        [("books", books | None, None), ("cover", books | None, None)],
        rename={"books": "us-gaap", "cover": "dei"},
    )
    return msgspec.json.Decoder(msgspec.defstruct("Company", [("facts", facts)]))


def _read(decoder: msgspec.json.Decoder[Parsed], body: bytes) -> Parsed:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise DataError(
            f"the SEC's answer is not what it publishes: {error}; found {body[:120]!r}. Nothing of it is kept"
        ) from error

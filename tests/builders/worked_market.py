"""Five symbols over 253 sessions, few and round numbers: whatever follows from them can be worked out on paper.

A close moves on four sessions alone, counted back from the newest. AAA to DDD are members, their mean is the market:

    sessions ago    AAA      BBB     CCC     DDD      EEE     market
    252             100      50      25      80       10
    100             120      40      40      64       10      + 10 %
     40              90      50      48      51.2     20         0 %
     10             135      55      38.4    51.2     18      + 10 %
      0             121.5    44      26.88   55.296   18.9    - 13 %

A session trades 10,000 shares of each, 200,000 of EEE; each of the newest five 10,000, 30,000, 20,000, 40,000 and
100,000. BBB's own headlines and figures, and the volatility index, stand below. Where the worked-out values stand:
`tests/data/features/reference_values.csv`.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from assets.features.policy import NewsWeighing
from tests.builders import raw_rows
from tests.builders.feature_market import Records
from tests.builders.raw_rows import CALENDAR

DAYS: Final = raw_rows.sessions(253)
SYMBOL: Final = "BBB"
_MOVED: Final = (252, 100, 40, 10, 0)
_CLOSES_USD: Final = {
    "AAA": ("100", "120", "90", "135", "121.5"),
    "BBB": ("50", "40", "50", "55", "44"),
    "CCC": ("25", "40", "48", "38.4", "26.88"),
    "DDD": ("80", "64", "51.2", "51.2", "55.296"),
    "EEE": ("10", "10", "20", "18", "18.9"),
}
_SHARES_A_SESSION: Final = {"EEE": 200_000}
_SHARES_OF_LATE: Final = {"AAA": 10_000, "BBB": 30_000, "CCC": 20_000, "DDD": 40_000, "EEE": 100_000}
_SECTORS: Final = {"AAA": "Utilities", "BBB": "Energy", "CCC": "Energy", "DDD": None, "EEE": "Energy"}
_QUARTERS: Final = (date(2013, 9, 30), date(2013, 12, 31), date(2014, 3, 31), date(2014, 6, 30), date(2014, 9, 30))

WEIGHING: Final = NewsWeighing(weights={"second_wire": 3})
# Thousandths of sentiment, sessions ago, provider. The oldest is another symbol's: the feed began with it.
_HEADLINES: Final = (
    ("AAA", -900, 30, "test"),
    ("BBB", 800, 25, "test"),
    ("BBB", -500, 10, "test"),
    ("BBB", 900, 3, "second_wire"),
    ("BBB", 600, 0, "test"),
    ("BBB", -300, 0, "test"),
)
_VIX: Final = {"vix": ((1, 21.5), (4, 20.0), (6, 18.25), (9, 30.0)), "vix_stand_in": ((0, 40.0), (5, 10.0))}


class ToldNumber:
    """Scores a headline by the number it begins with."""

    hash = "0" * 64

    def milli(self, headline: str) -> int:
        return int(headline.split(maxsplit=1)[0])


def day(ago: int) -> date:
    """Return the session some sessions before the newest."""
    return DAYS[-1 - ago]


def worked_market() -> Records:
    """Return every raw row of the market."""
    return {
        "daily_bars": [_bar(symbol, ago) for symbol in _CLOSES_USD for ago in range(len(DAYS))],
        "membership": [raw_rows.membership(symbol, DAYS[0]) for symbol in ("AAA", "BBB", "CCC", "DDD")],
        "securities": [
            {
                "symbol": symbol,
                "name": symbol,
                "sector": sector,
                "listed_session": DAYS[0],
                "delisted_session": None,
                "known_at": CALENDAR.opens_at(DAYS[0]),
            }
            for symbol, sector in _SECTORS.items()
        ],
        "indices": [
            {"index_name": name, "session": day(ago), "close": level, "known_at": CALENDAR.bars_known_at(day(ago))}
            for name, levels in _VIX.items()
            for ago, level in levels
        ],
        "news": [_headline(*told) for told in _HEADLINES],
        "filings": _filings(),
    }


def _bar(symbol: str, ago: int) -> dict[str, Any]:
    close = Decimal(_CLOSES_USD[symbol][max(place for place, moved in enumerate(_MOVED) if ago <= moved)])
    shares = _SHARES_OF_LATE[symbol] if ago < 5 else _SHARES_A_SESSION.get(symbol, 10_000)
    prices = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), close)
    return raw_rows.bar(symbol, day(ago), float(close), volume_shares=shares, **prices)


def _headline(symbol: str, milli: int, ago: int, source: str) -> dict[str, Any]:
    published_at = CALENDAR.closes_at(day(ago)) - timedelta(minutes=30)
    return {
        "news_id": f"{symbol}{milli}",
        "symbol": symbol,
        "headline": f"{milli} thousandths",
        "source": source,
        "published_at": published_at,
        "known_at": published_at + timedelta(minutes=1),
    }


def _filings() -> list[dict[str, Any]]:
    """Return what was filed 40 days after each quarter; an estimate is told with the newest and revised in December."""
    millions = {
        ("BBB", "revenue"): (50, 60, 55, 45, 60),
        ("BBB", "net_income"): (4, 8, 5, 6, 3),
        ("BBB", "operating_cash_flow"): (9, 10, 11, 12, 11),
        ("AAA", "net_income"): (0, 5, 6, 6, 7.3),
        ("CCC", "net_income"): (0, 2, 3, 3, 2.752),
        ("EEE", "net_income"): (0, 4, -4, 3, -3),
    }
    balances = {
        "AAA": {"equity": 48.6, "shares_outstanding": 2},
        "BBB": {"equity": 176, "assets": 550, "liabilities": 374, "shares_outstanding": 10},
        "CCC": {"equity": 268.8, "shares_outstanding": 20},
        "EEE": {"equity": 94.5, "shares_outstanding": 50},
    }
    newest = _QUARTERS[-1]
    revised_at = CALENDAR.opens_at(date(2014, 12, 15))
    return [
        *(
            _figure(symbol, metric, end, value * 1e6)
            for (symbol, metric), values in millions.items()
            for end, value in zip(_QUARTERS, values, strict=True)
        ),
        *(
            _figure(symbol, metric, newest, value * 1e6, months=0)
            for symbol, values in balances.items()
            for metric, value in values.items()
        ),
        _figure("BBB", "eps_diluted", _QUARTERS[0], -0.40),
        _figure("BBB", "eps_diluted", newest, 0.30),
        _figure("BBB", "eps_estimate_next", newest, 0.50),
        {**_figure("BBB", "eps_estimate_next", newest, 0.66), "known_at": revised_at},
    ]


def _figure(symbol: str, metric: str, end: date, value: float, *, months: int = 3) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "form": "10-Q",
        "period_end": end,
        "metric": metric,
        "value": value,
        "duration_months": months,
        "known_at": datetime(end.year, end.month, end.day, 21, tzinfo=UTC) + timedelta(days=40),
    }

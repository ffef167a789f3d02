"""Days of whole shares are written as they always were: the same plans, chain and why-rows under the same hashes."""

from collections.abc import Iterable
from pathlib import Path

from tests.builders.trading_days import FIRST, SESSIONS, TradingDays, a_day_of

BARS = (
    a_day_of("AAA", SESSIONS[1], low_usd="38.00"),
    a_day_of(
        "BBB", SESSIONS[2], split_ratio="1.5", open_usd="28.00", high_usd="29.00", low_usd="27.50", close_usd="28.40"
    ),
    a_day_of("CCC", SESSIONS[2], dividend_usd="0.31"),
)

# Since a why-row tells the mean price of its order's own side, these days have another hash of their why-rows, and so
# of the ledger that names it; plans, orders and fills are as they were.
PLAN = "0c623ecc9b23d6cc2963fe3da6bf48a69f2659acf722a26bfc2a2aa8312d4def"
TRADING = "1f802683f8abf7cccd7cdbb6598aa8eb5887915b15cbc377db141c3351c40bc5"
WHY_ROWS = "67e29d88bd3982c0492298ff7e87074379e6ed65299412cc34b322901ea5df71"


def lived(folder: Path, best: Iterable[tuple[str, ...]]) -> TradingDays:
    days = TradingDays(folder, bars=BARS, is_on_files=True)
    for session, liked in zip(SESSIONS, best, strict=False):
        days.live(session, days.a_batch(session, best=liked))
    return days


def test_whole_shares_keep_their_bytes(tmp_path: Path) -> None:
    days = lived(tmp_path, [("AAA", "BBB", "CCC", "DDD"), ("BBB", "CCC", "EEE", "AAA"), ("EEE", "FFF", "DDD", "AAA")])
    ledger = days.desk.ledger
    cycle = ledger.book().cycles[days.desk.cycle_id(FIRST)]
    assert (cycle.plan_hash, ledger.trading_hash(), cycle.why_rows[-1].artifact_hash) == (PLAN, TRADING, WHY_ROWS)

"""What Alpaca booked to the account besides executions: dividends, splits, delistings, fees and interest.

Only what is certain is booked. A kind nobody has heard of, a split without its ratio, cash that a person moved: these
are left out, so that ledger and venue differ and reconciliation puts the symbol in quarantine or stops.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, Literal

from execution.brokers.alpaca_mapping import NEW_YORK, day, instant, number, text
from execution.domain.orders import CorporateActionEntry
from execution.domain.quantities import is_share_count

Kind = Literal["split", "dividend", "delisting", "charge"]

_KINDS: Final[Mapping[str, Kind]] = {
    "SPLIT": "split",
    "REORG": "delisting",
    "MA": "delisting",
    **dict.fromkeys(
        ("DIV", "CGD", "DIVCGL", "DIVCGS", "DIVFEE", "DIVFT", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX"), "dividend"
    ),
    **dict.fromkeys(("FEE", "CFEE", "PTC", "PTR", "INT", "INTNRA", "INTTW"), "charge"),
}
# A charge to the account as a whole is booked under the currency.
_ACCOUNT: Final = "USD"
_RATIO: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:for|:)\s*(\d+(?:\.\d+)?)")
_SIX_DECIMALS: Final = Decimal("0.000001")


def corporate_action_entries(
    activities: Iterable[Mapping[str, Any]], *, since: datetime
) -> tuple[CorporateActionEntry, ...]:
    """Return what can be booked at or after an instant, oldest first.

    Raises:
        BrokerAnswerRefused: an activity of a known kind lacks its id, its day or its amount.
    """
    entries = [entry for raw in activities if (entry := _entry(raw)) is not None and entry.booked_at >= since]
    return tuple(sorted(entries, key=lambda entry: (entry.booked_at, entry.entry_id)))


def _entry(raw: Mapping[str, Any]) -> CorporateActionEntry | None:
    kind = _KINDS.get(str(raw.get("activity_type")))
    if kind is None or raw.get("status", "executed") != "executed":
        return None
    shares = number(raw, "qty", of="activity", absent=Decimal(0)) if kind in ("split", "delisting") else Decimal(0)
    ratio = _ratio(raw) if kind == "split" else None
    is_unclear = not is_share_count(shares) or (kind == "split" and ratio is None)
    if is_unclear or (kind == "delisting" and shares >= 0):
        return None
    return CorporateActionEntry(
        entry_id=text(raw, "id", of="activity"),
        kind=kind,
        symbol=str(raw.get("symbol") or _ACCOUNT) if kind == "charge" else text(raw, "symbol", of="activity"),
        session=day(raw, "date", of="activity"),
        quantity_delta_shares=shares,
        cash_usd=number(raw, "net_amount", of="activity", absent=Decimal(0)),
        ratio=ratio,
        booked_at=_booked_at(raw),
    )


def _ratio(raw: Mapping[str, Any]) -> Decimal | None:
    # The API tells a split's ratio in words, where it tells it at all.
    told = _RATIO.search(str(raw.get("description", "")))
    if told is None or not Decimal(told[1]) or not Decimal(told[2]):
        return None
    return (Decimal(told[1]) / Decimal(told[2])).quantize(_SIX_DECIMALS, ROUND_HALF_EVEN).normalize()


def _booked_at(raw: Mapping[str, Any]) -> datetime:
    if raw.get("created_at"):
        return instant(raw, "created_at", of="activity")
    # Older activities have a day alone; its beginning is before everything traded on it.
    return datetime.combine(day(raw, "date", of="activity"), time(), NEW_YORK)

"""Write execution/xnys_sessions.csv from exchange_calendars. Run by `make calendar`; the result is committed."""

import csv
from pathlib import Path

import exchange_calendars

# Explicit bounds: the library's default window moves with today, and partition keys would drift.
FIRST, LAST = "2005-01-03", "2029-12-31"


def main() -> None:
    """Write the table, one row per session, instants in UTC."""
    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST)
    target = Path(__file__).parent.parent / "execution" / "xnys_sessions.csv"
    with target.open("w", encoding="ascii", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["session", "open_utc", "close_utc"])
        for session in calendar.sessions:
            opens, closes = calendar.session_open(session), calendar.session_close(session)
            table.writerow([session.date().isoformat(), opens.isoformat(), closes.isoformat()])


if __name__ == "__main__":
    main()

"""The account's page, PDF and JSON on disk, one of each per newest session; a newer making replaces the older."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assets.ml.afterwards.account import AccountRecord
from assets.ml.afterwards.account_page import drawn, json_page
from execution.artifact_files import write_atomically

FOLDER: Final = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFiles:
    """Where an account's pages lie."""

    html: Path
    pdf: Path
    json: Path

    def by_name(self) -> dict[str, Path]:
        """Return each file under what it is."""
        return {"page": self.html, "pdf": self.pdf, "json": self.json}


def write_account(record: AccountRecord, reports_root: Path) -> AccountFiles:
    """Write the pages of the newest decision session in them, each atomically, and return where they lie."""
    stem = reports_root / FOLDER / record.newest.session.isoformat()
    files = AccountFiles(html=stem.with_suffix(".html"), pdf=stem.with_suffix(".pdf"), json=stem.with_suffix(".json"))
    page = drawn(record)
    write_atomically(files.html, page.html().encode())
    write_atomically(files.pdf, page.pdf())
    write_atomically(files.json, json_page(record))
    return files

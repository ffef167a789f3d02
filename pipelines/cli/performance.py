"""`touchstone performance`: the traded account judged as a backtest is, from its ledger, with its pages made anew."""

from datetime import date

from assets.ml.afterwards.account import record_of
from assets.ml.afterwards.account_files import write_account
from assets.ml.afterwards.account_page import told
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from pipelines.analysis_adapters import account_of, identity_of
from pipelines.cli.text_table import text_table
from pipelines.home import Home
from pipelines.settings import Settings


def performance_page(settings: Settings, home: Home, session: date | None) -> str:
    """Return the account's figures as a table and where its pages lie; one sentence when there is nothing to tell yet.

    Args:
        settings: the whole tree.
        home: whose ledger and history are read; only reports are added.
        session: the newest decision session to look at; None takes all.

    Raises:
        DataError: the named session is not settled and marked.
    """
    record = record_of(
        account_of(settings, home),
        session=session,
        warehouse=Warehouse(home.warehouse),
        raw=RawStore(home.raw),
        identity=identity_of(settings),
    )
    if isinstance(record, str):
        return record
    files = write_account(record, home.reports).by_name()
    stamps = "".join(f" [{stamp}]" for stamp in record.stamps)
    where = "\n".join(f"{name:<5} {path}" for name, path in files.items())
    table = text_table(("figure", "account"), list(told(record).items()))
    return f"account {record.desk.name}{stamps}\n\n{table}\n\n{where}"

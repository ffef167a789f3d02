"""Which text of the models a warehouse was built from.

An incremental table keeps the columns and the past rows it was built with. Comparing columns at every build is dear, so
the text is compared instead: a step whose models read otherwise than when it was last built whole is built whole again,
which by design gives every session the bytes it had.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from assets.feature_catalogue import Feature
from assets.warehouse import Warehouse
from execution.domain.errors import DataError

_SOURCES: Final = ("dbt_project.yml", "models/**/*", "macros/**/*")


def source_hash(project_dir: Path, *, library: str) -> str:
    """Return one hash over names and bytes of all that says what the models of a dbt project are.

    Args:
        project_dir: the dbt project.
        library: fingerprint of the feature library that is switched on: other sets are other columns.
    """
    return _text_hash(project_dir, _SOURCES, beside=library)


def project_hash(project_dir: Path) -> str:
    """Return one hash over all that dbt reads when it parses a project: the models' text, and that of the tests."""
    return _text_hash(project_dir, (*_SOURCES, "tests/**/*", "profiles.yml"), beside="")


def _text_hash(project_dir: Path, patterns: Sequence[str], *, beside: str) -> str:
    files = sorted(path for pattern in patterns for path in project_dir.glob(pattern) if path.is_file())
    total = hashlib.sha256(f"{beside}\n".encode())
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content}  {path.relative_to(project_dir).as_posix()}\n".encode())
    return total.hexdigest()


def is_built_from(warehouse: Warehouse, *, step: str, source: str) -> bool:
    """Return whether a step's models were last built from this text."""
    if not warehouse.has_table("request", "built_from"):
        return False
    found = warehouse.read("select source from request.built_from where step = ?", (step,))
    return bool(found["source"].to_pylist() == [source])


def note_built(warehouse: Warehouse, *, step: str, source: str) -> None:
    """Remember the text a step's models were built from."""
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create schema if not exists request")
        connection.execute("create table if not exists request.built_from (step varchar primary key, source varchar)")
        connection.execute("insert or replace into request.built_from values (?, ?)", (step, source))


def refuse_to_drop_newer(warehouse: Warehouse, session: date) -> None:
    """Refuse a whole build of a session where the marts reach further: it would end there, and the newer rows be gone.

    Raises:
        DataError: they do; the message names the session to materialize first.
    """
    if not warehouse.has_table("marts", "fct_features"):
        return
    newest: date | None = warehouse.read("select max(session) as newest from marts.fct_features")["newest"][0].as_py()
    if newest is not None and newest > session:
        raise DataError(
            f"the models or a feature's version changed, so the marts are due to be built whole, and one of {session} "
            f"would leave out what they hold up to {newest}: materialize {newest} first, then this session again"
        )


def note_versions(warehouse: Warehouse, features: Iterable[Feature]) -> None:
    """Remember by which version of each feature the mart was built whole: who learns or scores asks for it."""
    told = {feature.name: feature.version for feature in features}
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create schema if not exists request")
        connection.execute(
            "create or replace table request.feature_versions as "
            "select unnest(?::varchar[]) as feature, unnest(?::integer[]) as version",
            (list(told), list(told.values())),
        )

"""Settings that are baked into the marts when a session is built, and so cannot be tried otherwise afterwards.

Each is a line of text under its name in the settings file, so that two homes, or a home and a file, can be told apart
setting by setting. What is remembered is the newest build's: where a setting was changed in a lived home, the sessions
before keep what they were built with.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from assets.universe_policy import UniversePolicy
from assets.warehouse import Warehouse
from execution.domain.errors import SettingsRefused

_OF_A_CHOICE: Final = ("universe.", "features.")
StoredSettings = Callable[[], Mapping[str, str]]
"""Reads the settings in force that are baked into what is stored: learning a scorer from sentences takes its time."""


def universe_settings(policy: UniversePolicy) -> dict[str, str]:
    """Return the screen of the universe, setting by setting; equal screens give equal text."""
    return {f"universe.{name}": setting_text(value) for name, value in policy.model_dump().items()}


def note_built_by(warehouse: Warehouse, settings: Mapping[str, str]) -> None:
    """Remember the settings the marts' newest session was built by, once its rows are there.

    What a build is asked for stands in the warehouse before it begins: one that fails has made no row by that.
    """
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create schema if not exists request")
        connection.execute(
            "create or replace table request.built_settings as "
            "select unnest(?::varchar[]) as setting, unnest(?::varchar[]) as value",
            (list(settings), list(settings.values())),
        )


def built_by(warehouse: Warehouse) -> dict[str, str]:
    """Return by which screen and features the marts' newest session was built; what was not noted with it is left out.

    They are part of a choice that is counted. What the gate asked is not.
    """
    return {name: value for name, value in _noted(warehouse).items() if name.startswith(_OF_A_CHOICE)}


def _noted(warehouse: Warehouse) -> dict[str, str]:
    if warehouse.has_table("request", "built_settings"):
        rows = warehouse.read("select setting, value from request.built_settings").to_pylist()
        return {row["setting"]: row["value"] for row in rows}
    return _asked_for(warehouse)


def _asked_for(warehouse: Warehouse) -> dict[str, str]:
    """Return what a home tells that was last built before settings were noted on success: what its build was asked."""
    told: dict[str, str] = {}
    if warehouse.has_table("request", "universe_policy"):
        for row in warehouse.read("select * from request.universe_policy").to_pylist():
            told |= universe_settings(UniversePolicy.model_validate(row))
    if warehouse.has_table("request", "feature_settings"):
        rows = warehouse.read("select setting, value from request.feature_settings").to_pylist()
        told |= {row["setting"]: row["value"] for row in rows}
    return told


def require_built_by(warehouse: Warehouse, settings: Mapping[str, str], *, named: str) -> None:
    """Refuse settings that what is stored was not made by.

    Args:
        warehouse: where the marts are, and what was noted with them.
        settings: what is asked for, by name.
        named: where they come from, as the message calls it.

    Raises:
        SettingsRefused: one differs; each is named with both values.
    """
    stored = _noted(warehouse)
    other = [
        f"{name} {settings[name]} where the stored marts were built with {stored[name]}"
        for name in sorted(settings.keys() & stored.keys())
        if settings[name] != stored[name]
    ]
    if other:
        raise SettingsRefused(
            f"{named}: found {', '.join(other)}; expected the same, as what is stored is looked at and not built anew: "
            "build the features of a home of its own by these settings, and ask there"
        )


def setting_text(value: object) -> str:
    """Return the value of a setting as one text; of a list the order says nothing."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, tuple):
        return ", ".join(sorted(value)) or "none"
    return "none" if value is None else str(value)

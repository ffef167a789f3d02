"""Sources to one typed, frozen value: unknown keys and wrong values are refused by name, origin and remedy.

Both locations load through here. The trading half validates its own sections and checks the names of all the others,
so that it starts on no tree the analysis half would refuse as misspelt.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Final, NamedTuple, Self

import yaml
from pydantic import BaseModel, PrivateAttr, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from execution.domain.errors import SettingsRefused
from pipelines.home import HOME_VARIABLE, SETTINGS_VARIABLE, Home
from pipelines.settings_schema import SettingsSchema
from pipelines.settings_sources import ENVIRONMENT_PREFIX, Given, Tree, given_settings, put, value_at

LIVE_VARIABLE: Final = "TOUCHSTONE_LIVE_ACCOUNT"
PROFILE: Final = "profile "
"""Origin of a value that a named profile filled in, before the profile's name."""
MASK: Final = "**********"

_NO_SECTION: Final = frozenset({"model_type", "model_attributes_type", "dict_type"})
_SUBJECT: Final = re.compile(r"^[A-Z][A-Za-z ]* (?=should )")
_VARIABLES: Final = (HOME_VARIABLE, SETTINGS_VARIABLE, LIVE_VARIABLE)


class Origin(NamedTuple):
    """One row of `touchstone config show`.

    Attributes:
        key: dotted name.
        value: as text; masked when it is a secret.
        origin: `default`, `settings.yaml:3`, or the name of an environment variable.
    """

    key: str
    value: str
    origin: str


class LoadedSettings(BaseSettings):
    """A settings tree that knows where each value came from.

    The environment and `.env` readers of the library are off: sources are handed in once, and nothing is read later.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    _given: Given = PrivateAttr(default_factory=Given)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but what the loader hands in."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @classmethod
    def load(cls, path: Path | None, environ: Mapping[str, str] | None) -> Self:
        """Read the sources once and return the validated half.

        Args:
            path: the settings file; None for TOUCHSTONE_SETTINGS, else the one the home keeps, else `settings.yaml`
                here, else defaults alone.
            environ: the environment; None for the process's own.

        Raises:
            SettingsRefused: a key is unknown or a value is not allowed; the message names key, origin and remedy.
        """
        if environ is None:
            environ = os.environ
        schema = SettingsSchema.shipped()
        _refuse_unknown_variables(environ)
        file = path or Home.from_environment(environ).settings_to_read(environ)
        given = given_settings(file, environ, is_text=schema.is_text)
        cls.lay_profile_under(given)
        _refuse_unknown_keys(given, schema)
        _refuse_secrets_in_files(given, schema)
        _refuse_switches_for_numbers(given, schema)
        _anchor_paths(given, schema)
        others = schema.document["properties"].keys() - cls.model_fields.keys()
        try:
            settings = cls(**{name: value for name, value in given.tree.items() if name not in others})
        except ValidationError as error:
            raise SettingsRefused("; ".join(_refusal(item, given, schema) for item in error.errors())) from None
        settings._given = given
        settings.refuse_disagreement(environ)
        return settings

    @classmethod
    def lay_profile_under(cls, given: Given) -> None:
        """Add the values of a named profile where nothing else was said; before validation, so that hashes see them."""

    def refuse_disagreement(self, environ: Mapping[str, str]) -> None:
        """Raise SettingsRefused when the environment must agree with this tree and does not."""

    @property
    def settings_hash(self) -> str:
        """Content hash of the whole tree, both halves and defaults included, without paths and secrets."""
        return SettingsSchema.shipped().settings_hash(self._given.tree)

    @property
    def files_read(self) -> tuple[Path, ...]:
        """Settings files that were read, the including one first."""
        return self._given.files

    def origins(self) -> tuple[Origin, ...]:
        """Return every value with where it came from, in the order of the tree; secrets are masked."""
        return tuple(_rows(self, self._given.origins, ""))

    def kept_text(self) -> str:
        """Return one YAML file that says what the files said, includes joined, for a home to keep.

        What the environment said is left out: it goes on being said there, and secrets stand nowhere else.
        """
        kept: Tree = {}
        for key in self._given.said_in:
            put(kept, key, value_at(self._given.tree, key))
        return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value of the tree, for those who must keep them out of what they write."""
        return tuple(_secrets(self))


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """Refuse TOUCHSTONE_MODE: a switch spelt with one underscore would otherwise be ignored in silence."""
    for name in sorted(environ):
        if name.startswith("TOUCHSTONE_") and not name.startswith(ENVIRONMENT_PREFIX) and name not in _VARIABLES:
            near = difflib.get_close_matches(name, _VARIABLES, n=1, cutoff=0.9)
            section = f"{ENVIRONMENT_PREFIX}{name.removeprefix('TOUCHSTONE_')}"
            raise SettingsRefused(
                f"unknown environment variable {name}; the nearest valid one is {near[0] if near else section} "
                f"(settings are spelt {ENVIRONMENT_PREFIX}SECTION__FIELD)"
            )


def _refuse_unknown_keys(given: Given, schema: SettingsSchema) -> None:
    if unknown := schema.unknown_keys(given.tree):
        raise SettingsRefused(
            "; ".join(
                f"unknown key {key} ({_origin(given, key)})"
                + (f": the nearest valid key is {near}" if near else ": `touchstone config show` lists the valid ones")
                for key, near in unknown
            )
        )


def _refuse_secrets_in_files(given: Given, schema: SettingsSchema) -> None:
    for key, origin in given.origins.items():
        if not origin.startswith((ENVIRONMENT_PREFIX, PROFILE)) and schema.is_secret(key):
            variable = f"{ENVIRONMENT_PREFIX}{key.upper().replace('.', '__')}"
            raise SettingsRefused(
                f"{key} ({origin}) is a secret in a file; put it into the variable {variable} instead"
            )


def _refuse_switches_for_numbers(given: Given, schema: SettingsSchema) -> None:
    """Refuse `symbols: true`, which the library would count as one."""
    for key, origin in given.origins.items():
        value = value_at(given.tree, key)
        if isinstance(value, bool) and schema.is_number(key):
            raise SettingsRefused(f"{key} ({origin}): found {str(value).lower()}, but it should be a number")


def _anchor_paths(given: Given, schema: SettingsSchema) -> None:
    """Make a relative path of a file start at that file's own folder, wherever the process runs."""
    for key, file in given.said_in.items():
        value = value_at(given.tree, key)
        if isinstance(value, str) and schema.is_path(key):
            put(given.tree, key, str((file.absolute().parent / Path(value).expanduser()).resolve()))


def _origin(given: Given, key: str) -> str:
    """Return where a key was said; a key inside a list was said where the list begins."""
    while key and key not in given.origins:
        below = [origin for known, origin in given.origins.items() if known.startswith(f"{key}.")]
        if below:
            return below[0]
        key = key.rpartition(".")[0]
    return given.origins.get(key, "default")


def _refusal(error: ErrorDetails, given: Given, schema: SettingsSchema) -> str:
    key = ".".join(str(part) for part in error["loc"] if part not in {"function-after", "decimal", "float"})
    allowed = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not key:
        return f"settings refused: {allowed}"
    if error["type"] == "value_error":
        # A rule over several fields names what it found itself; the whole section beside it would only hide that, and
        # may hold a secret.
        return f"{key} ({_origin(given, key)}): {allowed}"
    found = error["input"]
    is_hidden = schema.holds_secret(key)
    if error["type"] in _NO_SECTION:
        allowed = "should be a section: names and values of its own"
        # Text in the place of a section may be a secret whose field was forgotten, also of the section beside it.
        is_hidden = is_hidden or not isinstance(found, (bool, int, float, NoneType))
    # The library begins with what kind of value it judged; the sentence begins with the value itself.
    allowed = _SUBJECT.sub("", allowed)
    shown = MASK if is_hidden else type(found).__name__ if isinstance(found, dict) else repr(found)
    return f"{key} ({_origin(given, key)}): found {shown}, but it {allowed}"


def _rows(model: BaseModel, origins: Mapping[str, str], prefix: str) -> Iterator[Origin]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        key = f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _rows(value, origins, f"{key}.")
        elif isinstance(value, Mapping) and any(isinstance(below, BaseModel) for below in value.values()):
            for below_name, below in value.items():
                yield from _rows(below, origins, f"{key}.{below_name}.")
        else:
            said = [known for known in origins if known == key or known.startswith(f"{key}.")]
            yield Origin(key, _shown(value), origins[said[0]] if said else "default")


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return MASK
    if value is None:
        return "none"
    if isinstance(value, (tuple, list, frozenset)):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shown(item)}" for name, item in value.items()) + "}"
    return str(value)


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)

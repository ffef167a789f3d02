from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pipelines.settings_schema import NOT_HASHED, SettingsSchema


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Path
    columns: dict[str, str] = {}


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid")

    folder: Path = Path()
    tables: dict[str, Table] = {}
    weight: Decimal = Decimal("0.5")
    marks: tuple[float, ...] = ()


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: Source | None = None
    always: Source = Source(weight=Decimal(2))
    secret: SecretStr | None = None
    name: str = "a"
    pace: int = Field(default=1, json_schema_extra=NOT_HASHED)


SCHEMA = SettingsSchema(Tree.model_json_schema())


def test_nothing_said_and_every_default_said_have_one_hash():
    said = {"name": "a", "source": None, "always": {"weight": 2, "marks": [], "tables": {}}}
    assert SCHEMA.settings_hash(said) == SCHEMA.settings_hash({})


def test_spellings_of_one_number_have_one_hash():
    hashes = {SCHEMA.settings_hash({"source": {"weight": weight}}) for weight in (1, 1.0, "1", "1.00", Decimal("1.0"))}
    assert len(hashes) == 1


def test_an_opened_section_differs_from_an_absent_one():
    assert SCHEMA.settings_hash({"source": {}}) != SCHEMA.settings_hash({"source": None})


def test_paths_secrets_and_pace_do_not_count():
    said = {"always": {"weight": 2, "folder": "/a"}, "secret": "x", "pace": 5}
    assert SCHEMA.settings_hash(said) == SCHEMA.settings_hash({})


def test_a_path_deep_in_a_mapping_does_not_count_but_its_neighbours_do():
    def one(path, column):
        return SCHEMA.settings_hash({"source": {"tables": {"bars": {"path": path, "columns": {"close": column}}}}})

    assert one("/a", "Close") == one("/b", "Close")
    assert one("/a", "Close") != one("/a", "Last")


def test_keys_are_known_through_sections_mappings_and_options():
    tree = {"source": {"tables": {"bars": {"path": "x", "column": {}}}}, "nme": 1}
    assert SCHEMA.unknown_keys(tree) == (("source.tables.bars.column", "source.tables.*.columns.*"), ("nme", "name"))


def test_a_right_word_in_the_wrong_section_is_pointed_home():
    assert SCHEMA.unknown_keys({"weight": 1}) == (("weight", "always.weight"),)


def test_text_fields_are_told_from_numbers():
    assert SCHEMA.is_text("name")
    assert SCHEMA.is_text("secret")
    assert SCHEMA.is_text("source.folder")
    assert not SCHEMA.is_text("source.weight")
    assert not SCHEMA.is_text("source.marks")
    assert not SCHEMA.is_text("nowhere")

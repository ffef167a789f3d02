import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.errors import SettingsRefused
from pipelines.settings_sources import given_settings


def read(path, environ=None):
    return given_settings(path, environ or {}, is_text=lambda key: key == "account")


def refused(tmp_path, text, **files):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    with pytest.raises(SettingsRefused) as error:
        read(path)
    return str(error.value)


def test_each_leaf_knows_its_file_and_line(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("mode: files\nsizing:\n  names: 5\n  skip: [A, B]\n")
    said = read(path)
    assert said.tree == {"mode": "files", "sizing": {"names": 5, "skip": ["A", "B"]}}
    assert said.origins == {
        "mode": "settings.yaml:1",
        "sizing.names": "settings.yaml:3",
        "sizing.skip": "settings.yaml:4",
    }


def test_the_environment_wins_and_says_so(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("sizing:\n  names: 5\n")
    said = read(path, {"TOUCHSTONE__SIZING__NAMES": "7", "OTHER": "x"})
    assert said.tree == {"sizing": {"names": 7}}
    assert said.origins == {"sizing.names": "TOUCHSTONE__SIZING__NAMES"}


def test_a_variable_may_hold_a_list():
    assert read(None, {"TOUCHSTONE__UNIVERSE__BLACKLIST": "[A, B]"}).tree == {"universe": {"blacklist": ["A", "B"]}}


def test_a_text_field_keeps_its_digits():
    assert read(None, {"TOUCHSTONE__ACCOUNT": "007"}).tree == {"account": "007"}


def test_a_variable_that_is_no_yaml_is_text():
    assert read(None, {"TOUCHSTONE__KEY": "%[x"}).tree == {"key": "%[x"}


def test_a_variable_cannot_flatten_a_section(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("sizing:\n  names: 5\n")
    with pytest.raises(SettingsRefused, match="sizing is a section"):
        read(path, {"TOUCHSTONE__SIZING": "5"})


def test_a_misspelt_separator_is_refused():
    with pytest.raises(SettingsRefused, match="SECTION__FIELD"):
        read(None, {"TOUCHSTONE__SIZING____NAMES": "5"})


def test_a_stock_called_on_is_a_name_and_ten_is_not_eight(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("a: [ON, NO, Y]\nb: 1:30\nc: 1e-3\nd: true\ne: 0.5\nf: 010\n")
    assert read(path).tree == {"a": ["ON", "NO", "Y"], "b": "1:30", "c": 0.001, "d": True, "e": 0.5, "f": "010"}


def test_a_key_said_twice_in_one_file_names_both_lines(tmp_path):
    message = refused(tmp_path, "sizing:\n  names: 5\n  names: 6\n")
    assert message == "settings.yaml:3: sizing.names is said twice, first on line 2; keep one of them"


def test_a_key_said_twice_inside_a_list_is_refused(tmp_path):
    assert "is said twice" in refused(tmp_path, "rows:\n- {a: 1, a: 2}\n")


def test_a_key_said_in_two_files_names_both(tmp_path):
    message = refused(tmp_path, "includes: [risk.yaml]\nsizing: {names: 5}\n", risk="sizing:\n  names: 6\n")
    assert message == "sizing.names is said twice: settings.yaml:2 and risk.yaml:2; keep one of them"


def test_includes_fill_one_section_from_two_files(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("includes: [risk.yaml, 'strategies/*.yaml']\nsizing: {names: 5}\n")
    (tmp_path / "risk.yaml").write_text("limits: {daily: 1}\n")
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "one.yaml").write_text("sizing: {cap: 2}\n")
    said = read(path)
    assert said.tree == {"limits": {"daily": 1}, "sizing": {"names": 5, "cap": 2}}
    assert said.origins["sizing.cap"] == "one.yaml:1"
    assert [file.name for file in said.files] == ["settings.yaml", "risk.yaml", "one.yaml"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: .nan\n", "expected a finite number"),
        ("a: -.inf\n", "expected a finite number"),
        ("a: &x 1\nb: *x\n", "aliases are not allowed"),
        ("<<: {a: 1}\n", "a key must be a plain word"),
        ("a.b: 1\n", "write sections below each other"),
        ("? [a]\n: 1\n", "a key must be a plain word"),
        ("a: !!python/object/apply:os.system [x]\n", "is not allowed"),
        ("a: !!python/name:os.system x\n", "not valid YAML"),
        ("- a\n", "expected keys and values, found list"),
        ("a: 1\n---\nb: 1\n", "not valid YAML"),
        ("a: [1\n", "settings.yaml:2: not valid YAML"),
        ("includes: risk.yaml\n", "must be a list of file names"),
        ("includes: [absent.yaml]\n", "absent.yaml does not exist"),
        ("includes: ['strategies/*.yaml']\n", "matches no file"),
    ],
)
def test_a_file_without_one_meaning_is_refused(tmp_path, text, problem):
    assert problem in refused(tmp_path, text)


def test_an_included_file_includes_no_others(tmp_path):
    assert "cannot include others" in refused(tmp_path, "includes: [a.yaml]\n", a="includes: [b.yaml]\n")


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(SettingsRefused, match=r"nowhere\.yaml does not exist"):
        read(tmp_path / "nowhere.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(SettingsRefused, match="cannot be read as UTF-8"):
        read(path)


def test_an_empty_file_says_nothing(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("# all defaults\n")
    assert read(path).tree == {}


@given(text=st.text(alphabet="abc:{}[]-&*!|>'\"#%@` \n0123.,?~<=\t", max_size=60))
@settings(deadline=None, max_examples=300)
def test_any_text_is_a_tree_or_a_refusal(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text)
    try:
        said = read(path)
    except SettingsRefused:
        return
    assert isinstance(said.tree, dict)


def test_a_name_inside_a_list_may_have_a_dot(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("rows:\n- {Adj. Close: 1}\nempty: {}\n")
    assert read(path).tree == {"rows": [{"Adj. Close": 1}], "empty": {}}

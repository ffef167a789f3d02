import subprocess

from pipelines.code_hash import SOURCE_FOLDERS, checkout_root, code_hash, is_dirty


def checkout(root):
    for folder in SOURCE_FOLDERS:
        (root / folder).mkdir(parents=True)
    (root / "assets" / "one.py").write_text("1\n")
    (root / "dbt_project" / "two.sql").write_text("select 2\n")
    return root


def test_equal_checkouts_have_equal_hashes_wherever_they_lie(tmp_path):
    assert code_hash(checkout(tmp_path / "a")) == code_hash(checkout(tmp_path / "b" / "c"))


def test_a_changed_byte_changes_the_hash(tmp_path):
    before = code_hash(checkout(tmp_path))
    (tmp_path / "dbt_project" / "two.sql").write_text("select 3\n")
    assert code_hash(tmp_path) != before


def test_a_moved_file_changes_the_hash(tmp_path):
    before = code_hash(checkout(tmp_path))
    (tmp_path / "assets" / "one.py").rename(tmp_path / "execution" / "one.py")
    assert code_hash(tmp_path) != before


def test_what_running_makes_does_not_change_the_hash(tmp_path):
    before = code_hash(checkout(tmp_path))
    for made in (
        "assets/__pycache__/one.cpython-311.pyc",
        "dbt_project/target/manifest.json",
        "dbt_project/logs/dbt.log",
    ):
        (tmp_path / made).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / made).write_text("made")
    (tmp_path / "sensors" / ".hidden").write_text("editor")
    assert code_hash(tmp_path) == before


def test_this_checkout_has_a_hash():
    assert len(code_hash(checkout_root())) == 64


def test_a_folder_without_git_cannot_say_whether_it_is_dirty(tmp_path):
    assert is_dirty(checkout(tmp_path)) is None


def test_a_checkout_is_dirty_until_it_is_committed(tmp_path):
    checkout(tmp_path)

    def git(*arguments):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t", *arguments], check=True
        )

    git("init", "-q")
    assert is_dirty(tmp_path) is True
    git("add", ".")
    git("-c", "core.hooksPath=/dev/null", "commit", "-qm", "One")
    assert is_dirty(tmp_path) is False

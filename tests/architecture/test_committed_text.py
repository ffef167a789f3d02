import re
import subprocess

import pytest

from tests.architecture.source_tree import ROOT

# Written in pieces, so that this file does not contain what it looks for.
FORBIDDEN = {
    "the host of a package index": re.compile(
        r"(?i)\b(py" r"pi\.(org|python)|python" r"hosted|conda\.ana" r"conda|registry\.np" r"mjs)"
    ),
    "an option that names an index": re.compile(r"(?m)^\s*--(extra-)?(index-url|find-links)[ =]\S"),
    "a folder of one machine": re.compile(r"(?<![\w.<~-])/(home|Users|root|work|opt|mnt|media)/[\w.-]+"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE" r" KEY-----"),
    "a broker's key": re.compile(r"\b(PK|AK)[A-Z0-9]{18}\b"),
}
LEFT_OUT = (".png", ".parquet", ".ico", ".woff2")


def committed_files():
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False, timeout=60
    )
    if listed.returncode != 0:
        pytest.skip("no git history here: what is committed cannot be listed")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_nothing_committed_names_an_index_a_machine_or_a_secret():
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match[0].strip()}"
        for path in committed_files()
        if path.suffix not in LEFT_OUT
        for text in [path.read_text(encoding="utf-8", errors="replace")]
        for what, pattern in FORBIDDEN.items()
        for match in pattern.finditer(text)
    ]
    assert "\n".join(found) == ""


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("the host of a package index", "https://py" + "pi.org/simple"),
        ("an option that names an index", "--index-" + "url x"),
        ("a folder of one machine", "open('" + "/ho" + "me/ann/data')"),
        ("a private key", "-----BEGIN RSA PRIVATE" + " KEY-----"),
        ("a broker's key", "PK" + "A1" * 9),
    ],
)
def test_each_rule_finds_what_it_is_for(what, text):
    assert FORBIDDEN[what].search(text)

"""What the program is made of, and an audit that cannot pass by skipping."""

import json

import pytest

from deploy.audit_dependencies import ROOT, faults, installed, unlocked
from deploy.make_sbom import bill_of, locked, normalised

LOCK = """alpha-one==1.0 \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
Beta_Two[extra]==2.0 ; python_version < "4" \\
    --hash=sha256:{c}
""".format(a="a" * 64, b="b" * 64, c="c" * 64)


def locks():
    texts = [(ROOT / name).read_text() for name in ("requirements-dev.lock", "requirements-build.lock")]
    return {package.name: package.version for text in texts for package in locked(text)}


def test_a_package_comes_with_every_hash_of_it():
    assert [(one.name, one.version, len(one.sha256)) for one in locked(LOCK)] == [
        ("alpha-one", "1.0", 2),
        ("beta-two", "2.0", 1),
    ]


def test_a_package_without_a_hash_is_refused():
    with pytest.raises(ValueError, match=r"gamma 3\.0 has no hash"):
        list(locked("gamma==3.0\n"))


def test_the_bill_names_every_package_of_the_lock_and_fits_its_schema():
    packages = list(locked((ROOT / "requirements.lock").read_text()))
    bill = json.loads(bill_of(packages))
    assert {(one["name"], one["version"]) for one in bill["components"]} == {
        (one.name, one.version) for one in packages
    }
    assert all(one["hashes"] for one in bill["components"])


def test_equal_locks_give_an_equal_bill():
    assert bill_of(list(locked(LOCK))) == bill_of(list(locked(LOCK)))


def test_the_lock_of_the_program_is_a_part_of_the_lock_of_its_tests():
    program = {one.name: one.version for one in locked((ROOT / "requirements.lock").read_text())}
    assert program.items() <= locks().items()


def test_everything_installed_is_in_a_lock_at_its_version():
    assert unlocked(installed(), locks()) == []


def test_a_package_in_no_lock_is_named():
    assert unlocked({"alpha-one": "1.0", "delta": "4.0"}, {"alpha-one": "1.0"}) == ["delta 4.0"]


def audit(**rows):
    return {"dependencies": [{"name": name, "version": "1.0", **row} for name, row in rows.items()]}


def test_an_audit_that_answered_for_all_and_knows_nothing_bad_is_clean():
    assert faults(audit(alpha={"vulns": []}, Beta={"vulns": []}), {"alpha": "1.0", "beta": "1.0"}) == []


def test_a_skipped_package_fails_though_the_tool_is_content():
    found = faults(audit(alpha={"vulns": []}, beta={"skip_reason": "not found"}), {"alpha": "1.0", "beta": "1.0"})
    assert found == ["audited 1 of 2 installed packages, not: beta"]


def test_an_empty_report_fails():
    assert faults({}, {"alpha": "1.0"}) == ["audited 0 of 1 installed packages, not: alpha"]


def test_a_known_vulnerability_is_named_with_its_remedy():
    bad = {"vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
    assert faults(audit(alpha=bad), {"alpha": "1.0"}) == ["alpha 1.0: PYSEC-1, fixed in 1.1"]


def test_names_are_compared_as_the_index_spells_them():
    assert normalised("Ruamel.YAML__clib") == "ruamel-yaml-clib"

import ast
import re
import tomllib

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, calls, dotted, imported, modules, named, parsed

MAY_READ_THE_ENVIRONMENT = {
    "pipelines/settings_loading.py": "reads the settings",
    "pipelines/home.py": "reads where the home is",
    "pipelines/cli/halt.py": "imports nothing of ours, so it reads for itself where home and keys are",
    "pipelines/dagster_instance.py": "hands the environment on to child processes",
    "pipelines/kept_event_log.py": "the library asks the environment how many events it may store at once",
    "assets/features/dbt_bridge.py": "lends dbt's profile the home, which reads it from there when run by hand too",
    "assets/quality/expectations.py": "switches a library's telemetry off, which has no other switch before its import",
}
IS_THE_VENUE = {
    "execution/venue/floor.py": "is where an order arrives: it hands to the engine what was sent to it over HTTP",
}
TRIES_AN_ACCOUNT = {
    "pipelines/cli/paper_smoke.py": "bids far from the market on a paper account, when a person asks for it by name",
}
MAY_ASK_THE_WALL_CLOCK = {
    "execution/clock.py": "is the clock",
}


def offenders(found):
    """Return found places as one readable text; empty when there are none."""
    return "\n".join(sorted(f"{named(path)}:{line}: {what}" for path, line, what in found))


def test_only_settings_and_home_read_the_environment():
    found = [
        (path, node.lineno, dotted(node))
        for path in modules()
        if named(path) not in MAY_READ_THE_ENVIRONMENT
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.environb", "os.getenv"}
    ]
    found += [
        (path, node.lineno, "imports the environment by name")
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & _names(node)
    ]
    assert offenders(found) == ""


def _names(node):
    return {alias.name for alias in node.names}


def test_there_is_exactly_one_place_that_sends_an_order():
    found = [
        (path, call.lineno, name)
        for path in modules("execution", "pipelines", "sensors", "assets")
        if named(path) not in IS_THE_VENUE | TRIES_AN_ACCOUNT
        for name, call in calls(path)
        # The act of that name goes through the one place.
        if name.endswith(".submit") and name != "run_session.submit"
    ]
    assert len(found) == 1, offenders(found)
    assert (named(found[0][0]), found[0][2]) == ("execution/session/send.py", "desk.broker.submit")


def test_nothing_holds_on_to_a_way_to_send_an_order():
    called = {id(call.func) for path in modules() for _, call in calls(path)}
    found = [
        (path, node.lineno, dotted(node))
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "submit"
        and id(node) not in called
        # The act of that name, which goes through the one place.
        and dotted(node) != "run_session.submit"
    ]
    found += [
        (path, call.lineno, f"{name} of submit")
        for path in modules()
        for name, call in calls(path)
        if name.endswith(("getattr", "attrgetter", "methodcaller"))
        and any(isinstance(argument, ast.Constant) and argument.value == "submit" for argument in call.args)
    ]
    assert offenders(found) == ""


def test_no_decision_reads_wall_time():
    forbidden = re.compile(r"(^|\.)((datetime|date)\.(now|today|utcnow)|time\.(time|time_ns|localtime|gmtime))$")
    found = [
        (path, call.lineno, name)
        for path in modules("execution", "assets", "sensors")
        if named(path) not in MAY_ASK_THE_WALL_CLOCK
        for name, call in calls(path)
        if forbidden.search(name)
    ]
    assert offenders(found) == ""


def test_no_decision_draws_without_a_seed():
    unseeded = re.compile(r"(^|\.)(uuid1|uuid4|urandom|token_hex|token_bytes|token_urlsafe|getrandbits)$")
    legacy = re.compile(r"^(np|numpy)\.random\.(?!default_rng$|Generator$|SeedSequence$|PCG64$|Philox$)")
    found = []
    for path in modules("execution", "assets", "sensors"):
        if imported(path) & {"random", "secrets", "uuid"}:
            found.append((path, 1, "imports random, secrets or uuid"))
        for name, call in calls(path):
            is_empty_seed = name.endswith(("default_rng", "SeedSequence", "PCG64", "Philox")) and not (
                call.args or call.keywords
            )
            if unseeded.search(name) or legacy.search(name) or is_empty_seed:
                found.append((path, call.lineno, name))
    assert offenders(found) == ""


def test_nothing_is_pickled_or_evaluated():
    forbidden = {"pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}
    found = [(path, 1, f"imports {module}") for path in modules() for module in imported(path) & forbidden]
    found += [
        (path, call.lineno, name)
        for path in modules()
        for name, call in calls(path)
        if name in {"eval", "exec", "compile"}
    ]
    assert offenders(found) == ""


def test_no_file_hides_behind_a_name_that_says_nothing():
    nothing = {
        "utils",
        "util",
        "helpers",
        "helper",
        "common",
        "misc",
        "base",
        "manager",
        "core",
        "stuff",
        "tools",
        "lib",
    }
    found = [
        (path, 1, path.stem)
        for folder in (*PACKAGES, "deploy", "benchmarks", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if nothing & set(path.stem.split("_"))
    ]
    assert offenders(found) == ""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_opens_with_its_charter_and_nothing_else(package):
    for path in sorted((ROOT / package).rglob("__init__.py")):
        body = parsed(path).body
        assert ast.get_docstring(parsed(path)), f"{named(path)} has no charter"
        assert len(body) == 1, f"{named(path)} holds more than its charter"


def test_every_module_says_what_it_is_for():
    found = [(path, 1, "no docstring") for path in modules() if not ast.get_docstring(parsed(path))]
    assert offenders(found) == ""


def test_a_face_says_everything_at_run_time():
    found = [
        (path, node.lineno, "from __future__ import annotations hides types from Dagster")
        for path in [path for path in modules("assets") if path.name == "defs.py"]
        for node in parsed(path).body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert offenders(found) == ""


def test_no_broad_except_stands_without_its_reason():
    found = []
    for path in modules():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(parsed(path)):
            is_broad = isinstance(node, ast.ExceptHandler) and (node.type is None or dotted(node.type) == "Exception")
            # Who raises again hides nothing.
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if is_broad and not raises and "noqa: BLE001 - " not in lines[node.lineno - 1]:
                found.append((path, node.lineno, "except Exception without its reason"))
    assert offenders(found) == ""


def test_every_linter_exception_carries_its_reason():
    silent = re.compile(r"#\s*(noqa(:\s*[A-Z0-9, ]+)?|type: ignore(\[[a-z-, ]+\])?)\s*$")
    found = [
        (path, number, line.strip())
        for folder in (*PACKAGES, "tests", "deploy", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if silent.search(line)
    ]
    assert offenders(found) == ""


def test_every_pinned_package_of_the_project_is_in_the_lock():
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock, re.MULTILINE))
    for dependency in dependencies:
        name, _, version = dependency.partition("==")
        assert re.split(r"[<>=\[]", name)[0].lower() in locked, f"{dependency} is not locked: run `make lock`"
        if version:
            assert locked[name.lower()] == version, f"{dependency} is locked as {locked[name.lower()]}: run `make lock`"


UNVERIFIED = {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context", "disable_warnings"}
"""Names by which a client of any library here believes whoever answers."""


def test_no_client_believes_a_server_it_has_not_verified():
    found = [
        (path, node.lineno, dotted(node))
        for path in modules(*PACKAGES, "deploy")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in UNVERIFIED
    ]
    found += [
        (path, node.lineno, f"imports {name}")
        for path in modules(*PACKAGES, "deploy")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom)
        for name in UNVERIFIED & _names(node)
    ]
    found += [
        (path, call.lineno, f"{name}({word.arg}=...)")
        for path in modules(*PACKAGES, "deploy")
        for name, call in calls(path)
        for word in call.keywords
        if word.arg in {"verify", "verify_ssl", "ssl_verify", "check_hostname", "allow_insecure"}
        and not (isinstance(word.value, ast.Constant) and word.value.value is True)
    ]
    found += [
        (path, node.lineno, dotted(target))
        for path in modules(*PACKAGES, "deploy")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr in {"verify", "verify_mode", "check_hostname"}
    ]
    assert offenders(found) == ""

"""The files of `deploy/` against each other, the program and the rules for containers; no engine runs them here."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
import yaml

from pipelines.cli.main import app
from pipelines.page.server import _parser
from pipelines.settings_schema import SettingsSchema

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "touchstone" in service["image"])
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "touchstone.json").read_text())
RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())
METRIC = re.compile(r"touchstone_[a-z_]+")
# The part of the Compose Specification that is used here, closed: an unknown key is a typing error.
SERVICE_SCHEMA = {
    "type": "object",
    "required": ["image", "restart"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string"},
        "restart": {"enum": ["no", "unless-stopped"]},
        "init": {"type": "boolean"},
        "read_only": {"type": "boolean"},
        "user": {"type": "string", "pattern": "^[0-9]+:[0-9]+$"},
        "cap_drop": {"type": "array", "items": {"type": "string"}},
        "security_opt": {"type": "array", "items": {"type": "string"}},
        "pids_limit": {"type": "integer"},
        "shm_size": {"type": "string"},
        "tmpfs": {"type": "array", "items": {"type": "string"}},
        "volumes": {"type": "array", "items": {"type": "string", "pattern": "^[^:]+:/[^:]+(:ro)?$"}},
        "networks": {"type": "array", "items": {"enum": list(COMPOSE["networks"])}},
        "network_mode": {"type": "string", "pattern": "^service:[a-z]+$"},
        "ports": {"type": "array", "items": {"type": "string", "pattern": "^127\\.0\\.0\\.1:[0-9]+:[0-9]+$"}},
        "profiles": {"type": "array", "items": {"enum": ["operator", "monitoring"]}},
        "command": {"type": "array", "items": {"type": "string"}},
        "env_file": {
            "type": "array",
            "items": {"type": "object", "required": ["path", "required"], "additionalProperties": True},
        },
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "secrets": {"type": "array", "items": {"enum": list(COMPOSE["secrets"])}},
        "depends_on": {
            "type": "object",
            "propertyNames": {"enum": list(SERVICES)},
            "additionalProperties": {
                "type": "object",
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
            },
        },
        "healthcheck": {
            "type": "object",
            "required": ["test", "interval", "timeout", "retries"],
            "additionalProperties": False,
            "properties": {
                "test": {"type": "array", "items": {"type": "string"}},
                "interval": {"type": "string", "pattern": "^[0-9]+s$"},
                "timeout": {"type": "string", "pattern": "^[0-9]+s$"},
                "retries": {"type": "integer"},
                "start_period": {"type": "string", "pattern": "^[0-9]+s$"},
            },
        },
    },
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_only_what_compose_knows(name: str) -> None:
    jsonschema.validate(SERVICES[name], SERVICE_SCHEMA)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_what_can_become_so(name: str) -> None:
    for other, said in SERVICES[name].get("depends_on", {}).items():
        if said["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert SERVICES[other]["restart"] == "no"


@pytest.mark.parametrize("name", SERVICES)
def test_every_named_volume_and_file_of_a_service_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        made_by_the_operator = source == "./settings.yaml"
        assert source in COMPOSE["volumes"] or made_by_the_operator or (DEPLOY / source).exists()


@pytest.mark.parametrize("name", OURS)
def test_a_process_of_ours_has_no_power_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["user"], service["cap_drop"]) == (True, "10001:10001", ["ALL"])
    assert "no-new-privileges:true" in service["security_opt"]


def test_the_brokers_keys_stay_with_those_who_trade_stop_or_tell() -> None:
    holders = {name for name in OURS if "env_file" in SERVICES[name]}
    assert "trading" in holders
    assert holders.isdisjoint({"viewer", "operator", "daemon"})


def test_the_pages_do_not_know_where_the_ledger_is() -> None:
    for name in ("viewer", "operator", "daemon"):
        assert "TOUCHSTONE__LEDGER__POSTGRES_DSN" not in SERVICES[name]["environment"]


def test_what_is_not_asked_for_is_a_page_that_only_looks() -> None:
    pages = {
        name: service for name, service in SERVICES.items() if "pipelines.page.server" in service.get("command", [])
    }
    assert set(pages) == {"viewer", "operator"}
    assert "--viewer" in pages["viewer"]["command"]
    assert "profiles" not in pages["viewer"]
    assert pages["operator"]["profiles"] == ["operator"]
    assert all("--passwords" in page["command"] for page in pages.values())


@pytest.mark.parametrize("name", ["viewer", "operator"])
def test_a_page_speaks_tls_alone_with_a_certificate_it_is_given(name: str) -> None:
    command = SERVICES[name]["command"]
    for option in ("--passwords", "--certificate", "--key"):
        secret = Path(command[command.index(option) + 1])
        assert secret.parent == Path("/run/secrets")
        assert secret.name in SERVICES[name]["secrets"]
    assert "--behind-tls" not in command


def test_git_does_not_know_what_compose_keeps_secret() -> None:
    ignored = set((ROOT / ".gitignore").read_text().splitlines())
    for secret in COMPOSE["secrets"].values():
        name = Path(secret["file"])
        assert {f"deploy/{name.name}", f"deploy/*{name.suffix}"} & ignored, name


@pytest.mark.parametrize("name", OURS)
def test_the_program_knows_the_command_of_a_process(name: str) -> None:
    command = SERVICES[name]["command"]
    if command[0] == "touchstone":
        verbs = typer.main.get_command(app)
        verb = verbs.commands[command[1]]  # type: ignore[attr-defined]  # a group, which its type does not say
        verb.make_parser(verb.context_class(verb)).parse_args(list(command[2:]))
    elif command[1:3] == ["-m", "pipelines.page.server"]:
        _parser().parse_args(command[3:])
    else:
        assert command[0] in {"dagster", "dagster-daemon"}


def test_the_workspace_names_the_two_code_servers() -> None:
    workspace = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    for entry in (row["grpc_server"] for row in workspace):
        command = SERVICES[entry["host"]]["command"]
        assert command[command.index("--port") + 1] == str(entry["port"])
        assert command[command.index("--location-name") + 1] == entry["location_name"]


def test_every_variable_of_compose_is_in_the_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    needed = set(re.findall(r"\$\{([A-Z_]+):?[?-]", text)) - set(re.findall(r"\$\{([A-Z]+_IMAGE)", text))
    lines = (DEPLOY / "example.env").read_text().splitlines()
    example = {line.partition("=")[0] for line in lines if line[:1] != "#"}
    assert needed == example


def test_the_example_names_who_is_told_and_what_seals_backups_by_their_settings_names() -> None:
    named = re.findall(r"TOUCHSTONE__([A-Z0-9_]+)", (DEPLOY / "example.env").read_text())
    keys = [name.lower().replace("__", ".") for name in named]
    assert {"alerts.primary", "alerts.secondary", "backup.passphrase"} <= set(keys)
    assert [key for key in keys if not SettingsSchema.shipped().is_secret(key)] == []


def test_the_image_installs_nothing_without_a_hash() -> None:
    installs = [line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if "pip install" in line]
    for part in re.split(r"&&|RUN", " ".join(installs)):
        if "pip install" in part:
            assert "--require-hashes" in part or "--no-deps" in part


def test_the_image_runs_as_nobody_special() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2


def test_everything_the_image_copies_is_let_into_its_context() -> None:
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in shlex.split(line)[:-1]:
            assert source in let_in
            assert (ROOT / source).exists()


@pytest.mark.parametrize("name", ["DAGSTER_DISABLE_TELEMETRY=yes", "DO_NOT_TRACK=1"])
def test_the_image_tells_nobody_that_it_runs(name: str) -> None:
    assert name in DOCKERFILE


def test_the_database_script_is_valid_and_stops_at_the_first_error() -> None:
    script = DEPLOY / "postgres" / "10-databases.sh"
    assert subprocess.run(["bash", "-n", script], check=False, timeout=60).returncode == 0
    assert "set -euo pipefail" in script.read_text()


def figures_served() -> set[str]:
    text = (ROOT / "pipelines" / "metrics.py").read_text()
    return {f"touchstone_{name}" for name in re.findall(r'_gauge\(\s*"([a-z_]+)"', text)} | set(METRIC.findall(text))


def test_dashboard_and_rules_ask_only_for_figures_that_are_served() -> None:
    asked = set(METRIC.findall(json.dumps(DASHBOARD["panels"]))) | set(
        METRIC.findall(" ".join(rule["expr"] for group in RULES["groups"] for rule in group["rules"]))
    )
    assert asked - figures_served() == set()


def test_every_figure_is_on_the_dashboard() -> None:
    assert figures_served() - set(METRIC.findall(json.dumps(DASHBOARD["panels"]))) == set()


def test_no_two_panels_of_the_dashboard_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert taken.isdisjoint(cells), panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize(
    "rule", [rule for group in RULES["groups"] for rule in group["rules"]], ids=lambda r: r["alert"]
)
def test_a_rule_says_how_bad_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert (ROOT / rule["annotations"]["runbook"]).is_file()


# The fields of Dagster's chart that are used here, closed: a name it does not publish is a typing error.
SECURED = {"podSecurityContext": {"type": "object"}, "securityContext": {"type": "object"}}
DEPLOYMENT_SCHEMA = {
    "type": "object",
    "required": ["name", "image", "dagsterApiGrpcArgs", "port"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "image": {"type": "object", "required": ["repository", "tag", "pullPolicy"]},
        "dagsterApiGrpcArgs": {"type": "array", "items": {"type": "string"}},
        "port": {"type": "integer"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "envSecrets": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "volumes": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "volumeMounts": {"type": "array", "items": {"type": "object", "required": ["name", "mountPath"]}},
        **SECURED,
    },
}
SWITCH = {"type": "object", "required": ["enabled"], "properties": {"enabled": {"type": "boolean"}}}
HELM_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "dagsterWebserver": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "replicaCount": {"type": "integer"},
                "enableReadOnly": {"type": "boolean"},
                "service": {"type": "object", "required": ["type", "port"]},
                **SECURED,
            },
        },
        "dagster-user-deployments": {
            "type": "object",
            "required": ["enabled", "enableSubchart", "deployments"],
            "additionalProperties": False,
            "properties": {
                "enabled": {"type": "boolean"},
                "enableSubchart": {"type": "boolean"},
                "deployments": {"type": "array", "items": DEPLOYMENT_SCHEMA},
            },
        },
        "runLauncher": {"type": "object", "required": ["type", "config"]},
        "postgresql": {
            **SWITCH,
            "required": ["enabled", "postgresqlHost", "postgresqlUsername", "postgresqlDatabase", "service"],
        },
        "generatePostgresqlPasswordSecret": {"type": "boolean"},
        **dict.fromkeys(("telemetry", "ingress", "rabbitmq", "redis"), SWITCH),
    },
}


def test_the_helm_example_says_only_what_the_chart_knows_and_mounts_what_it_has() -> None:
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
    jsonschema.validate(values, HELM_SCHEMA)
    for deployment in values["dagster-user-deployments"]["deployments"]:
        names = {volume["name"] for volume in deployment["volumes"]}
        assert {mount["name"] for mount in deployment["volumeMounts"]} == names
        module = deployment["dagsterApiGrpcArgs"][deployment["dagsterApiGrpcArgs"].index("--module-name") + 1]
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()


def test_the_helm_example_looks_only_and_tells_nobody() -> None:
    values = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
    assert values["dagsterWebserver"]["enableReadOnly"] is True
    assert (values["telemetry"]["enabled"], values["ingress"]["enabled"]) == (False, False)
    assert [row["name"] for row in values["dagster-user-deployments"]["deployments"]] == ["analysis", "trading"]

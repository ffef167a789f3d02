"""The process that serves Dagster's web page behind the guard: `python -m pipelines.page.server`.

The page runs inside this process, so there is no second port behind which it stands without its guard.
"""

import argparse
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import uvicorn

# The page's own command line builds the same three; it offers no place for a guard.
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from execution.domain.errors import SettingsRefused, TouchstoneError
from pipelines.page.guard import PageGuard
from pipelines.page.passwords import read_passwords
from pipelines.page.rules import LOOPBACK, PageRules, own_hosts


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted and return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        passwords = read_passwords(asked.passwords) if asked.passwords else {}
        if not passwords and not _is_loopback(asked.host):
            raise SettingsRefused(f"{asked.host} is reachable from elsewhere: name a file with --passwords")
        rules = PageRules(hosts=own_hosts(asked.port, asked.allow_host), is_viewer=asked.viewer)
        _serve(asked, rules, passwords)
    except TouchstoneError as error:
        print(f"touchstone: {error}", file=sys.stderr)  # noqa: T201 - a refusal of the command line
        return 1
    return 0


def _serve(asked: argparse.Namespace, rules: PageRules, passwords: dict[str, str]) -> None:
    with (
        dg.DagsterInstance.get() as instance,
        WorkspaceProcessContext(
            instance,
            workspace_load_target=WorkspaceFileTarget(paths=[str(asked.workspace)]),
            read_only=asked.viewer,
        ) as context,
    ):
        guarded = PageGuard(create_app_from_workspace_process_context(context), rules=rules, passwords=passwords)
        uvicorn.run(
            guarded, host=asked.host, port=asked.port, log_level="warning", server_header=False, proxy_headers=False
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.page.server", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True, help="Workspace file of the code locations.")
    parser.add_argument("--host", default=LOOPBACK, help="Address to listen on; another than loopback asks for names.")
    parser.add_argument("--port", type=int, default=3000, help="Port to listen on.")
    parser.add_argument("--viewer", action="store_true", help="Look only: every change is refused.")
    parser.add_argument("--allow-host", action="append", default=[], help="A Host header that means this page too.")
    parser.add_argument("--passwords", type=Path, help="File of name:password lines, mode 600.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

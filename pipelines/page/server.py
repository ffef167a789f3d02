"""The process that serves Dagster's web page behind the guard: `python -m pipelines.page.server`.

The page runs inside this process, so there is no second port behind which it stands without its guard.
"""

import argparse
import ipaddress
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import dagster as dg
import uvicorn

# The page's own command line builds the same three; it offers no place for a guard.
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from execution.domain.errors import SettingsRefused, TouchstoneError
from pipelines.page.door import Door
from pipelines.page.guard import PageGuard
from pipelines.page.passwords import read_passwords
from pipelines.page.private_file import read_private
from pipelines.page.rules import LOOPBACK, PageRules, own_hosts
from pipelines.page.sessions import Sessions
from pipelines.starter import WITH_STARTER, end_with_starter, interrupted_in_order


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted and return the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.with_starter:
        end_with_starter()
    try:
        _refuse_unsafe(asked)
        rules = PageRules(
            hosts=own_hosts(asked.port, asked.allow_host, scheme="https" if _is_encrypted(asked) else "http"),
            is_viewer=asked.viewer,
            is_encrypted=_is_encrypted(asked),
            has_door=bool(asked.passwords),
        )
        _serve(asked, rules, _door(asked, rules))
    except TouchstoneError as error:
        print(f"touchstone: {error}", file=sys.stderr)  # noqa: T201 - a refusal of the command line
        return 1
    return 0


def _refuse_unsafe(asked: argparse.Namespace) -> None:
    is_from_elsewhere = not _is_loopback(asked.host)
    if is_from_elsewhere and not asked.passwords:
        raise SettingsRefused(f"{asked.host} is reachable from elsewhere: name a file with --passwords")
    if bool(asked.certificate) != bool(asked.key):
        raise SettingsRefused("--certificate and --key belong together: name both files")
    if asked.certificate and asked.behind_tls:
        raise SettingsRefused("TLS ends here (--certificate) or before the page (--behind-tls): name one")
    if is_from_elsewhere and not _is_encrypted(asked):
        raise SettingsRefused(
            f"{asked.host} is reachable from elsewhere, and passwords would go there in the clear: name --certificate "
            "and --key, or say --behind-tls where a proxy that ends TLS is the only way to this port"
        )
    if asked.certificate:
        _refuse_unusable(asked.certificate, asked.key)


def _refuse_unusable(certificate: Path, key: Path) -> None:
    read_private(key, "certificate's key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
    except OSError as error:
        raise SettingsRefused(
            f"{certificate.name} and {key.name} serve no TLS ({error.strerror or error}): expected a certificate in "
            "PEM and its own key without a passphrase"
        ) from None


def _is_encrypted(asked: argparse.Namespace) -> bool:
    return bool(asked.certificate or asked.behind_tls)


def _door(asked: argparse.Namespace, rules: PageRules) -> Door | None:
    if not asked.passwords:
        return None
    read_passwords(asked.passwords)
    sessions = Sessions(
        lambda: read_passwords(asked.passwords),
        idle=timedelta(minutes=asked.session_minutes),
        longest=timedelta(hours=asked.session_hours_max),
    )
    return Door(sessions, rules=rules, port=asked.port)


def _serve(asked: argparse.Namespace, rules: PageRules, door: Door | None) -> None:
    # The server ends itself by the signal it was given, again, once it has closed its port; the processes that hold the
    # code locations are closed on the way out.
    with (
        suppress(KeyboardInterrupt),
        interrupted_in_order(),
        dg.DagsterInstance.get() as instance,
        WorkspaceProcessContext(
            instance,
            workspace_load_target=WorkspaceFileTarget(paths=[str(asked.workspace)]),
            read_only=asked.viewer,
        ) as context,
    ):
        uvicorn.run(
            PageGuard(create_app_from_workspace_process_context(context), rules=rules, door=door),
            host=asked.host,
            port=asked.port,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ssl_certfile=asked.certificate,
            ssl_keyfile=asked.key,
        )


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.page.server", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True, help="Workspace file of the code locations.")
    parser.add_argument("--host", default=LOOPBACK, help="Address to listen on; off loopback names and TLS are wanted.")
    parser.add_argument("--port", type=int, default=3000, help="Port to listen on.")
    parser.add_argument("--viewer", action="store_true", help="Look only: every change is refused.")
    parser.add_argument("--allow-host", action="append", default=[], help="A Host header that means this page too.")
    parser.add_argument("--passwords", type=Path, help="File of name:password lines, mode 600; asks people to sign in.")
    parser.add_argument("--certificate", type=Path, help="Certificate chain in PEM; the page then speaks TLS alone.")
    parser.add_argument("--key", type=Path, help="Key of the certificate in PEM, mode 600.")
    parser.add_argument("--behind-tls", action="store_true", help="A proxy ends TLS before this page.")
    parser.add_argument(WITH_STARTER, action="store_true", help="End when standard input ends.")
    parser.add_argument("--session-minutes", type=_positive, default=120, help="A session ends so long unused.")
    parser.add_argument("--session-hours-max", type=_positive, default=12, help="A session ends then in any case.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""The webserver and the headless browser of a lived day: started once, closed with everything they opened."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM: Final = shutil.which("chromium")
NO_BROWSER: Final = "no `chromium` on the path: install Debian's package chromium to run the browser test"
REPOSITORY: Final = Path(__file__).resolve().parents[3]
WORKSPACE: Final = REPOSITORY / "workspace.yaml"
SCREENSHOTS: Final = Path(__file__).resolve().parents[1] / ".screenshots"
PATIENCE_MILLISECONDS: Final = 60_000
_SERVING: Final = "Serving dagster-webserver on"
_QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# The first visit is greeted by a dialog that covers the page; this is how the UI remembers that it was answered.
_ANSWERED_GREETING: Final = """localStorage.setItem("communityNux", '"1"')"""


@contextmanager
def webserver(*, workspace: Path, environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Serve a home's UI on a free port of this machine; yield its address once both locations are loaded."""
    address = f"127.0.0.1:{_free_port()}"
    host, port = address.split(":")
    command = [shutil.which("dagster-webserver") or _beside_python("dagster-webserver"), "-w", str(workspace)]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*command, "-h", host, "-p", port, "--read-only"],
            cwd=workspace.parent,
            env={**os.environ, **environment},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_it_serves(process, log)
        yield f"http://{address}"
    finally:
        # Its code servers are children of its own session: the group ends, and nothing else.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run the system's Chromium without a window and without talking to anyone else."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET), headless=True)
        try:
            yield chromium
        finally:
            chromium.close()


def new_page(chromium: Browser, *, width: int = 1600, height: int = 1000) -> Page:
    """Open a page that has never been greeted and waits patiently."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    context.add_init_script(_ANSWERED_GREETING)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    return page


def keep(page: Page, name: str) -> Path:
    """Save a screenshot where a person can look at it; the folder keeps itself out of version control."""
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / ".gitignore").write_text("*\n", encoding="ascii")
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def _wait_until_it_serves(process: subprocess.Popen[bytes], log: Path) -> None:
    while _SERVING not in log.read_text(encoding="utf-8", errors="replace"):
        # Waiting for its end is how the next look is put off: an end before it serves is the failure.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
            raise AssertionError(f"the webserver ended with code {process.returncode}: {log.read_text()[-2000:]}")


def _beside_python(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""`touchstone init --ask`: a newcomer's first settings, asked one by one and checked as they are answered.

Keys are never asked for and never written: they come from the environment, and the guide says which are missing there.
Nothing is written before the last answer.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from execution.artifact_files import write_atomically
from execution.domain.errors import SettingsRefused
from pipelines.cli.doctor import examine
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import Settings, load_settings

KEYS_OF_PAPER: Final = (
    "TOUCHSTONE__BROKER_KEYS__KEY_ID",
    "TOUCHSTONE__BROKER_KEYS__SECRET_KEY",
    "TOUCHSTONE__ALPACA_DATA__KEY_ID",
    "TOUCHSTONE__ALPACA_DATA__SECRET_KEY",
)
MODES: Final = ("simulated", "paper")


@dataclass(frozen=True, slots=True)
class Question:
    """One setting that is asked for.

    Attributes:
        setting: where it stands in the tree.
        text: what the person reads.
        default: what an empty answer means; empty leaves the setting out.
        mode: only asked in this mode; empty for every mode.
    """

    setting: tuple[str, ...]
    text: str
    default: str
    mode: str = ""


_QUESTIONS: Final = (
    Question(("account",), "Name of the account, part of every order id (small letters, digits, hyphens)", "main"),
    Question(("initial_cash_usd",), "Cash the ledger opens with, in USD; on paper what the account holds", "100000"),
    Question(("risk_profile",), "Limits: standard (20 names) or strict (5 names, calm ones only)", "standard"),
    Question(("simulated", "symbols"), "How many symbols the made market has", "100", "simulated"),
    Question(("edgar", "sender"), "Your name and mail address, which the SEC wants of whoever asks it", "", "paper"),
    Question(("backup", "folder"), "Folder of the backups, best on another disk; empty for one in the home", ""),
    Question(
        ("approval", "threshold_usd"), "Plans above how many USD wait for `touchstone approve`; empty for none", ""
    ),
)


def guide(
    home: Home,
    environ: Mapping[str, str],
    *,
    ask: Callable[[str], str],
    tell: Callable[[str], None],
) -> str:
    """Ask for the first settings of a home, write them, create the home, and return what to say about it.

    Args:
        home: must have no settings yet.
        environ: where keys are looked for.
        ask: shows a question and returns the answer.
        tell: shows why an answer is refused.

    Raises:
        SettingsRefused: the home has settings, or keys of the mode are missing.
    """
    if home.settings.exists():
        raise SettingsRefused(
            f"this home has settings already: change {home.settings.name} in it, or name another home"
        )
    mode = _asked_mode(ask, tell)
    missing = [name for name in KEYS_OF_PAPER if mode == "paper" and not environ.get(name)]
    if missing:
        raise SettingsRefused(
            f"mode paper needs keys in the environment, where these are missing: {', '.join(missing)}; "
            "make them on the broker's page, export them, and ask again"
        )
    tree: dict[str, Any] = {"mode": mode}
    for question in _QUESTIONS:
        if question.mode in {"", mode}:
            tree = _answered(tree, question, environ, ask, tell)
    write_atomically(home.settings, yaml.safe_dump(tree, sort_keys=False).encode())
    settings = load_settings(home.settings, environ)
    lines = [
        create_home(settings, home),
        f"settings are in {home.settings}; `touchstone config show` prints all of them",
    ]
    bad = [one for one in examine(home, home.settings, environ) if one.verdict not in {"ok", "skipped"}]
    lines += [f"{one.verdict:<8} {one.subject:<13} {one.detail}" for one in bad]
    return "\n".join(lines)


def _asked_mode(ask: Callable[[str], str], tell: Callable[[str], None]) -> str:
    while True:
        mode = ask("Mode: simulated (a made market) or paper (a paper account at Alpaca) [simulated]: ").strip()
        if (mode or MODES[0]) in MODES:
            return mode or MODES[0]
        tell(f"{mode!r} is not asked for here; your own files: start from examples/real-data.yaml; live: from paper")


def _answered(
    tree: dict[str, Any],
    question: Question,
    environ: Mapping[str, str],
    ask: Callable[[str], str],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Return the tree with one more setting, or as it was where the answer is to leave it out."""
    while True:
        answer = ask(f"{question.text} [{question.default or 'none'}]: ").strip() or question.default
        if not answer:
            return tree
        grown = _with(tree, question.setting, answer)
        try:
            _tried(grown, environ)
        except SettingsRefused as refused:
            tell(str(refused))
        else:
            return grown


def _with(tree: Mapping[str, Any], setting: tuple[str, ...], answer: str) -> dict[str, Any]:
    first, *rest = setting
    return {**tree, first: _with(tree.get(first, {}), tuple(rest), answer) if rest else _value(answer)}


def _value(answer: str) -> int | str:
    return int(answer) if answer.isdecimal() else answer


def _tried(tree: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    with tempfile.TemporaryDirectory(prefix="touchstone-guide-") as folder:
        file = Path(folder) / "settings.yaml"
        file.write_text(yaml.safe_dump(dict(tree), sort_keys=False), encoding="utf-8")
        return load_settings(file, environ)

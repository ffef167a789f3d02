"""Who is running: the mode, strategy and hashes that every published artifact carries."""

from dataclasses import dataclass

from execution.domain.signals import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """What names the origin of everything a run makes.

    Attributes:
        mode: simulated, files, paper or live.
        is_synthetic: the market is made, not observed; stamped on everything made from it.
        strategy: name of the strategy; part of every client order id.
        account: name of the account the strategy trades.
        settings_hash: content hash of the settings tree without paths and secrets.
        code_hash: content hash of the four packages and dbt_project.
    """

    mode: Mode
    is_synthetic: bool
    strategy: str
    account: str
    settings_hash: str
    code_hash: str

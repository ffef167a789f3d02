"""The trading half of the settings tree: what identifies a run, and every section that trading code reads.

It imports `execution` only, so that the trading location starts fast and carries no analysis. The analysis half
extends it in `pipelines/settings.py`.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from execution.alert_sender import AlertPolicy
from execution.brokers.alpaca_policy import AlpacaPolicy
from execution.domain.errors import SettingsRefused
from execution.domain.signals import Mode
from execution.portfolio.cost_model import CostModel
from execution.portfolio.exit_rules import ExitRules
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.session.flatten import FlattenPolicy
from execution.session.monitor_pace import MonitorPolicy
from execution.session.send_policy import ApprovalPolicy, SendPolicy
from execution.watchdog import WatchdogPolicy
from pipelines.settings_loading import LIVE_VARIABLE, PROFILE, LoadedSettings
from pipelines.settings_schema import NOT_HASHED
from pipelines.settings_sources import Given

_NAME = r"^[a-z0-9][a-z0-9-]{0,31}$"


class LogSettings(BaseModel):
    """What is written to the log, and how much of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is written to the log file and to the console."
    )


class LedgerSettings(BaseModel):
    """Where the ledger lives and where its signed heads are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres_dsn: SecretStr | None = Field(
        default=None, min_length=8, description="Postgres database of the ledger alone; none keeps it in the home."
    )
    anchor_folders: tuple[Path, ...] = Field(
        default=(), description="Two folders or more for signed heads, on devices of their own; none uses the home's."
    )

    @field_validator("anchor_folders")
    @classmethod
    def _needs_two_places(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        if len(set(folders)) != len(folders) or len(folders) == 1:
            raise ValueError("name two different folders or more: one copy of a signed head proves little")
        return folders


class OrchestratorSettings(BaseModel):
    """Where the orchestrator keeps its run history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres_url: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Postgres database of the run history, from the environment alone; none keeps it in the home.",
    )


class BrokerKeys(BaseModel):
    """Keys of the trading account; from the environment only, and never seen by the analysis location's code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: SecretStr | None = Field(default=None, min_length=8, description="Public half of the broker's key pair.")
    secret_key: SecretStr | None = Field(
        default=None, min_length=8, description="Secret half of the broker's key pair."
    )


class TradingSettings(LoadedSettings):
    """What a run is called, and the sections trading reads. Unknown keys are refused over both halves."""

    mode: Mode = Field(
        default="simulated",
        description="Where data and fills come from: a made market, your files, a paper account, or a live account.",
    )
    account: str = Field(
        default="main", pattern=_NAME, description="Name of the account; part of every cycle and client order id."
    )
    strategy: str = Field(
        default="cross-section", pattern=_NAME, description="Name of the strategy; part of every client order id."
    )
    initial_cash_usd: Decimal = Field(
        default=Decimal(100_000), gt=0, le=1_000_000_000, description="Cash the simulated account opens with, in USD."
    )
    first_cycle_session: date | None = Field(
        default=None,
        description="First session that is decided; none takes the first with 504 sessions of data before it, and "
        "refuses a market too short for that.",
    )
    risk_profile: Literal["standard", "strict"] = Field(
        default="standard", description="Which shipped set of limits holds where `limits` says nothing else."
    )
    limits: RiskLimits = Field(
        default=RiskLimits(), description="What a plan may risk; an order above a limit is blocked."
    )
    sizing: SizingPolicy = Field(default=SizingPolicy(), description="How scores become target weights and shares.")
    exits: ExitRules = Field(
        default=(), description="Rules by which a position, or a part of it, is sold; asked in this order."
    )
    monitoring: MonitorPolicy = Field(
        default=MonitorPolicy(), description="How often exit rules are asked while the market is open."
    )
    costs: CostModel = Field(
        default=CostModel(), description="What a trade is expected to cost, at the venue and in sizing."
    )
    sending: SendPolicy = Field(
        default=SendPolicy(), description="How orders go out, and what is done when nobody knows an outcome."
    )
    approval: ApprovalPolicy = Field(
        default=ApprovalPolicy(), description="Which plans wait for a person, and how long the person's word holds."
    )
    flatten: FlattenPolicy = Field(
        default=FlattenPolicy(), description="What one `touchstone flatten` may do.", json_schema_extra=NOT_HASHED
    )
    watchdog: WatchdogPolicy = Field(
        default=WatchdogPolicy(),
        description="When the resident watchdog cancels working orders.",
        json_schema_extra=NOT_HASHED,
    )
    alpaca: AlpacaPolicy = Field(default=AlpacaPolicy(), description="How Alpaca is talked to in modes paper and live.")
    broker_keys: BrokerKeys = Field(default=BrokerKeys(), description="Keys of the paper or live account.")
    ledger: LedgerSettings = Field(
        default=LedgerSettings(), description="The ledger's place and its anchors.", json_schema_extra=NOT_HASHED
    )
    orchestrator: OrchestratorSettings = Field(
        default=OrchestratorSettings(), description="The run history's place.", json_schema_extra=NOT_HASHED
    )
    alerts: AlertPolicy = Field(
        default=AlertPolicy(), description="Who is told when something goes wrong.", json_schema_extra=NOT_HASHED
    )
    log: LogSettings = Field(default=LogSettings(), description="The log.", json_schema_extra=NOT_HASHED)

    @model_validator(mode="after")
    def _needs_keys_to_leave_the_simulation(self) -> "TradingSettings":
        if self.mode in {"paper", "live"} and not (self.broker_keys.key_id and self.broker_keys.secret_key):
            raise ValueError(
                f"mode {self.mode} needs broker_keys.key_id and broker_keys.secret_key; set "
                "TOUCHSTONE__BROKER_KEYS__KEY_ID and TOUCHSTONE__BROKER_KEYS__SECRET_KEY"
            )
        return self

    @model_validator(mode="after")
    def _asks_of_an_entry_what_it_costs(self) -> "TradingSettings":
        asked, costs = self.sizing.round_trip_cost_bps, self.costs.round_trip_bps(Decimal(0))
        if 0 < asked < costs:
            raise ValueError(
                f"sizing.round_trip_cost_bps {asked} is below the {costs} bps that costs say a round trip costs: "
                "trades that lose would be made; raise it, or set it to 0 to ask for nothing but a gain"
            )
        return self

    @classmethod
    def lay_profile_under(cls, given: Given) -> None:
        """Fill in the limits of the profile `strict` that neither files nor environment set."""
        said = given.tree.setdefault("limits", {})
        if given.tree.get("risk_profile") != "strict" or not isinstance(said, dict):
            return
        standard = RiskLimits.standard().model_dump(mode="json")
        for name, value in RiskLimits.strict().model_dump(mode="json").items():
            if value != standard[name] and name not in said:
                said[name] = value
                given.origins[f"limits.{name}"] = f"{PROFILE}strict"

    def refuse_disagreement(self, environ: Mapping[str, str]) -> None:
        """Refuse live trading unless TOUCHSTONE_LIVE_ACCOUNT names the same account as the tree.

        Two switches in two places: a copied settings file alone, or a left-over variable alone, trades nothing.

        Raises:
            SettingsRefused: one switch is on and the other is off, or they name different accounts.
        """
        named = environ.get(LIVE_VARIABLE, "").strip()
        if self.mode == "live" and named != self.account:
            raise SettingsRefused(
                f"mode live needs {LIVE_VARIABLE} to name the account {self.account!r}, found {named or 'nothing'!r}; "
                "set it, or choose mode paper"
            )
        if self.mode != "live" and named:
            raise SettingsRefused(
                f"{LIVE_VARIABLE} names {named!r} but mode is {self.mode}; unset it, or set mode to live"
            )


def load_trading_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> TradingSettings:
    """Return the trading half of the tree; reads the same sources and gives the same hash as the whole one.

    Args:
        path: the settings file; None for TOUCHSTONE_SETTINGS, else the one the home keeps, else `settings.yaml`
            here, else defaults alone.
        environ: the environment; None for the process's own.

    Raises:
        SettingsRefused: a key is unknown or a value is not allowed.
    """
    return TradingSettings.load(path, environ)

"""The whole settings tree: the trading half and every section of analysis. Read once, frozen, refused when wrong.

The trading location imports `pipelines.trading_settings` instead, because this module imports the data rooms.
"""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from assets.feature_catalogue import NAMES
from assets.features.feature_library import switched_on
from assets.features.policy import FeaturePolicy
from assets.ingest.alpaca_settings import AlpacaDataSettings
from assets.ingest.edgar_settings import EdgarSettings
from assets.ingest.files_settings import FilesSourceSettings
from assets.ingest.news_settings import NewsProviderSettings
from assets.ingest.simulated_market import SimulatedMarketSettings
from assets.ingest.yahoo_settings import YahooSettings
from assets.maintenance.backup_policy import BackupPolicy
from assets.maintenance.health import HealthPolicy
from assets.maintenance.retention_policy import RetentionPolicy
from assets.ml.policy import LearningPolicy
from assets.quality.policy import GatePolicy
from assets.universe_policy import UniversePolicy
from pipelines.settings_schema import NOT_HASHED
from pipelines.trading_settings import TradingSettings


class Settings(TradingSettings):
    """Every setting there is, one section per room that reads it."""

    simulated: SimulatedMarketSettings = Field(
        default=SimulatedMarketSettings(), description="The market that is made in simulated mode."
    )
    watchlists_file: Path | None = Field(
        default=None, description="A YAML file of your own watchlist rows in simulated mode; none for no watchlist."
    )
    files: FilesSourceSettings | None = Field(
        default=None, description="The folder of your own data in files mode, and how its files map to the raw tables."
    )
    alpaca_data: AlpacaDataSettings = Field(
        default=AlpacaDataSettings(), description="What is read from Alpaca's market data in modes paper and live."
    )
    yahoo: YahooSettings = Field(
        default=YahooSettings(), description="What is read from Yahoo in mode paper, without keys: the second choice."
    )
    edgar: EdgarSettings = Field(
        default=EdgarSettings(), description="Who asks the SEC for filings in modes paper and live."
    )
    news_providers: dict[str, NewsProviderSettings] = Field(
        default={}, description="News providers beside the mode's own, by name; each is a file of its own."
    )
    universe: UniversePolicy = Field(default=UniversePolicy(), description="Which symbols a strategy may consider.")
    features: FeaturePolicy = Field(
        default=FeaturePolicy(), description="What is computed beside the catalogue's own features."
    )
    gates: GatePolicy = Field(default=GatePolicy(), description="What data must be like before anything is scored.")
    learning: LearningPolicy = Field(default=LearningPolicy(), description="How the model learns and when it is stale.")

    retention: RetentionPolicy = Field(
        default=RetentionPolicy(),
        description="How long things stay in the home before they are archived.",
        json_schema_extra=NOT_HASHED,
    )
    backup: BackupPolicy = Field(
        default=BackupPolicy(),
        description="Where backups go, and how many of them are kept.",
        json_schema_extra=NOT_HASHED,
    )

    health: HealthPolicy = Field(
        default=HealthPolicy(),
        description="What a home promises of its own running; a broken promise is a warning.",
        json_schema_extra=NOT_HASHED,
    )

    @model_validator(mode="after")
    def _hold_what_is_predicted(self) -> "Settings":
        if self.learning.horizon_sessions != self.sizing.horizon_sessions:
            raise ValueError(
                f"learning.horizon_sessions is {self.learning.horizon_sessions} and sizing.horizon_sessions is "
                f"{self.sizing.horizon_sessions}: hold positions as long as they are predicted for"
            )
        return self

    @model_validator(mode="after")
    def _names_features_there_are(self) -> "Settings":
        """Refuse what would be refused in training: a home's first cycle would end there, without a score."""
        constrained = self.learning.constrained
        if not (self.features.sets or constrained):
            return self
        offered = {*NAMES, *(feature.name for feature in switched_on(self.features.sets).features)}
        if unknown := sorted(constrained - offered):
            near = difflib.get_close_matches(unknown[0], sorted(offered), n=1)
            nearest = f"; the nearest is {near[0]}" if near else ""
            raise ValueError(
                f"learning.monotone or learning.interactions name {', '.join(unknown)}: expected features of the "
                f"catalogue, or of a set that features.sets switches on{nearest}"
            )
        return self

    @model_validator(mode="after")
    def _tells_who_is_on_a_watchlist(self) -> "Settings":
        """Refuse a screen that leaves out every symbol of every session: nothing would ever be bought."""
        told, remedy = self.watchlists_file is not None, "set watchlists_file"
        if self.mode == "files":
            told = self.files is None or bool(self.files.watchlists_file or self.files.tables.get("watchlists"))
            remedy = "set files.watchlists_file or map files.tables.watchlists"
        if self.universe.watchlists and not told:
            raise ValueError(
                f"universe.watchlists names {', '.join(self.universe.watchlists)}, and no symbol is on a list: "
                f"{remedy}, or leave universe.watchlists empty"
            )
        return self


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the whole tree from a YAML file, its includes, and the environment; the environment wins.

    Args:
        path: the settings file; None for TOUCHSTONE_SETTINGS, else the one the home keeps, else `settings.yaml`
            here, else defaults alone.
        environ: the environment; None for the process's own.

    Raises:
        SettingsRefused: a key is unknown or a value is not allowed; the message names key, origin and what is allowed.
    """
    return Settings.load(path, environ)


def schema_document() -> dict[str, Any]:
    """Return the JSON schema of the whole tree, as `make schema` writes it to `settings_schema.json`."""
    return Settings.model_json_schema()


def write_schema() -> None:
    """Write the schema beside this module; both locations read it there."""
    text = json.dumps(schema_document(), indent=2, sort_keys=True) + "\n"
    (Path(__file__).parent / "settings_schema.json").write_text(text, encoding="utf-8")

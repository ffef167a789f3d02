"""Settings that a home's stored data were made by, each a line of text under its name in the settings file."""

from assets.features.scorer_choice import feature_settings
from assets.mart_settings import setting_text, universe_settings
from pipelines.settings import Settings


def mart_settings(settings: Settings) -> dict[str, str]:
    """Return what the marts are made of: the screen and the features."""
    return universe_settings(settings.universe) | feature_settings(settings.features)


def stored_settings(settings: Settings) -> dict[str, str]:
    """Return what the marts are made of, and what the gate asks that certifies their sessions."""
    asked = {f"gates.{name}": setting_text(value) for name, value in settings.gates.model_dump().items()}
    return mart_settings(settings) | asked

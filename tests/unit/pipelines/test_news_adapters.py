"""News providers are switched on by name in the settings; a key comes from the environment alone and is not hashed."""

from pathlib import Path

import pytest

from assets.ingest.merged_news import MergedNews
from execution.domain.errors import SettingsRefused
from pipelines.analysis_adapters import sources_of
from pipelines.home import Home
from pipelines.settings import load_settings

KEY = {"TOUCHSTONE__NEWS_PROVIDERS__FINNHUB__KEY": "a-key-of-finnhub"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Home(tmp_path / "home").create()
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(f"mode: simulated\n{text}", encoding="utf-8")
    return path


def test_without_a_provider_the_modes_own_source_is_all_there_is(folder: Path) -> None:
    sources = sources_of(load_settings(written(folder, ""), {}), Home(folder / "home"))
    assert sources.news is not None
    assert not isinstance(sources.news, MergedNews)


def test_a_provider_stands_beside_the_modes_own_source(folder: Path) -> None:
    settings = load_settings(written(folder, "news_providers: {finnhub: {symbols: [SIM0001]}}\n"), KEY)
    assert isinstance(sources_of(settings, Home(folder / "home")).news, MergedNews)


def test_a_provider_without_its_key_is_refused_with_the_variable_to_set(folder: Path) -> None:
    settings = load_settings(written(folder, "news_providers: {finnhub: {}}\n"), {})
    with pytest.raises(SettingsRefused, match="TOUCHSTONE__NEWS_PROVIDERS__FINNHUB__KEY"):
        sources_of(settings, Home(folder / "home"))


def test_a_provider_nobody_wrote_is_refused_with_those_there_are(folder: Path) -> None:
    settings = load_settings(written(folder, "news_providers: {finnhubb: {}}\n"), {})
    with pytest.raises(SettingsRefused, match="finnhubb, expected some of finnhub"):
        sources_of(settings, Home(folder / "home"))


def test_a_key_in_a_file_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsRefused, match="key"):
        load_settings(written(folder, "news_providers: {finnhub: {key: a-key-of-finnhub}}\n"), {})


def test_a_key_changes_no_hash_and_a_weight_does(folder: Path) -> None:
    plain = load_settings(written(folder, "news_providers: {finnhub: {}}\n"), {})
    assert load_settings(folder / "settings.yaml", KEY).settings_hash == plain.settings_hash
    weighed = "news_providers: {finnhub: {}}\nfeatures: {news: {weights: {finnhub: 2}}}\n"
    assert load_settings(written(folder, weighed), {}).settings_hash != plain.settings_hash


def test_a_provider_weighs_a_whole_number_above_nothing(folder: Path) -> None:
    for weight in ("0", "-1", "0.5", "1001"):
        with pytest.raises(SettingsRefused, match="weights"):
            load_settings(written(folder, f"features: {{news: {{weights: {{finnhub: {weight}}}}}}}\n"), {})


def test_a_weight_of_a_provider_that_is_not_switched_on_is_refused(folder: Path) -> None:
    settings = load_settings(written(folder, "features: {news: {weights: {simulated: 2, finnhub: 2}}}\n"), {})
    with pytest.raises(SettingsRefused, match="weights names finnhub, expected some of simulated"):
        sources_of(settings, Home(folder / "home"))

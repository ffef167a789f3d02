"""What the marts were built by is remembered, and other settings for them are refused by name."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from assets.features.dbt_bridge import BuildRequest, write_request
from assets.features.policy import FeaturePolicy, NewsWeighing
from assets.features.scorer_choice import feature_settings
from assets.mart_settings import built_by, note_built_by, require_built_by, universe_settings
from assets.snapshots import DataSnapshot
from assets.universe_policy import UniversePolicy
from assets.warehouse import Warehouse
from execution.domain.errors import SettingsRefused
from execution.trading_calendar import TradingCalendar
from tests.unit.features.test_learned_sentiment import labelled

SESSION = date(2024, 3, 1)
CALENDAR = TradingCalendar.shipped()
SCREEN = UniversePolicy(index_name="sp500", min_close_usd=Decimal("7.50"), blacklist=("B", "A"))


def built(root: Path, screen: UniversePolicy = SCREEN, features: FeaturePolicy | None = None) -> Warehouse:
    warehouse = Warehouse(root / "warehouse.duckdb")
    note_built_by(warehouse, universe_settings(screen) | feature_settings(features or FeaturePolicy()))
    return warehouse


def test_what_a_session_was_built_by_is_read_back_as_the_settings_say_it(tmp_path: Path) -> None:
    policy = FeaturePolicy(sets=("alpha158",))
    told = built_by(built(tmp_path, features=policy))
    assert told == {**universe_settings(SCREEN), **feature_settings(policy)}
    assert (told["universe.min_close_usd"], told["universe.blacklist"]) == ("7.5", "A, B")
    assert told["features.sets"] == "alpha158"


def test_the_same_screen_in_other_words_is_no_other_one(tmp_path: Path) -> None:
    same = SCREEN.model_copy(update={"min_close_usd": Decimal("7.500"), "blacklist": ("A", "B")})
    require_built_by(built(tmp_path), universe_settings(same), named="--settings")


def test_another_screen_is_refused_setting_by_setting_with_what_to_do(tmp_path: Path) -> None:
    other = SCREEN.model_copy(update={"min_close_usd": Decimal(400), "max_names": 30})
    with pytest.raises(SettingsRefused) as refused:
        require_built_by(built(tmp_path), universe_settings(other), named="--beside var.yaml")
    told = str(refused.value)
    assert told.startswith("--beside var.yaml: found universe.max_names 30 where the stored marts were built with 3000")
    assert "universe.min_close_usd 400 where the stored marts were built with 7.5" in told
    assert "build the features of a home of its own" in told


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (FeaturePolicy(sets=("alpha158",)), "features.sets alpha158 where .* none"),
        (FeaturePolicy(news=NewsWeighing(weights={"mine": 3})), "features.news .*mine"),
        (FeaturePolicy(news=NewsWeighing(same_story_minutes=0)), "features.news"),
    ],
    ids=["sets", "weights", "same stories"],
)
def test_other_features_are_refused_alike(tmp_path: Path, other: FeaturePolicy, named: str) -> None:
    with pytest.raises(SettingsRefused, match=named):
        require_built_by(built(tmp_path), feature_settings(other), named="--settings")


def test_a_scorer_taught_by_other_sentences_is_refused(tmp_path: Path) -> None:
    sentences = labelled(tmp_path / "sentences.parquet")
    with pytest.raises(SettingsRefused, match=r"features\.labelled_sentences_file a model .* word list"):
        require_built_by(
            built(tmp_path), feature_settings(FeaturePolicy(labelled_sentences_file=sentences)), named="--settings"
        )


def test_a_weight_of_one_says_nothing(tmp_path: Path) -> None:
    policy = FeaturePolicy(news=NewsWeighing(weights={"mine": 1}))
    require_built_by(built(tmp_path), feature_settings(policy), named="--settings")


def test_a_home_that_was_never_built_refuses_nothing(tmp_path: Path) -> None:
    require_built_by(Warehouse(tmp_path / "none.duckdb"), universe_settings(SCREEN), named="--settings")


def test_a_home_built_before_settings_were_noted_tells_what_its_build_was_asked_for(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    request = BuildRequest(
        session=SESSION,
        snapshot=DataSnapshot(session=SESSION, as_of=CALENDAR.as_of(SESSION), parts=()),
        raw_paths={},
        feature_parts=(),
        first_bar_session=SESSION,
        policy=SCREEN,
    )
    write_request(warehouse, request, CALENDAR)
    assert built_by(warehouse) == universe_settings(SCREEN)
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create table request.feature_settings as select 'features.sets' setting, 'none' \"value\"")
    assert built_by(warehouse) == {**universe_settings(SCREEN), "features.sets": "none"}

"""What features are made of: sets of the library, who scores headlines, what a provider's word weighs."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[int, Field(ge=1, le=1000)]


class NewsWeighing(BaseModel):
    """How headlines of several providers become one sentiment; with one provider of weight 1 nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: dict[str, Weight] = Field(
        default={}, description="Whole-number weight of each provider's headlines by its name; 1 where none is named."
    )
    same_story_minutes: int = Field(
        default=1440,
        ge=0,
        le=20_160,
        description="Minutes within which another provider's equal headline is the same story; 0 counts each telling.",
    )

    def weight(self, provider: str) -> int:
        """Return what a headline of a provider weighs."""
        return self.weights.get(provider, 1)


class FeaturePolicy(BaseModel):
    """What is computed beside the catalogue's own features, and offered to the model with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="Sets of the feature library that are switched on, alpha158 for one; the model learns from all.",
    )
    labelled_sentences_file: Path | None = Field(
        default=None,
        description="Your own sentences with labels, which teach how headlines are scored; none for the word list.",
    )
    news: NewsWeighing = Field(
        default=NewsWeighing(), description="What each provider's headlines weigh, and when two told the same story."
    )
    slow_model_seconds: float = Field(
        default=120.0, gt=0, le=3_600, description="Seconds above which the building of one dbt model is told as slow."
    )

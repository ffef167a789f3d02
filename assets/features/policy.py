"""Which sets of the feature library are computed. One frozen value; the settings tree composes it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


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

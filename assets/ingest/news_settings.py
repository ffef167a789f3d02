"""What may be said about a news provider beside a mode's own."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class NewsProviderSettings(BaseModel):
    """One provider that is switched on; what its word weighs stands in `features.news.weights`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: SecretStr | None = Field(
        default=None, min_length=8, description="Its key, from the environment alone; none where it takes none."
    )
    requests_per_minute: int | None = Field(
        default=None, ge=1, le=10_000, description="Requests sent to it at most; none for what its file says."
    )
    symbols: tuple[str, ...] = Field(
        default=(), description="Symbols asked for; none for every security this home has read of."
    )

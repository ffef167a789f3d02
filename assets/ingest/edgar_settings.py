"""What may be said about asking the SEC."""

from pydantic import BaseModel, ConfigDict, Field


class EdgarSettings(BaseModel):
    """Who asks the SEC; without a sender nothing is asked, and there are no filings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: str | None = Field(
        default=None,
        pattern=r"^\S.*\s\S+@\S+\.\S+$",
        description="Name and address the SEC demands of whoever asks, as `Jane Doe jane@example.com`.",
    )

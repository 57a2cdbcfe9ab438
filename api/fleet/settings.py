"""What an operator can set about workers and cameras."""

from pydantic import BaseModel, ConfigDict, Field


class FleetSettings(BaseModel):
    """The table `fleet` of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lease_s: float = Field(ge=5, le=600)
    """So long a camera stays with a worker that gives no sign of life."""
    down_after_s: float = Field(ge=10, le=3600)
    """A camera without pictures for so long is down."""

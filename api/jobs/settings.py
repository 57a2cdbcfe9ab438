"""What an operator can set about jobs."""

from pydantic import BaseModel, ConfigDict, Field


class JobSettings(BaseModel):
    """Bounds of the queue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lease_s: float = Field(ge=1, le=3600)
    attempts: int = Field(ge=1, le=20)
    active_per_requester: int = Field(ge=1, le=10_000)
    result_bytes: int = Field(ge=1024)
    result_hours: float = Field(gt=0, le=24 * 30)
    kept_days: float = Field(gt=0, le=3650)

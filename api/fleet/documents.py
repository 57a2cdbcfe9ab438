"""What workers say about themselves and their cameras, and what they are answered.

A newer worker may say more than this version knows: that is passed over.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.schema import Identifier, Moment, Sha256Hex

CAMERAS_MAX = 5000
EPOCH_MAX = 2**31 - 1
WorkerId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{8,64}$")]
Word = Annotated[str, StringConstraints(max_length=60)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=0, le=2**53)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CameraReport(_Said):
    """How a camera does, as its worker measures it; ages in seconds, None where there is nothing to measure."""

    camera: Identifier
    state: Word = Field(description="connecting, live, waiting, ended or closed")
    last_packet_age_s: Seconds | None = None
    last_keyframe_age_s: Seconds | None = None
    fps: Seconds | None = None
    gop_s: Seconds | None = None
    kbit_per_s: Seconds | None = None
    connections: Count = 0
    failures: dict[Word, Count] = Field(default_factory=dict, max_length=50)
    drops: dict[Word, Count] = Field(default_factory=dict, max_length=50)
    picture: list[Word] = Field(
        default_factory=list, max_length=10, description="Faults: black, frozen, blurred, covered, moved"
    )
    last_error: Annotated[str, StringConstraints(max_length=500)] | None = None
    refused: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None, description="Why its settings can't be used; it is not watched then"
    )


class OutboxReport(_Said):
    """What waits to be delivered."""

    waiting: Count
    refused: Count = 0


class Beat(_Said):
    """A worker's sign of life: what it is, what it wants to watch, how its cameras do."""

    worker: WorkerId = Field(description="The same from start to start: it belongs to the worker's state folder")
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(description="For people: its machine")
    version: Word
    started_at: Moment
    cameras: list[Identifier] | None = Field(
        default=None,
        max_length=CAMERAS_MAX,
        description="Those that it wants; without it, what the registry has for it",
    )
    capacity: int | None = Field(
        default=None, ge=0, le=CAMERAS_MAX, description="So many it can take of the registry's"
    )
    leaving: bool = Field(default=False, description="It stops: all its cameras are free at once")
    outbox: OutboxReport | None = None
    reports: list[CameraReport] = Field(default_factory=list, max_length=CAMERAS_MAX)


class Lease(BaseModel):
    """A camera that is the worker's until `expires_at`, and longer with each sign of life."""

    camera: str
    epoch: int = Field(description="What its writes carry; it grows when the camera changes hands")
    expires_at: str
    handover: Sha256Hex | None = Field(default=None, description="Digest of what the worker before has left")
    handover_epoch: int | None = None


class HeldElsewhere(BaseModel):
    """A camera that another worker watches."""

    camera: str
    worker: str
    expires_at: str


class Answer(BaseModel):
    """What a worker watches from now on: what is not among its leases is not its own any more."""

    leases: list[Lease]
    elsewhere: list[HeldElsewhere]
    lease_s: float
    configuration: str | None = Field(description="ETag of what `GET /v1/worker/configuration` would answer now")

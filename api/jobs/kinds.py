"""The kinds of jobs: what each is asked with, who may ask, what comes of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.identity.principals import JUDGES, PERSONS, REGISTRARS, Role
from api.schema import EvidenceName, Fraction, Identifier, IncidentId


class JobKind(StrEnum):
    """What there is to do."""

    VIEWING_COPY = "viewing_copy"
    REDACTION = "redaction"
    PREVIEW = "preview"
    PROBE = "probe"


class JobState(StrEnum):
    """How far a job has got."""

    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (JobState.WAITING, JobState.LEASED)


@dataclass(frozen=True)
class KindRules:
    """What holds for a kind.

    Attributes:
        roles: Who may ask for it.
        priority: Smaller goes first: somebody waits for it.
        makes_evidence: Whether its file becomes evidence of the case; else it is kept for some hours.
        lasts: Whether a job that is done still answers the same request: what it was made from does not change.
    """

    roles: tuple[Role, ...]
    priority: int
    makes_evidence: bool = False
    lasts: bool = False


RULES: Mapping[JobKind, KindRules] = {
    JobKind.PROBE: KindRules(REGISTRARS, priority=10),
    JobKind.PREVIEW: KindRules(REGISTRARS, priority=10),
    JobKind.VIEWING_COPY: KindRules(PERSONS, priority=20, makes_evidence=True, lasts=True),
    JobKind.REDACTION: KindRules(JUDGES, priority=30, makes_evidence=True, lasts=True),
}

ZONES_MAX = 50
CORNERS_MAX = 100

LoginVariable = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{0,60}LOGIN[A-Z0-9_]{0,60}$")]
"""Name of a variable in the *worker's* environment that holds `user:password`. Only one whose name says that it is a login:
whoever may ask for a job must not have the worker send its other secrets anywhere."""


class Asked(BaseModel):
    """Base of what people ask with: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AskedViewingCopy(Asked):
    """A copy of a clip in H.264, for browsers that can't play what the camera sent."""

    kind: Literal[JobKind.VIEWING_COPY]
    incident: IncidentId
    name: EvidenceName = Field(description="The clip")


class AskedRedaction(Asked):
    """A copy of a clip or still on which bystanders, and plates of other vehicles, can't be recognised."""

    kind: Literal[JobKind.REDACTION]
    incident: IncidentId
    name: EvidenceName = Field(description="The clip or still")
    method: Literal["pixelate", "blur", "fill"] = "pixelate"


class _AtCamera(Asked):
    camera: Identifier | None = None
    address: str | None = Field(
        default=None, min_length=1, max_length=2000, description="Without it, a worker that knows the camera does it"
    )
    login_env: LoginVariable | None = Field(
        default=None, description="Variable of the worker's environment that holds user:password"
    )

    @model_validator(mode="after")
    def _reachable(self) -> "_AtCamera":
        if self.address is None and self.camera is None:
            raise ValueError("camera, address: needed is one of them")
        if self.address is None and self.login_env is not None:
            raise ValueError("login_env: belongs to an address; a worker that knows the camera knows its login")
        return self


class AskedProbe(_AtCamera):
    """What comes from an address: codec, size, rate, GOP, clock."""

    kind: Literal[JobKind.PROBE]


class DrawnZone(Asked):
    """A zone to draw, in fractions of the frame."""

    id: Identifier
    label: str | None = Field(default=None, max_length=100)
    polygon: list[tuple[Fraction, Fraction]] = Field(min_length=3, max_length=CORNERS_MAX)


class AskedPreview(_AtCamera):
    """A fresh picture of a camera with zones drawn on it: those given here, else those that the worker knows."""

    kind: Literal[JobKind.PREVIEW]
    zones: list[DrawnZone] | None = Field(default=None, max_length=ZONES_MAX)


AskedJob = Annotated[
    AskedViewingCopy | AskedRedaction | AskedPreview | AskedProbe,
    Field(discriminator="kind"),
]
"""Any job that a person can ask for."""

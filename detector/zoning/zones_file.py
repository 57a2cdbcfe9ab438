"""The zones of a camera as people write them."""

import os
from dataclasses import dataclass, replace
from typing import Annotated

import shapely
from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from detector.delivery.callout import CallOut
from detector.zoning.calendar_file import CalendarEntry
from detector.zoning.event_codes import Code, EventCodes, as_text
from detector.zoning.ground_plane import GroundPlane
from detector.zoning.written import Written
from detector.zoning.zones import (
    DEFAULT_COOLDOWN_S,
    DEFAULT_DWELL_S,
    WHEEL_M,
    WIDTH_MIN,
    SizeLimits,
    Zone,
    ZoneKind,
    widest,
)

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,100}$")]
Corner = tuple[float, float]
GridCode = Annotated[str, StringConstraints(pattern=r"^\S{1,64}$"), BeforeValidator(as_text)]
ClassName = Annotated[str, StringConstraints(min_length=1)]
Metres = Annotated[float, Field(ge=0, le=100, strict=True)]
AREA_MIN = 1e-4
"""A zone smaller than a hundredth of the frame in each direction has no room for a wheel."""
SPEAKING = ZoneKind.FIRE_LANE
"""Only there is a voice worth its noise: a driver can still drive on, and every minute counts."""


@dataclass(frozen=True)
class Surroundings:
    """What a zone takes from its camera and its file."""

    codes: EventCodes
    ground: GroundPlane | None = None
    callout: CallOut | None = None


class CallOutEntry(Written):
    """Whom to ask to speak."""

    url: str
    secret_env: str | None = None
    """Environment variable that holds the secret, so that the file need not."""

    def callout(self) -> CallOut:
        """As the worker uses it.

        Raises:
            ValueError: The address is none, or the environment lacks the secret.
        """
        if self.secret_env is not None and self.secret_env not in os.environ:
            raise ValueError(f"callout: secret_env: the environment has no variable {self.secret_env!r}")
        try:
            return CallOut(self.url, os.environ[self.secret_env] if self.secret_env is not None else None)
        except ValueError as error:
            raise ValueError(f"callout: {error}") from None


class SizeEntry(Written):
    """How large a thing must be to be judged, in metres."""

    min: Metres | None = None
    max: Metres | None = None

    @model_validator(mode="after")
    def _some(self) -> "SizeEntry":
        if self.min is None and self.max is None:
            raise ValueError("says nothing: allowed is min, max or both, in metres")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"min {self.min:g} is not below max {self.max:g}: allowed is the smaller one first")
        return self

    def limits(self) -> SizeLimits:
        """As the rules use it."""
        none = SizeLimits()
        return SizeLimits(none.min_m if self.min is None else self.min, none.max_m if self.max is None else self.max)


class ZoneEntry(Written):
    """One zone of a camera."""

    id: Id
    kind: ZoneKind
    polygon: Annotated[list[Corner], Field(min_length=3)]
    dwell_s: Annotated[float, Field(gt=0, le=86_400, strict=True)] | None = None
    classes: Annotated[list[ClassName], Field(min_length=1)] | None = None
    exempt: Annotated[list[ClassName], Field(min_length=1)] | None = None
    size_m: SizeEntry | None = None
    calendar: CalendarEntry | None = None
    permitted: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    cooldown_s: Annotated[float, Field(ge=0, le=86_400, strict=True)] = DEFAULT_COOLDOWN_S
    event_code: Code | None = None
    grid_code: GridCode | None = None
    callout: CallOutEntry | None = None

    @field_validator("polygon")
    @classmethod
    def _drawable(cls, corners: list[Corner]) -> list[Corner]:
        for x, y in corners:
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError(f"corner [{x:g}, {y:g}] lies outside the frame: allowed are fractions from 0 to 1")
        shape = shapely.Polygon(corners)
        if not shape.is_valid:
            raise ValueError("its edges cross: allowed is a simple polygon, corners in order around it")
        if shape.area < AREA_MIN:
            raise ValueError(f"it covers {shape.area:.1e} of the frame: allowed is {AREA_MIN:g} and more")
        if widest(corners) < WIDTH_MIN:
            raise ValueError(
                f"it is thinner than a wheel, {widest(corners):.4f} of the frame at its widest: "
                f"allowed is {WIDTH_MIN:g} and more"
            )
        return corners

    @field_validator("exempt")
    @classmethod
    def _one_or_the_other(cls, exempt: list[str] | None, info: ValidationInfo) -> list[str] | None:
        both = sorted(set(exempt or ()) & set(info.data.get("classes") or ()))
        if both:
            raise ValueError(f"classes names {', '.join(both)} too: allowed is a class in one of them")
        return exempt

    @field_validator("callout")
    @classmethod
    def _where_it_helps(cls, callout: CallOutEntry | None, info: ValidationInfo) -> CallOutEntry | None:
        kind = info.data.get("kind", SPEAKING)
        if callout is not None and kind is not SPEAKING:
            raise ValueError(f"the kind of the zone is {kind}: allowed is {SPEAKING}")
        return callout

    def zone(self, around: Surroundings) -> Zone:
        """As the worker uses it.

        Raises:
            ValueError: What it says does not go with its camera.
        """
        if around.ground is not None:
            self._lies_on(around.ground)
        elif self.size_m is not None:
            raise ValueError("size_m: needs the camera's homography: without it nothing is known in metres")
        code = self.event_code or around.codes.of(self.kind)
        zone = Zone(
            id=self.id,
            kind=self.kind,
            polygon=tuple(self.polygon),
            dwell_s=self.dwell_s if self.dwell_s is not None else DEFAULT_DWELL_S[self.kind],
            classes=frozenset(self.classes) if self.classes else None,
            event_code=code,
            grid_code=self.grid_code,
            exempt=frozenset(self.exempt or ()),
            calendar=self.calendar.calendar if self.calendar else None,
            size_m=self.size_m.limits() if self.size_m else None,
            cooldown_s=self.cooldown_s,
            permitted=self.permitted,
            event_names=around.codes.names_of(code),
        )
        if self.callout is not None:
            return replace(zone, callout=self.callout.callout())
        return replace(zone, callout=around.callout) if self.kind is SPEAKING else zone

    def _lies_on(self, ground: GroundPlane) -> None:
        beyond = next((corner for corner in self.polygon if ground.on_ground(corner) is None), None)
        if beyond is not None:
            raise ValueError(
                f"polygon: corner [{beyond[0]:g}, {beyond[1]:g}] lies at the horizon of the camera's homography or above it: "
                "allowed is what lies on the ground"
            )
        if ground.widest_m(self.polygon) < WHEEL_M:
            raise ValueError(
                f"polygon: it is thinner than a wheel, {ground.widest_m(self.polygon):.2f} m at its widest: "
                f"allowed is {WHEEL_M:g} m and more"
            )

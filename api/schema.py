"""The wire: what a worker sends to the event system, version 1.

Imports without FastAPI, so that a worker can build and check messages without the server.
A newer worker may send keys that this version does not know: they are kept as they came, and counted by the receiver.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

SCHEMA_VERSION = 1

REVISION_MAX = 2**31 - 1
"""What every database keeps as an integer; a revision a second lasts for 68 years."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,100}$")]
"""Ids of cameras and zones: lower-case letters, digits, `-` and `_`."""

IncidentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Ids of incidents: what our workers derive, and what other senders use (UUID, ULID). Safe as a name in a URL or folder."""

EvidenceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A file name without a path: it starts with a letter or digit, so `..` and hidden files can't be named."""

Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]

YEARS = range(1970, 9000)
"""Of a moment: far from both ends of the calendar, where another offset from UTC would be no moment any more."""


def _is_text(value: Any) -> Any:
    # A bare number would be read as seconds or as milliseconds, by its size.
    if not isinstance(value, datetime) and (not isinstance(value, str) or "-" not in value[1:]):
        raise ValueError("allowed is RFC 3339, as 2026-03-02T08:00:00Z")
    return value


def _is_in_calendar(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise ValueError(f"the year is {moment.year}: allowed is {YEARS.start} to {YEARS.stop - 1}")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_is_text), AfterValidator(_is_in_calendar)]
"""A moment as it travels: RFC 3339 with its offset from UTC."""


class IncidentType(StrEnum):
    """What happened, in the terms of the event system."""

    ILLEGAL_PARKING = "illegal_parking"
    TWO_WHEELER_PARKING = "two_wheeler_parking"
    STREET_VENDING = "street_vending"
    ROAD_OCCUPATION = "road_occupation"
    DUMPING = "dumping"


class IncidentState(StrEnum):
    """How far an incident has got, as its worker sees it."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    ENDED = "ended"


class EvidenceKind(StrEnum):
    """What a file of evidence is."""

    CLIP = "clip"
    SNAPSHOT = "snapshot"
    CLOSEUP = "closeup"
    TRACKS = "tracks"
    COMPLETENESS = "completeness"
    RECORD = "record"


class WireModel(BaseModel):
    """Base of all messages: immutable, keeps unknown keys; a number is finite."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Subject(WireModel):
    """Somebody or something that takes part: the vehicle, the person who put a thing down."""

    role: str
    class_name: str = Field(alias="class")
    plate: str | None = None
    """Only what is legible; never a guess."""
    plate_confidence: Fraction | None = None
    plate_colour: str | None = None


class EvidenceItem(WireModel):
    """One file of evidence; `derived_from` names the original that an annotated or viewing copy was made from."""

    name: EvidenceName
    kind: EvidenceKind
    sha256: Sha256Hex
    start_at: Moment
    end_at: Moment
    derived_from: EvidenceName | None = None


class Clock(WireModel):
    """Where wall-clock time came from and how far it may be off."""

    source: Literal["rtcp", "arrival", "file"]
    error_s: float | None = None
    """Measured, never claimed: None when it could not be measured."""


class IncidentRevision(WireModel):
    """An immutable snapshot of one incident; a later snapshot carries a higher `revision`."""

    schema_version: int = Field(default=SCHEMA_VERSION, alias="schema")
    id: IncidentId
    revision: int = Field(ge=1, le=REVISION_MAX)
    state: IncidentState
    camera: Identifier
    zone: Identifier
    type: IncidentType
    onset_at: Moment | None = None
    seen_from_at: Moment | None = None
    """The first picture with it in; the onset where that is known, else when watching began."""
    confirmed_at: Moment | None = None
    ended_at: Moment | None = None
    box: tuple[Fraction, Fraction, Fraction, Fraction]
    """xyxy in fractions of the frame, origin top left, at confirmation."""
    score: Fraction
    why: dict[str, Any] = Field(default_factory=dict)
    """Readable numbers behind the decision; `summary` is one sentence for the reviewer."""
    subjects: tuple[Subject, ...] = ()
    evidence: tuple[EvidenceItem, ...] = ()
    zone_kind: str | None = None
    dwell_s: float | None = None
    place: str | None = None
    direction: str | None = None
    grid_code: str | None = None
    event_code: str | None = None
    clock: Clock | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "IncidentRevision":
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            raise ValueError(f"box {self.box} is empty: allowed is left < right and top < bottom")
        if self.state is IncidentState.CONFIRMED and self.confirmed_at is None:
            raise ValueError("state is confirmed but confirmed_at is missing")
        if self.state is IncidentState.ENDED and self.ended_at is None:
            raise ValueError("state is ended but ended_at is missing")
        names = [item.name for item in self.evidence]
        if len(set(names)) != len(names):
            raise ValueError("two evidence files have the same name")
        return self


class IncidentPage(BaseModel):
    """One page of a list; `next` is the cursor of the following one."""

    incidents: list[dict[str, Any]]
    next: str | None = None


def unknown_keys(message: WireModel) -> int:
    """Counts the keys, at any depth, that this version of the schema does not know."""
    count = len(message.model_extra or {})
    for name in type(message).model_fields:
        value = getattr(message, name)
        items = value if isinstance(value, tuple) else (value,)
        count += sum(unknown_keys(item) for item in items if isinstance(item, WireModel))
    return count


def as_utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, the form in which moments travel."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """The one byte form of a JSON document that its digest is taken of: keys sorted, no blanks, UTF-8.

    Raises:
        ValueError: A number is not finite, or a text can't be encoded.

    Examples:
        >>> canonical_json({"b": 1, "a": "车"}).decode()
        '{"a":"车","b":1}'
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def content_digest(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON: what the event system acknowledges a revision by."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def header_of_sha256(sha256: str) -> str:
    """Writes the `Repr-Digest` header (RFC 9530) of a hex digest.

    Examples:
        >>> header_of_sha256("00" * 32)
        'sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:'
    """
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"

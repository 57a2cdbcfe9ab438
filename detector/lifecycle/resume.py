"""Open cases on disk, so that a restart of the worker goes on with them: the same incident, its dwell not begun anew.

What is kept is what a successor needs: the incident, where its thing stands, and how the place looks. Media time begins anew
with each start of a worker, so moments are moved over by what the wall clock says has passed.
"""

import contextlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from detector.following.template import SIDE_PX
from detector.following.things import Presence, Thing
from detector.lifecycle.incidents import EvidenceFile, Incident
from detector.rules.signs import Actor
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from streams.disk import part_of, settle
from streams.wall import RTCP_TRUST_S

log = logging.getLogger(__name__)

OPEN_FOLDER = "open"
SCHEMA = 1
CLOCKS_DIFFER_S = RTCP_TRUST_S + 5.0
"""They may have been kept by the camera's own clock, or on another machine, whose clock is a little ahead."""
RESUME_MAX_S = 6 * 3600.0
"""After a longer pause nobody can say that it is still the same stay: what stands there is taken up anew."""


@dataclass(frozen=True)
class OpenCase:
    """One case as a successor needs it. Times are media time in seconds."""

    incident: Incident
    thing: Thing
    laters: int = 0
    later_s: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)
    not_before_s: float | None = None
    """No alarm before; None: no such limit."""
    zone: Zone | None = None
    """As far as the incident's end says it, should the zone be no more; None where an earlier version has kept it."""
    lost: str | None = None
    """Why it can't be followed on; None: it can."""
    cooling: bool = False
    """It is over, and all is told: another one like it is not told of at once."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _KeptThing(_Kept):
    anchor: Box
    template: list[float]
    first_s: float
    last_s: float
    counts: dict[Presence, int]
    classes: dict[str, int]
    score_sum: float
    boxes: list[Box]
    steady: bool
    from_start: bool = False


class _KeptZone(_Kept):
    kind: ZoneKind
    polygon: tuple[tuple[float, float], ...]
    dwell_s: float
    event_code: str | None
    grid_code: str | None


class _KeptCase(_Kept):
    incident: Incident
    thing: int
    """Which of the file's things: one may stand in several zones."""
    laters: int
    later_s: float
    about: dict[str, Any]
    not_before_s: float | None
    zone: _KeptZone | None = None
    cooling: bool = False


class _File(_Kept):
    schema_: int = SCHEMA
    now_s: float
    """Media time when it was written …"""
    now_at: AwareDatetime
    """… and what the wall clock said."""
    things: list[_KeptThing]
    cases: list[_KeptCase]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if any(not 0 <= case.thing < len(self.things) for case in self.cases):
            raise ValueError("a case's thing is not in the file")
        return self


_FILE = TypeAdapter(_File)


def keep_open(state_dir: Path, camera: str, cases: Sequence[OpenCase], now_s: float, now_at: datetime) -> None:
    """Replaces what is known of a camera's open cases, synced.

    Args:
        state_dir: The worker's.
        camera: Whose cases they are.
        cases: All that are open.
        now_s: Media time of the newest picture.
        now_at: The same moment on the wall clock.
    """
    things = list({id(case.thing): case.thing for case in cases}.values())
    rows = [
        _KeptCase(
            incident=case.incident,
            thing=things.index(case.thing),
            laters=case.laters,
            later_s=case.later_s,
            about=case.about,
            not_before_s=case.not_before_s,
            cooling=case.cooling,
            zone=None if case.zone is None else _KeptZone.model_validate(case.zone, from_attributes=True),
        )
        for case in cases
    ]
    file = _File(now_s=now_s, now_at=now_at, things=[_kept(thing) for thing in things], cases=rows)
    path = open_path(state_dir, camera)
    path.parent.mkdir(parents=True, exist_ok=True)
    part_of(path).write_bytes(_FILE.dump_json(file))
    settle(part_of(path), path)


def with_revisions(document: Mapping[str, Any], revisions: Mapping[str, int]) -> bytes:
    """Open cases as another worker has kept them, to go on with: each at the latest revision that anybody has told.

    Args:
        document: As it was kept.
        revisions: By incident, the latest that the event system has.
    """
    cases = document.get("cases")
    for case in cases if isinstance(cases, list) else ():
        incident = case.get("incident") if isinstance(case, dict) else None
        if isinstance(incident, dict) and isinstance(incident.get("revision"), int):
            incident["revision"] = max(incident["revision"], revisions.get(str(incident.get("id")), 0))
    return json.dumps(document, ensure_ascii=False).encode()


def read_open(state_dir: Path, camera: str, now_s: float, now_at: datetime) -> list[OpenCase]:
    """The cases that were open when the camera was last watched, in the media time of now.

    After too long a pause, those that somebody was told of come as `lost`, and the others not at all.

    Args:
        state_dir: The worker's.
        camera: Whose cases they are.
        now_s: Media time of the first picture.
        now_at: The same moment on the wall clock.
    """
    path = open_path(state_dir, camera)
    try:
        _take_in(taken_path(state_dir, camera), path)
        file = _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        log.error("camera %s: open cases in %s can't be read, and are taken up anew: %s", camera, path, error)  # noqa: TRY400
        return []
    paused_s = (now_at - file.now_at).total_seconds()
    lost = None
    if not -CLOCKS_DIFFER_S <= paused_s <= RESUME_MAX_S:
        log.warning(
            "camera %s: its %d open cases were kept %.0f s ago (allowed is 0 to %.0f), and are taken up anew",
            camera, len(file.cases), paused_s, RESUME_MAX_S,
        )  # fmt: skip
        lost = f"it was kept {paused_s:.0f} s ago (allowed is 0 to {RESUME_MAX_S:.0f})"
    # What is not followed on keeps the wall-clock times that it was told with.
    by_s = now_s - file.now_s - (paused_s if lost else max(0.0, paused_s))
    things = [_thing(kept, number, by_s) for number, kept in enumerate(file.things, start=1)]
    return [
        OpenCase(
            _moved(row.incident, by_s),
            things[row.thing],
            row.laters,
            row.later_s + by_s,
            row.about,
            _later(row.not_before_s, by_s),
            None if row.zone is None else Zone(row.incident.zone, **dict(row.zone)),
            lost,
            row.cooling,
        )
        for row in file.cases
        if lost is None or (row.incident.revision > 0 and not row.cooling)
    ]


def told_of(state_dir: Path) -> set[str]:
    """Open incidents of which something was told, or is to be told as soon as that can be written."""
    told: set[str] = set()
    for path in (state_dir / OPEN_FOLDER).glob("*.json"):
        with contextlib.suppress(OSError, ValidationError):  # whoever takes its cases up says so
            cases = _FILE.validate_json(path.read_bytes()).cases
            told |= {case.incident.id for case in cases if case.incident.revision > 0}
    return told


def _kept(thing: Thing) -> _KeptThing:
    return _KeptThing(
        anchor=thing.anchor,
        template=[round(float(value), 5) for value in thing.template.ravel()],
        first_s=thing.first_s,
        last_s=thing.last_s,
        counts=dict(thing.counts),
        classes=dict(thing.classes),
        score_sum=thing.score_sum,
        boxes=thing.boxes,
        steady=thing.steady,
        from_start=thing.from_start,
    )


def _thing(kept: _KeptThing, number: int, by_s: float) -> Thing:
    return Thing(
        id=number,
        anchor=kept.anchor,
        template=np.array(kept.template, np.float32).reshape(SIDE_PX, SIDE_PX),
        first_s=kept.first_s + by_s,
        last_s=kept.last_s + by_s,
        presence=Presence.HELD,
        settled=True,
        counts=Counter(kept.counts),
        classes=Counter(kept.classes),
        score_sum=kept.score_sum,
        boxes=list(kept.boxes),
        steady=kept.steady,
        from_start=kept.from_start,
    )


def _moved(incident: Incident, by_s: float) -> Incident:
    """The incident with all its moments later by so much."""
    return replace(
        incident,
        # An earlier version may have kept one that reaches out of the frame.
        box=incident.box.clipped,
        since_s=incident.since_s + by_s,
        onset_s=_later(incident.onset_s, by_s),
        confirmed_s=_later(incident.confirmed_s, by_s),
        ended_s=_later(incident.ended_s, by_s),
        evidence=tuple(_moved_file(file, by_s) for file in incident.evidence),
        actor=None if incident.actor is None else _moved_actor(incident.actor, by_s),
    )


def _moved_file(file: EvidenceFile, by_s: float) -> EvidenceFile:
    return replace(file, start_s=file.start_s + by_s, end_s=file.end_s + by_s)


def _moved_actor(actor: Actor, by_s: float) -> Actor:
    return replace(actor, seen_s=actor.seen_s + by_s, left_s=_later(actor.left_s, by_s))


def _later(time_s: float | None, by_s: float) -> float | None:
    return None if time_s is None else time_s + by_s


def open_path(state_dir: Path, camera: str) -> Path:
    """Where a camera's open cases lie."""
    return state_dir / OPEN_FOLDER / f"{camera}.json"


def taken_path(state_dir: Path, camera: str) -> Path:
    """Where what another worker has left of them waits until the camera is taken up anew; empty: it has left nothing."""
    return state_dir / OPEN_FOLDER / f"{camera}.taken.json"


def _take_in(taken: Path, path: Path) -> None:
    """Puts it in place of what was kept here. Not before: whoever watched the camera until now kept that file."""
    if not taken.exists():
        return
    if taken.stat().st_size:
        taken.replace(path)
    else:
        path.unlink(missing_ok=True)
        taken.unlink()

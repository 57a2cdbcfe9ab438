"""`cameras check`: opens every source, says what it is and what is doubtful, and draws its zones on a picture."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import ConfigError
from detector.evidence.annotate import DrawnZone, with_zones
from detector.evidence.files import as_json
from detector.zoning.cameras_file import Camera, read_cameras
from detector.zoning.zones import Zone, overlap_warnings
from streams.errors import SourceError
from streams.frame import Frame
from streams.source.probe import Probe, probe
from streams.still import encode_jpeg

log = logging.getLogger(__name__)

REPORT_FILE = "cameras.json"
GOP_DOUBTFUL_S = 4.0
"""Above, patrol finds no keyframe near the moment that it wants, and decodes more than that one picture."""
FPS_TOLERANCE = 0.1
"""Frames that are dropped on the way make a few percent; more is a wrong setting, or a stream that the network can't carry."""


def check_cameras(cameras_path: Path, out_dir: Path, at: datetime | None = None) -> list[dict[str, Any]]:
    """Probes every camera and writes `cameras.json` and a `ID.jpg` for each.

    Args:
        cameras_path: Cameras file.
        out_dir: Made if missing.
        at: An aware moment that calendars are asked about; None: now, and for a recorded file when it was taken.

    Returns:
        A row for each camera: what it is with `doubts`, a line for each, or the `error`.

    Raises:
        ConfigError: The file is wrong, or none of its sources can be opened.
    """
    cameras = read_cameras(cameras_path)
    probed = [(camera, _probed(camera)) for camera in cameras]
    failed = [result for _, result in probed if isinstance(result, SourceError)]
    if len(failed) == len(probed):
        raise ConfigError("\n".join(f"camera {camera.id}: source {result}" for camera, result in probed))
    out_dir.mkdir(parents=True, exist_ok=True)
    now = at or datetime.now(UTC)
    rows = [_row(camera, result, out_dir, at or camera.starts_at or now) for camera, result in probed]
    (out_dir / REPORT_FILE).write_bytes(as_json({"schema": 1, "cameras": rows}))
    return rows


def _probed(camera: Camera) -> Probe | SourceError:
    try:
        return probe(camera.address)
    except SourceError as error:
        return error


def _doubts(camera: Camera, known: Probe) -> Iterator[str]:
    if known.codec == "hevc":
        yield "H.265: many browsers can't play it, so that each clip needs a viewing copy in H.264"
    if known.gop_s is not None and known.gop_s > GOP_DOUBTFUL_S:
        yield f"GOP of {known.gop_s:g} s: patrol has to decode more than keyframes; {GOP_DOUBTFUL_S:g} s and less is good"
    if camera.address.live and not known.timed:
        yield "the stream carries no time: pictures are dated by their arrival"
    elif camera.address.live and known.clock_source == "arrival":
        yield "no usable sender reports so far: pictures are dated by their arrival"
    if known.declared_fps and known.fps and abs(known.fps / known.declared_fps - 1) > FPS_TOLERANCE:
        yield f"declares {known.declared_fps:g} fps, and {known.fps:g} come"
    yield from overlap_warnings(camera.zones)


def describe(camera: Camera, known: Probe) -> dict[str, Any]:
    """What a source turned out to be, with `doubts`, a line for each."""
    return {
        "codec": known.codec,
        "width_px": known.width_px,
        "height_px": known.height_px,
        "fps": known.fps,
        "declared_fps": known.declared_fps,
        "gop_s": known.gop_s,
        "kbit_per_s": known.kbit_per_s,
        "clock_source": known.clock_source,
        "transport": _transport(camera, known),
        "doubts": list(_doubts(camera, known)),
    }


def drawn(camera: Camera, frame: Frame, at: datetime) -> NDArray[np.uint8]:
    """A picture of a camera with its zones, and the ground where it was measured; RGB `(height, width, 3)` uint8."""
    zones = [DrawnZone(_label(zone, at), zone.polygon, _applies(zone, at)) for zone in camera.zones]
    step_m, grid = camera.ground.grid([zone.polygon for zone in camera.zones]) if camera.ground else (0.0, [])
    height_m = _height_m(camera, frame)
    hangs = f"; the camera hangs {height_m:.1f} m high" if height_m is not None else ""
    lines = [f"{camera.id}: lines on the ground are {step_m:g} m apart{hangs}"] if grid else []
    return with_zones(frame.rgb(), zones, grid=grid, lines=lines)


def _height_m(camera: Camera, frame: Frame) -> float | None:
    return camera.ground.camera_height_m(frame.width_px / frame.height_px) if camera.ground else None


def _row(camera: Camera, known: Probe | SourceError, out_dir: Path, at: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "camera": camera.id,
        "source": str(camera.address),
        "zones": [zone.id for zone in camera.zones],
    }
    if isinstance(known, SourceError):
        return row | {"error": str(known)}
    picture = f"{camera.id}.jpg"
    (out_dir / picture).write_bytes(encode_jpeg(drawn(camera, known.picture, at)))
    height_m = _height_m(camera, known.picture)
    return (
        row
        | describe(camera, known)
        | {
            "rules": [_rule(zone, at) for zone in camera.zones],
            "camera_height_m": None if height_m is None else round(height_m, 2),
            "picture": picture,
        }
    )


def _applies(zone: Zone, at: datetime) -> bool:
    return zone.calendar is None or zone.calendar.active(at)


def _label(zone: Zone, at: datetime) -> str:
    said = [f"{zone.id}: {zone.kind.value}", f"{zone.dwell_s:g} s"]
    said += [f"not {name}" for name in sorted(zone.exempt)]
    return ", ".join(said if _applies(zone, at) else [*said, "off now"])


def _rule(zone: Zone, at: datetime) -> dict[str, Any]:
    """What a zone says beside its polygon, as far as it says it."""
    rule: dict[str, Any] = {"zone": zone.id, "kind": zone.kind.value, "dwell_s": zone.dwell_s}
    if zone.calendar is not None:
        rule |= {"calendar": str(zone.calendar), "applies": _applies(zone, at), "asked_at": at.isoformat()}
    said = {
        "classes": sorted(zone.classes or ()),
        "exempt": sorted(zone.exempt),
        "event_code": zone.event_code,
        "event_names": dict(zone.event_names),
        "grid_code": zone.grid_code,
        "callout": None if zone.callout is None else str(zone.callout),
    }
    return rule | {key: value for key, value in said.items() if value}


def _transport(camera: Camera, known: Probe) -> str:
    scheme = camera.address.scheme
    if scheme.startswith("rtsp"):
        return f"{scheme} over {camera.address.transport}"
    return f"{known.container} over {scheme}" if scheme else "file"

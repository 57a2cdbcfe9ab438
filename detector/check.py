"""`cameras check`: opens every source, says what it is, and draws its zones on a picture."""

import logging
from pathlib import Path
from typing import Any

from detector.annotate import with_zones
from detector.cameras_file import Camera, read_cameras
from detector.errors import ConfigError
from detector.files import as_json
from streams.errors import SourceError
from streams.probe import Probe, probe
from streams.still import encode_jpeg

log = logging.getLogger(__name__)

REPORT_FILE = "cameras.json"


def check_cameras(cameras_path: Path, out_dir: Path) -> list[dict[str, Any]]:
    """Probes every camera and writes `cameras.json` and a `ID.jpg` for each.

    Returns:
        A row for each camera: what it is, or the `error`.

    Raises:
        ConfigError: The file is wrong, or none of its sources can be opened.
    """
    cameras = read_cameras(cameras_path)
    probed = [(camera, _probed(camera)) for camera in cameras]
    failed = [result for _, result in probed if isinstance(result, SourceError)]
    if len(failed) == len(probed):
        raise ConfigError("\n".join(f"camera {camera.id}: source {result}" for camera, result in probed))
    out_dir.mkdir(parents=True, exist_ok=True)
    rows = [_row(camera, result, out_dir) for camera, result in probed]
    (out_dir / REPORT_FILE).write_bytes(as_json({"schema": 1, "cameras": rows}))
    return rows


def _probed(camera: Camera) -> Probe | SourceError:
    try:
        return probe(camera.address)
    except SourceError as error:
        return error


def _row(camera: Camera, result: Probe | SourceError, out_dir: Path) -> dict[str, Any]:
    row: dict[str, Any] = {
        "camera": camera.id,
        "source": str(camera.address),
        "zones": [zone.id for zone in camera.zones],
    }
    if isinstance(result, SourceError):
        return row | {"error": str(result)}
    zones = [(f"{zone.id}: {zone.kind.value}, {zone.dwell_s:g} s", zone.polygon) for zone in camera.zones]
    image = with_zones(result.picture.rgb(), zones)
    picture = f"{camera.id}.jpg"
    (out_dir / picture).write_bytes(encode_jpeg(image))
    return row | {
        "codec": result.codec,
        "width_px": result.width_px,
        "height_px": result.height_px,
        "fps": result.fps,
        "gop_s": result.gop_s,
        "kbit_per_s": result.kbit_per_s,
        "clock_source": result.clock_source,
        "picture": picture,
    }

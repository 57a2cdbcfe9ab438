"""Views of cameras on disk, so that a restart compares with what the camera saw before it.

A view belongs to the zones that were drawn on it: with other zones, or once an operator accepts what a moved camera sees now,
it is learned anew.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from detector.errors import ConfigError
from detector.health import read_health
from detector.zoning.cameras_file import Camera

log = logging.getLogger(__name__)

VIEWS_FOLDER = "views"
BROKEN = (OSError, ValueError, KeyError, EOFError, BadZipFile)


ZONES = "zones"
"""The array beside those of the view: which zones it belongs to."""


def write_view(state_dir: Path, camera: Camera, view: Mapping[str, NDArray[Any]]) -> None:
    """Replaces the camera's view; a view that has not been learned yet leaves the old one."""
    if not all(array.size for array in view.values()):
        return
    path = _path(state_dir, camera.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(view), **{ZONES: np.array(_drawn(camera))})
    partial.rename(path)


def read_view(state_dir: Path, camera: Camera) -> dict[str, NDArray[Any]] | None:
    """The camera's view; None if there is none that holds: it is learned anew then, which takes half a minute."""
    path = _path(state_dir, camera.id)
    if take_accepted(state_dir, camera.id):
        path.unlink(missing_ok=True)
    try:
        # Opened here, because numpy leaves a file open that it can't read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            view = dict(held)
            drawn = str(view.pop(ZONES))
    except FileNotFoundError:
        return None
    except BROKEN as error:
        log.warning("camera %s: its view in %s can't be read, and is learned anew: %s", camera.id, path, error)
        return None
    if drawn != _drawn(camera):
        log.info("camera %s: its zones were drawn anew, so the view is learned anew", camera.id)
        return None
    return view


def accept_view(state_dir: Path, camera: str) -> None:
    """Asks the worker to take what the camera sees now for the view that its zones were drawn on.

    Raises:
        ConfigError: No worker has ever watched such a camera here.
    """
    known = [str(row["camera"]) for row in read_health(state_dir, datetime.now(UTC))]
    if camera not in known:
        raise ConfigError(f"--state {state_dir}: no camera {camera!r}: it has {', '.join(known) or 'none'}")
    path = _accepted(state_dir, camera)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def take_accepted(state_dir: Path, camera: str) -> bool:
    """True, once, after `accept_view`."""
    try:
        _accepted(state_dir, camera).unlink()
    except FileNotFoundError:
        return False
    return True


def _path(state_dir: Path, camera: str) -> Path:
    return state_dir / VIEWS_FOLDER / f"{camera}.npz"


def _accepted(state_dir: Path, camera: str) -> Path:
    return _path(state_dir, camera).with_suffix(".accepted")


def _drawn(camera: Camera) -> str:
    """Tells sets of zones apart by where they lie; how long one may stay in them is no matter."""
    places = sorted((zone.id, [list(point) for point in zone.polygon]) for zone in camera.zones)
    return hashlib.sha256(json.dumps(places).encode()).hexdigest()

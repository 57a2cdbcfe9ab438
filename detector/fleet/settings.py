"""The registry's settings as the worker uses them; each camera for itself, so that one mistake does not stop the others."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from detector.errors import ConfigError
from detector.zoning.cameras_file import Camera, cameras_in
from streams.disk import part_of, settle

log = logging.getLogger(__name__)

SOURCE = "registry"
KEPT_FILE = "configuration.json"


def read_settings(
    document: Mapping[str, Any], folder: Path, check: Callable[[Camera], None]
) -> tuple[list[Camera], dict[str, str]]:
    """Reads a configuration.

    Args:
        document: In the form of a cameras file, as the event system tells it.
        folder: What relative paths would start from; there should be none.
        check: Whether a camera can be watched; raises ConfigError.

    Returns:
        The cameras that can be watched, each with its version; and of the others, why not.
    """
    cameras: list[Camera] = []
    refused: dict[str, str] = {}
    shared = {key: value for key, value in document.items() if key != "cameras"}
    entries = document.get("cameras")
    for entry in entries if isinstance(entries, list) else ():
        name = str(entry.get("id")) if isinstance(entry, dict) else "?"
        alone = {"cameras": [entry], **shared}
        try:
            (camera,) = cameras_in(alone, SOURCE, folder)
            _require_live(camera)
            check(camera)
        except ConfigError as error:
            refused[name] = str(error).splitlines()[0]
        else:
            cameras.append(replace(camera, version=_digest(alone)))
    return cameras, refused


def keep(state_dir: Path, document: Mapping[str, Any]) -> None:
    """Keeps a configuration for a start without the event system. It holds no logins, only the names of variables."""
    path = state_dir / KEPT_FILE
    part_of(path).write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    settle(part_of(path), path)


def read_kept(state_dir: Path) -> dict[str, Any]:
    """What was kept last; without cameras if nothing was, or it can't be read."""
    try:
        content = json.loads((state_dir / KEPT_FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s can't be read: %s", state_dir / KEPT_FILE, error)
        return {}
    return content if isinstance(content, dict) else {}


def _require_live(camera: Camera) -> None:
    if not camera.address.live:  # a path: whoever may change the registry must not read the worker's disk
        raise ConfigError(f"camera {camera.id}: source: allowed is the address of a live camera")


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

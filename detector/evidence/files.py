"""Files of evidence: on disk, synced, before anybody hears of them."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from detector.lifecycle.incidents import EvidenceFile


def write_evidence(
    folder: Path, name: str, kind: str, data: bytes, start_s: float, end_s: float, *, derived_from: str | None = None
) -> EvidenceFile:
    """Writes a file of evidence whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.part"
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(folder / name)
    sync_folder(folder)
    return EvidenceFile(name, kind, hashlib.sha256(data).hexdigest(), start_s, end_s, derived_from)


def sync_folder(folder: Path) -> None:
    """Makes sure that new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_json(content: Any) -> bytes:
    """The one way in which JSON is written: sorted, readable, UTF-8, the same bytes for the same content."""
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()

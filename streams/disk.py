"""Files that are there whole or not at all."""

import os
from pathlib import Path


def part_of(path: Path) -> Path:
    """Where a file is written before it gets its name; hidden, and not to be taken for a file that is done."""
    return path.with_name(f".{path.name}.part")


def settle(part: Path, path: Path) -> None:
    """Gives a written file its name, so that neither a crash nor a power cut leaves half a file under it."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

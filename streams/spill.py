"""Where a packet ring puts what it has no room for in memory: a folder of GOPs."""

import logging
from collections.abc import Sequence
from pathlib import Path

from streams.packet import Packet
from streams.shelf import ShelfError, Shelved, shelve

log = logging.getLogger(__name__)

_SUFFIX = ".gop"


class Spill:
    """Keeps GOPs of one ring in a folder, one file each. What an earlier run left in it is removed.

    Nothing here outlives the process, so nothing waits for the disk to sync. One thread shelves; several may read.

    Args:
        folder: Belongs to this ring alone; made if missing.
        memory_bytes: What the ring may keep in memory. The GOP that is being filled always stays there.

    Raises:
        ValueError: `memory_bytes` is not positive.
        OSError: The folder can't be made or tidied.
    """

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        if memory_bytes <= 0:
            raise ValueError(f"{folder}: a ring needs some memory: memory_bytes must be positive, not {memory_bytes}")
        self.folder = folder
        self.memory_bytes = memory_bytes
        self.failures = 0
        """GOPs that could not be written, or not be removed."""
        self.unreadable = 0
        """GOPs that were asked for and could not be read."""
        self._shelved = 0
        self._failing = False
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in (*folder.glob(f"*{_SUFFIX}"), *folder.glob(f".*{_SUFFIX}.part")):
            leftover.unlink(missing_ok=True)

    def shelve(self, packets: Sequence[Packet]) -> Shelved | None:
        """Puts a GOP on disk; None if it can't be written. An outage of the disk is logged once, not at each GOP."""
        self._shelved += 1
        try:
            shelved = shelve(packets, self.folder / f"{self._shelved:08d}{_SUFFIX}", keep=False)
        except OSError as error:
            self.failures += 1
            if not self._failing:
                log.warning("%s: can't be written, the ring keeps less: %s", self.folder, error)
            self._failing = True
            return None
        self._failing = False
        return shelved

    def read(self, shelved: Shelved) -> list[Packet] | None:
        """Takes a GOP's packets from disk; None if it can't be read."""
        try:
            return shelved.packets()
        except (ShelfError, OSError) as error:
            log.debug("%s: can't be read: %s", shelved.path, error)
            return None

    def remove(self, shelved: Shelved) -> None:
        """Removes a GOP from disk."""
        try:
            shelved.remove()
        except OSError as error:
            self.failures += 1
            log.debug("%s: can't be removed: %s", shelved.path, error)

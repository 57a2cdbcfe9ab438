"""A pin: the packets of an arrival, kept until the case that they belong to is decided.

The ring is shorter than a dwell, and many candidates wait at a time: what they keep lies on disk. It lies in the
incident's folder, is no evidence and never listed as such.
"""

import contextlib
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from streams.packet import Packet
from streams.shelf import ShelfError, Shelved, shelve

log = logging.getLogger(__name__)

PIN_NAME = ".arrival.pin"


def forget_pin(folder: Path) -> None:
    """Removes what a worker that is no more has pinned in a folder: its packets belong to a media time that is over."""
    with contextlib.suppress(OSError):
        (folder / PIN_NAME).unlink()
        folder.rmdir()  # if nothing else is in it


class Pin:
    """Holds packets in memory until `to_disk` has written them; safe to use from several threads."""

    def __init__(self, packets: Sequence[Packet], folder: Path) -> None:
        self._folder = folder
        self._packets = tuple(packets)
        self._shelved: Shelved | None = None
        self._released = False
        self._lock = threading.Lock()

    def to_disk(self) -> None:
        """Writes the packets, synced. If the disk won't take them, they stay in memory."""
        packets = self._packets  # `release` may empty it at any time
        if not packets:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            shelved = shelve(packets, self._folder / PIN_NAME, keep=True)
        except OSError as error:
            log.warning("%s: an arrival can't be written and stays in memory: %s", self._folder, error)
            return
        with self._lock:
            if not self._released:
                self._shelved, self._packets = shelved, ()
                return
        self._remove(shelved)

    def packets(self) -> list[Packet]:
        """The packets, in decoding order; none if there were none, or if they can't be read any more."""
        with self._lock:
            if self._shelved is None:
                return list(self._packets)
            try:
                return self._shelved.packets()
            except (ShelfError, OSError) as error:
                log.error("%s: an arrival can't be read and is lost: %s", self._folder, error)  # noqa: TRY400
                return []

    def release(self) -> None:
        """Lets go of the packets, on disk and in memory; more than once does no harm."""
        with self._lock:
            self._released = True
            shelved, self._shelved, self._packets = self._shelved, None, ()
        if shelved is not None:
            self._remove(shelved)

    def _remove(self, shelved: Shelved) -> None:
        with contextlib.suppress(OSError):
            shelved.remove()
            self._folder.rmdir()  # if nothing else is in it

"""What a shard is told: when it starts, and while it runs. Travels between processes."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from detector.zoning.cameras_file import Camera
from streams.hardware import AUTO


class StopSign(Protocol):
    """A flag that another process may raise: `multiprocessing.Event`."""

    def is_set(self) -> bool:
        """True once it is raised."""
        ...


class OrderBox(Protocol):
    """Where the supervisor leaves orders: `multiprocessing.Queue`."""

    def get_nowait(self) -> "Orders":
        """The oldest; raises `queue.Empty`."""
        ...


@dataclass(frozen=True)
class Orders:
    """What a shard watches from now on.

    Attributes:
        cameras: All of them; one that is taken as something else than before starts anew.
        lasting: More may come: it runs on when all of them have ended.
    """

    cameras: tuple[Camera, ...]
    lasting: bool


@dataclass(frozen=True)
class ShardSpec:
    """What a shard is told when it starts; travels to its process."""

    name: str
    cameras: tuple[Camera, ...]
    """Those that it starts with."""
    model: str
    state_dir: Path
    analysts: int
    decode: str = AUTO
    """Where pictures are decoded: `auto`, `cpu`, or a device that `streams.hardware` knows."""
    log_level: int = logging.INFO
    ring_memory_bytes: int | None = None
    """What a camera's packet ring may hold in memory; what is more goes to disk. None: all of it stays in memory."""
    provider: str | None = None
    """Where the detector runs; None takes the best that is there."""
    lasting: bool = False
    """More cameras may come: see `Orders`."""

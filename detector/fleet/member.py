"""A worker among others: it gives signs of life, and knows from the answers what it watches.

Where the event system can't be asked, it goes on with what it has: a day without it costs disk and nothing else. What another
worker has got meanwhile is given up as soon as that is known, and until then what it writes is refused.
"""

import contextlib
import logging
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from detector.delivery.outbox import Outbox
from detector.errors import ConfigError
from detector.fleet.client import Answer, AwayError, FleetClient, NoLeasesError
from detector.fleet.handover import Handover
from detector.fleet.reports import reports_of
from detector.fleet.settings import keep, read_kept, read_settings
from detector.health import read_health
from detector.zoning.cameras_file import Camera

log = logging.getLogger(__name__)

BEAT_S = 10.0
"""Between two signs of life, or a third of a lease where that is shorter."""
LEAVE_EVERY_S = 1.0
OLD_S = 60.0
"""How often an event system that knows no leases is asked whether it does by now."""
ID_FILE = "worker-id"


@dataclass(frozen=True)
class Watched:
    """What a worker watches.

    Attributes:
        cameras: Its own, for now.
        lasting: More may come: there is something to wait for even when all of them have ended.
    """

    cameras: tuple[Camera, ...]
    lasting: bool


@dataclass(frozen=True)
class Wish:
    """What a worker wants to watch.

    Attributes:
        cameras: Those of its cameras file; None: what the registry has for it.
        capacity: So many it takes of the registry's.
    """

    cameras: tuple[Camera, ...] | None
    capacity: int = 0


class Member:
    """One worker's part among all; `join`, then `start`, then `stop`.

    Args:
        client: To the event system.
        state_dir: The worker's.
        outbox: What waits to be delivered.
        wish: What it wants to watch.
        check: Whether the worker can watch a camera as it is set; raises ConfigError.
    """

    def __init__(
        self, client: FleetClient, state_dir: Path, outbox: Outbox, wish: Wish, check: Callable[[Camera], None]
    ) -> None:
        self._client, self._state_dir, self._outbox, self._wish, self._check = client, state_dir, outbox, wish, check
        self._id = _identity(state_dir)
        self._started_at = datetime.now(UTC)
        self._handover = Handover(client, state_dir)
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self._stopping = threading.Event()
        self._watched = Watched(self._leased(wish.cameras or ()), lasting=wish.cameras is None)
        self._settings: tuple[str | None, Mapping[str, Camera]] = (None, {})
        """The registry's: its ETag, and the cameras that can be watched."""
        self._refused: dict[str, str] = {}
        self._beat_s = BEAT_S
        self._is_away = False
        self._said_elsewhere: set[str] = set()

    @property
    def watched(self) -> Watched:
        """What the worker watches from now on; another object once it has changed."""
        return self._watched

    def epoch_of(self, camera: str) -> int | None:
        """Under which the worker watches a camera, or had it last; None where it knows of none."""
        return self._handover.epochs.get(camera)

    def join(self) -> None:
        """The first sign of life, so that it starts with what is its own.

        Where the event system can't be asked, a worker of the registry's cameras begins with those that it had last.

        Raises:
            ConfigError: The worker shall watch what the registry has, and there is none.
        """
        knows_leases = self._beat()
        if self._wish.cameras is not None:
            return
        if not knows_leases:
            raise ConfigError("--events: the event system has no registry: give the worker a cameras file")
        if self._is_away:
            cameras, _ = read_settings(read_kept(self._state_dir), self._state_dir, self._check)
            self._watched = Watched(self._leased(cameras), lasting=True)

    def start(self) -> None:
        """Begins to give signs of life."""
        self._thread.start()

    def stop(self) -> None:
        """Leaves what there is to leave, and frees the cameras; gives up when the event system is away."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=15.0)
        if not self._is_away:
            self._leave()
            with contextlib.suppress(AwayError, NoLeasesError):
                self._client.beat(self._said(leaving=True))
        self._client.close()

    def _run(self) -> None:
        due_s = time.monotonic() + self._beat_s
        while not self._stopping.wait(LEAVE_EVERY_S):
            try:
                self._leave()
                if time.monotonic() >= due_s:
                    due_s = time.monotonic() + self._beat_s
                    self._beat()
            except Exception:
                # A full disk, say: without signs of life all cameras would go to others.
                log.exception("the worker's part among others has failed, and is tried again")

    def _leave(self) -> None:
        with contextlib.suppress(AwayError):  # the next sign of life says so
            for camera in self._watched.cameras:
                self._handover.leave(camera.id)

    def _beat(self) -> bool:
        """Gives a sign of life; tells whether the event system knows leases, as far as it can be asked."""
        try:
            answer = self._client.beat(self._said())
            self._beat_s = min(BEAT_S, answer.lease_s / 3)
            self._take(answer)
        except NoLeasesError:
            self._beat_s = OLD_S
            return False
        except AwayError as error:
            if not self._is_away:
                log.warning("the event system can't be asked which cameras to watch (%s): as before, for now", error)
            self._is_away = True
        else:
            self._is_away = False
        return True

    def _take(self, answer: Answer) -> None:
        for lease in answer.leases:
            self._handover.take_over(lease)
        own = {lease.camera for lease in answer.leases}
        if self._wish.cameras is not None:
            cameras = tuple(camera for camera in self._wish.cameras if camera.id in own)
            lasting = len(cameras) < len(self._wish.cameras)
        else:
            self._fetch(answer.configuration)
            cameras = tuple(camera for camera in self._settings[1].values() if camera.id in own)
            lasting = True
        self._say_elsewhere(answer)
        watched = Watched(self._leased(cameras), lasting)
        if _versions(watched) != _versions(self._watched):
            log.info("watching %d cameras from now on", len(cameras))
            self._watched = watched

    def _leased(self, cameras: Iterable[Camera]) -> tuple[Camera, ...]:
        """With their epochs: a later one than before says that another worker has had the camera meanwhile."""
        epochs = self._handover.epochs
        return tuple(replace(camera, epoch=epochs.get(camera.id, 1)) for camera in cameras)

    def _fetch(self, etag: str | None) -> None:
        if etag is not None and self._settings[0] == f'"{etag}"':
            return
        document, now_etag = self._client.configuration(self._id, self._settings[0])
        if document is None:
            return
        keep(self._state_dir, document)
        cameras, self._refused = read_settings(document, self._state_dir, self._check)
        for camera, why in self._refused.items():
            log.error("camera %s: its settings in the registry can't be used, and nobody watches it: %s", camera, why)
        self._settings = (now_etag, {camera.id: camera for camera in cameras})

    def _say_elsewhere(self, answer: Answer) -> None:
        elsewhere = {held.camera for held in answer.elsewhere}
        for held in answer.elsewhere:
            if held.camera not in self._said_elsewhere:
                log.warning("camera %s: worker %s watches it: standing by", held.camera, held.worker)
        self._said_elsewhere = elsewhere

    def _said(self, *, leaving: bool = False) -> dict[str, Any]:
        counts = self._outbox.counts()
        listed = self._wish.cameras
        return {
            "worker": self._id,
            "name": platform.node()[:100] or "worker",
            "version": _version(),
            "started_at": self._started_at.isoformat(),
            "cameras": None if listed is None else [camera.id for camera in listed],
            "capacity": None if listed is not None else self._wish.capacity,
            "leaving": leaving,
            "outbox": {"waiting": counts["waiting"], "refused": counts["dead"]},
            "reports": reports_of(read_health(self._state_dir, datetime.now(UTC)), self._refused),
        }


def _versions(watched: Watched) -> Sequence[object]:
    return [*(camera.taken_as for camera in watched.cameras), watched.lasting]


def _identity(state_dir: Path) -> str:
    """The worker's id: it belongs to its state folder, so a restart is the same worker."""
    path = state_dir / ID_FILE
    if not path.exists():
        path.write_text(uuid.uuid4().hex, "utf-8")
    return path.read_text("utf-8").strip()


def _version() -> str:
    try:
        return version("streetwarden")
    except PackageNotFoundError:
        return "0"

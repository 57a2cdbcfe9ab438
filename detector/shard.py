"""A shard: one process that owns some cameras whole: reads, analyses, makes evidence. No picture ever leaves it."""

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from detector.cameras_file import Camera
from detector.evidence import RING_BYTES, RING_S
from detector.outbox import Outbox
from detector.slots import Slots
from detector.watch import CameraWatch, WatchPlan
from detector.wire import revision_json
from models.detector import Detector, load_detector
from streams.feed import Feed
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing

log = logging.getLogger(__name__)

TICK_S = 0.5
CLOSE_S = 2.0
SAY_EVERY_S = 60.0
SAY_FROM = 10
"""A few displaced samples are no news: cameras that started together fall due together."""
EVIDENCE_THREADS = 1
"""Clips and their tracks are made one after the other, so that patrol keeps the cores."""


class StopSign(Protocol):
    """A flag that another process may raise: `multiprocessing.Event`."""

    def is_set(self) -> bool:
        """True once it is raised."""
        ...


@dataclass(frozen=True)
class ShardSpec:
    """What a shard is told when it starts; travels to its process."""

    name: str
    cameras: tuple[Camera, ...]
    model: str
    state_dir: Path
    analysts: int
    log_level: int = logging.INFO


class _Post:
    """One camera in a shard: its feed, ring, patrol and watch."""

    def __init__(self, camera: Camera, plan: WatchPlan) -> None:
        if not camera.address.live and camera.starts_at is None:
            # A recording that is played in place of a camera happens now.
            camera = replace(camera, starts_at=datetime.now().astimezone())
        self.camera = camera
        self.feed = Feed(camera.address, paced=True, loop=camera.loop, starts_at=camera.starts_at)
        self.ring = PacketRing(RING_S, RING_BYTES)
        self.patrol = Patrol()
        self.decoder = PatrolDecoder()
        self.watch = CameraWatch(camera, self.ring, self.feed.clock, plan)
        self.thread = threading.Thread(target=lambda: None)
        self.finished = False


class Shard:
    """Runs its cameras until they have all ended, or until `stop`."""

    def __init__(self, spec: ShardSpec, detector: Detector) -> None:
        self.spec = spec
        self._slots = Slots()
        self._displaced_said = 0
        self._say_next_s = 0.0
        self._outbox = Outbox(spec.state_dir)
        self._evidence = ThreadPoolExecutor(EVIDENCE_THREADS, thread_name_prefix="evidence")
        folder = spec.state_dir / "evidence"
        plan = WatchPlan(
            detector=detector,
            folder=folder,
            publish=lambda camera, zone, clock, incident: self._outbox.post(
                revision_json(camera, zone, clock, incident), folder / incident.id
            ),
            record_of=revision_json,
            executor=self._evidence,
        )
        self._posts = {camera.id: _Post(camera, plan) for camera in spec.cameras}

    def run(self, stop: StopSign) -> None:
        """Blocks until all cameras have ended or `stop` is raised; evidence that is due is finished first."""
        analysts = [
            threading.Thread(target=self._analyse, name=f"analyst-{number}", daemon=True)
            for number in range(self.spec.analysts)
        ]
        for post in self._posts.values():
            post.thread = threading.Thread(target=self._read, args=(post,), name=f"feed-{post.camera.id}", daemon=True)
        for thread in (*analysts, *(post.thread for post in self._posts.values())):
            thread.start()
        supervisor = os.getppid()
        while not stop.is_set() and not all(post.finished for post in self._posts.values()):
            if os.getppid() != supervisor:
                log.error("the supervisor is gone: stopping")
                break
            time.sleep(TICK_S)
            self._tick()
        self._close(analysts)

    def _read(self, post: _Post) -> None:
        """A camera's own thread: packets into the ring, samples into the slot."""
        for packet in post.feed.packets():
            post.ring.push(packet)
            sample = post.patrol.offer(packet)
            if sample is not None:
                self._slots.put(post.camera.id, sample)

    def _analyse(self) -> None:
        while (taken := self._slots.take()) is not None:
            camera, sample = taken
            post = self._posts[camera]
            try:
                frame = post.decoder.decode(sample)
                if frame is not None:
                    post.watch.look(frame)
            except Exception:
                # One camera's trouble must not end the others'.
                log.exception("camera %s: a sample could not be analysed", camera)
            finally:
                self._slots.done(camera)

    def _tick(self) -> None:
        self._say_what_was_displaced()
        for post in self._posts.values():
            ended = not post.thread.is_alive() and self._slots.idle(post.camera.id)
            if ended and not post.finished:
                post.finished = True
                post.watch.finish()
                log.info("camera %s: the recording has ended at %.1f s", post.camera.id, post.feed.health.read_s)
            elif not post.finished:
                # Counted on from the last picture, so that what is due happens while the camera is away, too.
                post.watch.tick_after(time.monotonic())

    def _say_what_was_displaced(self) -> None:
        now_s, displaced = time.monotonic(), self._slots.displaced
        if now_s < self._say_next_s or displaced - self._displaced_said < SAY_FROM:
            return
        log.warning(
            "%d samples were displaced by newer ones before they were analysed, %d in all: too many cameras for this machine",
            displaced - self._displaced_said, displaced,
        )  # fmt: skip
        self._displaced_said, self._say_next_s = displaced, now_s + SAY_EVERY_S

    def _close(self, analysts: Sequence[threading.Thread]) -> None:
        for post in self._posts.values():
            post.feed.close()
        self._slots.close()
        deadline_s = time.monotonic() + CLOSE_S
        for thread in (*analysts, *(post.thread for post in self._posts.values())):
            thread.join(max(0.0, deadline_s - time.monotonic()))
        for post in self._posts.values():
            if not post.finished:
                post.watch.finish()
        self._evidence.shutdown(wait=True)
        self._outbox.close()


def run_shard(spec: ShardSpec, stop: StopSign) -> None:
    """Entry of a shard's process."""
    for name in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; the supervisor decides when to stop
        signal.signal(name, signal.SIG_IGN)
    logging.basicConfig(level=spec.log_level, format=f"%(asctime)s {spec.name} %(levelname)s %(message)s")
    Shard(spec, load_detector(spec.model)).run(stop)

"""A shard: one process that owns some cameras whole: reads, analyses, makes evidence. No picture ever leaves it."""

import contextlib
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2

from detector.allocator import share_one_heap
from detector.delivery.callout import Blocked
from detector.delivery.callout_sender import CallOuts
from detector.delivery.outbox import Outbox
from detector.delivery.wire import revision_json
from detector.health import batching_row, health_row, write_health
from detector.lifecycle.incidents import Incident, State
from detector.lifecycle.resume import keep_open, read_open
from detector.logs import set_up_logs
from detector.post import Post
from detector.shard_spec import OrderBox, Orders, ShardSpec, StopSign
from detector.watching.slots import Slots
from detector.watching.views import read_view, take_accepted, write_view
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone
from models.detector import Detector, load_detector
from models.runtime.batcher import BatcherStats
from models.runtime.providers import BUCKETS
from streams.clock import CaptureClock
from streams.decoders import DecoderPool
from streams.hardware import accelerator
from streams.spill import Spill

log = logging.getLogger(__name__)

TICK_S = 0.5
POLL_S = 0.05
CLOSE_S = 2.0
WORK_S = 10.0
"""Clips that are being made of a camera that is given up are waited for this long; one takes a second or two."""
STAGGER_S, START_S = 0.05, 2.0
"""Cameras are started one after the other, all within a few seconds, so that they don't fall due together ever after."""
HEALTH_EVERY_S = 5.0
VIEWS_EVERY_S = 600.0
"""What a camera sees is learned in half a minute, and kept so that one that was moved while we were away is noticed."""
SAY_EVERY_S = 60.0
SAY_FROM = 10
"""A few displaced samples are no news: cameras that started together fall due together."""
CALL_OUT_WITHIN = timedelta(seconds=60)
"""Of the alarm: whoever stood there may have left since."""
EVIDENCE_THREADS = 1
"""Clips and their tracks are made one after the other, so that patrol keeps the cores."""


class Shard:
    """Runs its cameras until they have all ended, or until `stop`."""

    def __init__(
        self,
        spec: ShardSpec,
        detector: Detector,
        batching: Callable[[], BatcherStats | None] = lambda: None,
        orders: OrderBox | None = None,
    ) -> None:
        self.spec = spec
        self._orders = orders
        self._lasting = spec.lasting
        self._batching = batching
        self._slots = Slots()
        self._displaced_said = 0
        self._say_next_s = 0.0
        self._health_next_s = 0.0
        self._views_next_s = time.monotonic() + VIEWS_EVERY_S
        self._outbox = Outbox(spec.state_dir)
        self._evidence = ThreadPoolExecutor(EVIDENCE_THREADS, thread_name_prefix="evidence")
        self._callouts = CallOuts()
        self._folder = folder = spec.state_dir / "evidence"
        plan = WatchPlan(
            detector=detector,
            folder=folder,
            publish=self._publish,
            record_of=revision_json,
            executor=self._evidence,
            view_of=lambda camera: read_view(spec.state_dir, camera),
            open_of=lambda camera, now_s, clock: read_open(spec.state_dir, camera.id, now_s, clock.wall(now_s)),
            keep_open=lambda camera, cases, now_s, now_at: keep_open(spec.state_dir, camera.id, cases, now_s, now_at),
        )
        self._plan = plan
        self._pool = DecoderPool(accelerator=accelerator(spec.decode))
        self._posts = {camera.id: self._new_post(camera) for camera in spec.cameras}

    def _new_post(self, camera: Camera) -> Post:
        return Post(camera, self._plan, self._pool, self._spill(camera.id))

    def _publish(self, camera: Camera, zone: Zone, clock: CaptureClock, incident: Incident) -> None:
        self._outbox.post(revision_json(camera, zone, clock, incident), self._folder / incident.id)
        if zone.callout is None or incident.state is not State.CONFIRMED or incident.confirmed_s is None:
            return
        at = clock.wall(incident.confirmed_s)
        # Who was told to leave before a restart need not be told again by it.
        if datetime.now(UTC) - at <= CALL_OUT_WITHIN:
            self._callouts.offer(
                zone.callout,
                Blocked(incident.id, camera.id, zone.id, incident.type, at, incident.class_name, camera.place),
            )

    def _spill(self, camera: str) -> Spill | None:
        if self.spec.ring_memory_bytes is None:
            return None
        return Spill(self.spec.state_dir / "rings" / camera, self.spec.ring_memory_bytes)

    def run(self, stop: StopSign) -> None:
        """Blocks until all cameras have ended or `stop` is raised; evidence that is due is finished first."""
        share_one_heap()
        self._callouts.start()
        cv2.setNumThreads(1)  # analysts share the cores: helpers of their own would only get in each other's way
        analysts = [
            threading.Thread(target=self._analyse, name=f"analyst-{number}", daemon=True)
            for number in range(self.spec.analysts)
        ]
        for thread in analysts:
            thread.start()
        self._start_posts(list(self._posts.values()))
        supervisor = os.getppid()
        while not stop.is_set() and (self._lasting or not all(post.finished for post in self._posts.values())):
            if os.getppid() != supervisor:
                log.error("the supervisor is gone: stopping")
                break
            time.sleep(TICK_S)
            self._tick()
        self._close(analysts)

    def _start_posts(self, posts: Sequence[Post]) -> None:
        for post in posts:
            self._start_reading(post)
            time.sleep(min(STAGGER_S, START_S / len(posts)))

    def _take_orders(self) -> None:
        """Of several, the newest counts: each says all."""
        newest: Orders | None = None
        with contextlib.suppress(queue.Empty):
            while self._orders is not None:
                newest = self._orders.get_nowait()
        if newest is None:
            return
        self._lasting = newest.lasting
        wanted = {camera.id: camera for camera in newest.cameras}
        changed = [post for post in self._posts.values() if not _is_among(wanted, post.camera)]
        for post in changed:
            if post.camera.id in wanted and wanted[post.camera.id].epoch != post.camera.epoch:
                log.warning("camera %s: was another worker's meanwhile: goes on with that one's cases", post.camera.id)
                post.watch.let_go()
        self._give_up(changed)
        posts = [self._new_post(camera) for camera in newest.cameras if camera.id not in self._posts]
        self._posts = self._posts | {post.camera.id: post for post in posts}
        self._start_posts(posts)

    def _give_up(self, posts: Sequence[Post]) -> None:
        """Stops watching cameras; their open cases are kept for whoever goes on with them."""
        for post in posts:
            post.feed.close()
            self._slots.forget(post.camera.id)
        # Analysts look a camera up by its id: from here on nobody finds it. (Replaced as a whole: they may be looking.)
        self._posts = {camera: post for camera, post in self._posts.items() if post not in posts}
        deadline_s = time.monotonic() + CLOSE_S
        for post in posts:
            post.thread.join(max(0.0, deadline_s - time.monotonic()))
        _wait(lambda: all(self._slots.idle(post.camera.id) for post in posts), deadline_s)
        for post in posts:
            if not post.finished:
                self._finish(post, for_good=False)
        # Whoever goes on with them begins with what is kept: two that tell of one case would use the same numbers.
        _wait(lambda: not any(post.watch.work_left for post in posts), time.monotonic() + WORK_S)
        for post in posts:
            post.watch.let_go()
            log.info("camera %s: is not watched here any more", post.camera.id)

    @staticmethod
    def _finish(post: Post, *, for_good: bool = True) -> None:
        try:
            post.watch.finish(for_good=for_good)
        except Exception:
            # The others are still to be finished.
            log.exception("camera %s: could not be finished", post.camera.id)

    def _start_reading(self, post: Post) -> None:
        post.thread = threading.Thread(target=self._read, args=(post,), name=f"feed-{post.camera.id}", daemon=True)
        post.thread.start()

    def _read(self, post: Post) -> None:
        """A camera's own thread: packets into the ring, samples into the slot."""
        try:
            for packet in post.feed.packets():
                post.ring.push(packet)
                sample = post.patrol.offer(packet)
                if sample is not None:
                    self._slots.put(post.camera.id, sample)
        except Exception:
            log.exception("camera %s: its reader has failed", post.camera.id)

    def _analyse(self) -> None:
        while (taken := self._slots.take()) is not None:
            camera, sample = taken
            post = self._posts.get(camera)
            try:
                frame = post.decoder.decode(sample) if post is not None else None
                if post is not None and frame is not None:
                    post.watch.look(frame)
            except Exception:
                # One camera's trouble must not end the others'.
                log.exception("camera %s: a sample could not be analysed", camera)
            finally:
                self._slots.done(camera)

    def _tick(self) -> None:
        self._take_orders()
        self._say_what_was_displaced()
        self._write_health()
        for post in self._posts.values():
            if post.lost_its_reader:
                log.error("camera %s: nobody reads it any more: a new thread starts", post.camera.id)
                post.restarts += 1
                self._start_reading(post)
            ended = not post.thread.is_alive() and self._slots.idle(post.camera.id)
            if ended and not post.finished:
                post.finished = True
                self._finish(post)
                log.info("camera %s: the recording has ended at %.1f s", post.camera.id, post.feed.health.read_s)
            elif not post.finished:
                # Counted on from the last picture, so that what is due happens while the camera is away, too.
                post.watch.tick_after(time.monotonic())

    def _say_what_was_displaced(self) -> None:
        now_s, displaced = time.monotonic(), self._slots.displaced.total()
        if now_s < self._say_next_s or displaced - self._displaced_said < SAY_FROM:
            return
        log.warning(
            "%d samples were displaced by newer ones before they were analysed, %d in all: too many cameras for this machine",
            displaced - self._displaced_said, displaced,
        )  # fmt: skip
        self._displaced_said, self._say_next_s = displaced, now_s + SAY_EVERY_S

    def _write_health(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._health_next_s:
            self._health_next_s = now_s + HEALTH_EVERY_S
            self._keep_views(now_s)
            batching = batching_row(self._batching())
            rows = [self._health_of(post) | batching for post in self._posts.values()]
            write_health(self.spec.state_dir, self.spec.name, rows, datetime.now(UTC))

    def _keep_views(self, now_s: float) -> None:
        for post in self._posts.values():
            if take_accepted(self.spec.state_dir, post.camera.id):
                log.info("camera %s: what it sees now is its view from here on, as asked", post.camera.id)
                post.watch.accept_view()
        if now_s >= self._views_next_s:
            self._views_next_s = now_s + VIEWS_EVERY_S
            for post in self._posts.values():
                write_view(self.spec.state_dir, post.camera, post.watch.view())

    def _health_of(self, post: Post) -> dict[str, Any]:
        drops = {
            "displaced by a newer sample": self._slots.displaced[post.camera.id],
            "undecodable": post.decoder.errors,
            "damaged": post.decoder.damaged,
            "no room in the ring": post.ring.dropped_for_bytes,
        }
        watch = post.watch
        more = {
            "looks": watch.looks,
            "analysed": watch.analysed,
            "unusable": watch.unusable,
            "picture": watch.viewpoint.row(),
            "reader_restarts": post.restarts,
            "ring_bytes": post.ring.held_bytes,
            "call_outs": self._callouts.counts(post.camera.id),
            "alarms_withheld": watch.withheld,
            "case_failures": dict(watch.failures),
        }
        return health_row(post.camera.id, post.feed.report(), post.feed.clock, drops=drops, more=more)

    def _close(self, analysts: Sequence[threading.Thread]) -> None:
        for post in self._posts.values():
            post.feed.close()
        self._slots.close()
        deadline_s = time.monotonic() + CLOSE_S
        for thread in (*analysts, *(post.thread for post in self._posts.values())):
            thread.join(max(0.0, deadline_s - time.monotonic()))
        for post in self._posts.values():
            if not post.finished:
                self._finish(post, for_good=not post.camera.address.live)
        self._views_next_s = 0.0
        self._keep_views(time.monotonic())
        self._evidence.shutdown(wait=True)
        self._callouts.stop()
        self._outbox.close()


def _is_among(wanted: Mapping[str, Camera], camera: Camera) -> bool:
    return camera.id in wanted and wanted[camera.id].taken_as == camera.taken_as


def _wait(done: Callable[[], bool], deadline_s: float) -> None:
    while not done() and time.monotonic() < deadline_s:
        time.sleep(POLL_S)


def run_shard(spec: ShardSpec, stop: StopSign, orders: OrderBox | None = None) -> None:
    """Entry of a shard's process."""
    for name in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; the supervisor decides when to stop
        signal.signal(name, signal.SIG_IGN)
    set_up_logs(spec.log_level, spec.name)
    detector = load_detector(spec.model, provider=spec.provider)
    if detector.batching() is not None:
        # Each of them waits for the batch that its picture is in: as many as it takes to fill one.
        spec = replace(spec, analysts=max(spec.analysts, min(len(spec.cameras), BUCKETS[-1])))
    Shard(spec, detector, detector.batching, orders).run(stop)

"""A post: all that belongs to one camera in a shard."""

import threading
from dataclasses import replace
from datetime import datetime

from detector.evidence.maker import RING_BYTES, RING_S
from detector.watching.watch import CameraWatch
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import Camera
from streams.decoders import DecoderPool
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.feed import Feed
from streams.spill import Spill


class Post:
    """One camera in a shard: its feed, ring, patrol and watch.

    Args:
        camera: Which one.
        plan: What its watch works with.
        pool: Lends decoders.
        spill: Where packets go that don't fit into memory.
    """

    def __init__(self, camera: Camera, plan: WatchPlan, pool: DecoderPool, spill: Spill | None) -> None:
        if not camera.address.live and camera.starts_at is None:
            # A recording that is played in place of a camera happens now.
            camera = replace(camera, starts_at=datetime.now().astimezone())
        self.camera = camera
        self.feed = Feed(camera.address, name=camera.id, paced=True, loop=camera.loop, starts_at=camera.starts_at)
        self.ring = PacketRing(RING_S, RING_BYTES, spill)
        self.patrol = Patrol()
        self.decoder = PatrolDecoder(pool)
        self.watch = CameraWatch(camera, self.ring, self.feed.clock, plan)
        self.thread = threading.Thread(target=lambda: None)
        self.restarts = 0
        """Readers that hung, or failed, and had to be replaced."""
        self.finished = False

    @property
    def lost_its_reader(self) -> bool:
        """True when its thread hangs in a library, or has died of an error nobody foresaw."""
        died = not self.thread.is_alive() and self.feed.health.state not in ("ended", "closed")
        return self.feed.hangs() or died

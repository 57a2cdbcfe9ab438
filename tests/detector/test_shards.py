"""A shard that is told, while it runs, to watch other cameras."""

import multiprocessing
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from detector.lifecycle.resume import open_path
from detector.shard import Shard
from detector.shard_spec import Orders, ShardSpec
from detector.zoning.cameras_file import Camera
from streams.source.address import Address
from tests.detector.film import PARKED, ZONE, KnowsOneCar, shoot


class Box:
    """Orders that are left at moments of the shard's run."""

    def __init__(self) -> None:
        self.left: queue.SimpleQueue[Orders] = queue.SimpleQueue()

    def get_nowait(self) -> Orders:
        return self.left.get_nowait()


class Script:
    """A stop sign that does one step after the other, each once it may, and then stops."""

    def __init__(self, *steps: tuple[Callable[[], bool], Callable[[], None]]) -> None:
        self._steps, self._until_s = list(steps), time.monotonic() + 40

    def is_set(self) -> bool:
        assert time.monotonic() < self._until_s
        if self._steps and self._steps[0][0]():
            self._steps.pop(0)[1]()
        return not self._steps


def test_cameras_come_change_and_go(tmp_path: Path) -> None:
    film = shoot(tmp_path / "film.mp4", lambda _: [PARKED], 30)
    gate, yard = (Camera(name, Address(str(film)), (ZONE,), loop=True, version="1") for name in ("gate", "yard"))
    box = Box()
    shard = Shard(ShardSpec("shard-0", (gate,), "none", tmp_path, 1, "cpu"), KnowsOneCar(), orders=box)
    posts: dict[str, Any] = {}

    def looked(*cameras: str) -> Callable[[], bool]:
        return lambda: all(camera in shard._posts and shard._posts[camera].watch.looks > 2 for camera in cameras)

    def order(*cameras: Camera) -> Callable[[], None]:
        def leave() -> None:
            posts.update(shard._posts)
            box.left.put(Orders((), lasting=True))  # what was said before does not count any more
            box.left.put(Orders(cameras, lasting=True))

        return leave

    def gone() -> bool:
        return set(shard._posts) == {"yard"}

    shard.run(
        Script(
            (looked("gate"), order(gate, yard)),
            (looked("gate", "yard"), order(replace(gate, version="2"), yard)),
            (lambda: shard._posts["gate"] is not posts["gate"] and looked("gate")(), order(yard)),
            (gone, order()),
            (lambda: not shard._posts, lambda: None),
        )
    )
    assert posts["gate"].camera.version == "2"
    assert not any(post.thread.is_alive() for post in posts.values())
    assert open_path(tmp_path, "gate").exists()  # what stood there is kept for whoever goes on


def test_one_that_has_no_cameras_waits_for_some(tmp_path: Path) -> None:
    box: multiprocessing.Queue[Orders] = multiprocessing.Queue()
    spec = ShardSpec("shard-0", (), "none", tmp_path, 1, "cpu", lasting=True)
    shard = Shard(spec, KnowsOneCar(), orders=box)
    ended = shoot(tmp_path / "film.mp4", lambda _: [PARKED], 3)
    box.put(Orders((Camera("gate", Address(str(ended)), (ZONE,)),), lasting=False))
    started_s = time.monotonic()
    shard.run(Script((lambda: False, lambda: None)))  # ends by itself, with its recording
    assert time.monotonic() - started_s < 20
    assert shard._posts["gate"].finished
    box.close()

"""A shard that is told, while it runs, to watch other cameras."""

import json
import multiprocessing
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector.evidence import maker
from detector.lifecycle.resume import open_path, taken_path
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


class SlowClip:
    """Clips take until somebody lets them be done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.done = threading.Event(), threading.Event()
        self._real = maker.write_clip
        monkeypatch.setattr(maker, "write_clip", self)

    def __call__(self, *args: Any) -> Any:
        self.begun.set()
        assert self.done.wait(30)
        return self._real(*args)


def changed_while_a_clip_is_made(folder: Path, clip: SlowClip, done_after_s: float) -> list[dict[str, Any]]:
    """A camera whose settings change in the middle of a stay; gives all that was told of it."""
    film = shoot(folder / "film.mp4", lambda _: [PARKED], 40)
    gate = Camera("gate", Address(str(film)), (replace(ZONE, dwell_s=2.0),), version="1")
    box = Box()
    shard = Shard(ShardSpec("shard-0", (gate,), "none", folder, 1, "cpu"), KnowsOneCar(), orders=box)

    def change() -> None:
        box.left.put(Orders((replace(gate, version="2"),), lasting=True))
        threading.Timer(done_after_s, clip.done.set).start()

    def goes_on() -> bool:
        post = shard._posts.get("gate")
        return clip.done.is_set() and post is not None and post.camera.version == "2" and post.watch.looks > 1

    shard.run(Script((clip.begun.is_set, change), (goes_on, lambda: None)))
    with closing(sqlite3.connect(folder / "outbox.db")) as database:
        rows = database.execute("SELECT body FROM messages WHERE kind = 'revision' ORDER BY seq").fetchall()
    return [json.loads(body) for (body,) in rows]


def test_a_clip_that_is_being_made_when_a_camera_changes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    told = changed_while_a_clip_is_made(tmp_path, SlowClip(monkeypatch), done_after_s=3.0)
    assert [revision["revision"] for revision in told] == list(range(1, len(told) + 1))  # one stay, nothing left out
    assert "clip.mp4" in {item["name"] for item in told[-1]["evidence"]}
    assert "another body" not in caplog.text


def test_a_clip_that_takes_too_long_then_comes_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    monkeypatch.setattr("detector.shard.WORK_S", 0.2)
    told = changed_while_a_clip_is_made(tmp_path, SlowClip(monkeypatch), done_after_s=3.0)
    assert [revision["revision"] for revision in told] == list(range(1, len(told) + 1))
    assert "clip.mp4" not in {item["name"] for item in told[-1]["evidence"]}
    assert "another body" not in caplog.text
    assert "comes too late" in caplog.text


def test_a_camera_that_was_anothers_meanwhile_goes_on_with_what_that_one_left(tmp_path: Path, caplog) -> None:
    film = shoot(tmp_path / "film.mp4", lambda _: [PARKED], 40)
    gate = Camera("gate", Address(str(film)), (replace(ZONE, dwell_s=2.0),))
    box = Box()
    shard = Shard(ShardSpec("shard-0", (gate,), "none", tmp_path, 1, "cpu"), KnowsOneCar(), orders=box)

    def told() -> list[int]:
        with closing(sqlite3.connect(tmp_path / "outbox.db")) as database:
            rows = database.execute("SELECT body FROM messages WHERE kind = 'revision' ORDER BY seq").fetchall()
        return [json.loads(body)["revision"] for (body,) in rows]

    def another_one_had_it() -> None:
        document = json.loads(open_path(tmp_path, "gate").read_bytes())
        document["cases"][0]["incident"]["revision"] = 40
        taken_path(tmp_path, "gate").write_text(json.dumps(document))
        box.left.put(Orders((replace(gate, epoch=3),), lasting=True))

    def goes_on() -> bool:
        return shard._posts["gate"].camera.epoch == 3 and shard._posts["gate"].watch.looks > 1

    shard.run(Script((lambda: bool(told()), another_one_had_it), (goes_on, lambda: None)))
    first, *more = told()
    assert (first, more[0]) == (1, 41)  # the watch before tells nothing more: its cases were the other one's
    assert more == sorted(more)
    assert not taken_path(tmp_path, "gate").exists()

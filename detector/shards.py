"""The shard processes of a worker: which camera is in which, started, told, started again, stopped."""

import logging
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue

from detector.processes import Supervised
from detector.shard import run_shard
from detector.shard_spec import Orders, ShardSpec
from detector.zoning.cameras_file import Camera

log = logging.getLogger(__name__)

STOP_S = 20.0
"""A shard that is told to stop finishes its evidence; after this it is ended."""


def assign(before: Mapping[str, int], cameras: Sequence[str], shards: int) -> dict[str, int]:
    """Which camera belongs into which shard: one that has a place keeps it, a new one goes where there are fewest.

    Args:
        before: Places until now.
        cameras: All that there are from now on.
        shards: How many shards there are.

    Examples:
        >>> assign({}, ["a", "b", "c"], 2)
        {'a': 0, 'b': 1, 'c': 0}
        >>> assign({"a": 0, "b": 1, "c": 0}, ["b", "d", "e"], 2)
        {'b': 1, 'd': 0, 'e': 0}
    """
    places = {camera: before[camera] for camera in cameras if camera in before}
    for camera in cameras:
        if camera not in places:
            held = list(places.values())
            places[camera] = min(range(shards), key=held.count)
    return {camera: places[camera] for camera in cameras}


class Shards:
    """All shards of a worker.

    Args:
        spec: What they have in common; its name and cameras are each one's own.
        count: How many there are at most.
    """

    def __init__(self, spec: ShardSpec, count: int) -> None:
        self._spec, self._count = spec, count
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._places: dict[str, int] = {}
        self._orders: dict[int, Orders] = {}
        self._boxes: dict[int, Queue[Orders]] = {}
        self._running: dict[int, Supervised] = {}

    @property
    def finished(self) -> bool:
        """Whether all have come to the end of their recordings, and nothing more can come."""
        return all(shard.finished for shard in self._running.values())

    def watch(self, cameras: Sequence[Camera], *, lasting: bool) -> None:
        """Has cameras watched from now on, and no others.

        Args:
            cameras: All of them.
            lasting: More may come.
        """
        self._places = assign(self._places, [camera.id for camera in cameras], self._count)
        for number in range(self._count):
            own = tuple(camera for camera in cameras if self._places[camera.id] == number)
            self._order(number, Orders(own, lasting))
        log.info("watching %d cameras in %d processes", len(cameras), len(self._running))

    def mind(self) -> None:
        """Looks after them. Call it now and then."""
        for shard in self._running.values():
            shard.mind()

    def stop(self) -> None:
        """Tells them to stop, and waits until they have."""
        self._stop.set()
        for shard in self._running.values():
            shard.join(STOP_S)

    def _order(self, number: int, orders: Orders) -> None:
        before, self._orders[number] = self._orders.get(number), orders
        if number in self._running:
            if before is not None and _essence(before) != _essence(orders):
                self._boxes[number].put(orders)
        elif orders.cameras or orders.lasting:
            self._running[number] = Supervised(f"shard-{number}", lambda: self._launch(number), may_finish=True)

    def _launch(self, number: int) -> SpawnProcess:
        """One that is started again begins with what it has been told last."""
        orders = self._orders[number]
        box: Queue[Orders] = self._context.Queue()
        # What one that has died has not taken is in the next one's beginning: nobody waits for it.
        box.cancel_join_thread()
        self._boxes[number] = box
        spec = replace(self._spec, name=f"shard-{number}", cameras=orders.cameras, lasting=orders.lasting)
        process = self._context.Process(target=run_shard, args=(spec, self._stop, box), name=spec.name, daemon=True)
        process.start()
        return process


def _essence(orders: Orders) -> object:
    return [*(camera.taken_as for camera in orders.cameras), orders.lasting]

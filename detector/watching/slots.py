"""Slots: one place per camera for the sample that waits to be analysed. The newest wins; what it displaces is counted."""

import threading
from collections import Counter, OrderedDict

from streams.patrol import Sample


class Slots:
    """Between the threads that read cameras and those that analyse. Bounded by the number of cameras.

    A sample that is not analysed in time is of no use any more, so a newer one takes its place; the camera that has waited
    longest is served first; and one camera's samples are never analysed by two threads at once.
    """

    def __init__(self) -> None:
        self.displaced: Counter[str] = Counter()
        """By camera: samples that were never analysed because a newer one came."""
        self._waiting: OrderedDict[str, Sample] = OrderedDict()
        self._busy: set[str] = set()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, camera: str, sample: Sample) -> None:
        """Leaves a sample for analysis."""
        with self._changed:
            missed = self._waiting.get(camera)
            if missed is not None:
                self.displaced[camera] += 1
            # A displaced sample's place in the line goes to the newer one: a slow camera is not served last for ever.
            self._waiting[camera] = sample if missed is None else sample.after(missed)
            self._changed.notify_all()

    def take(self) -> tuple[str, Sample] | None:
        """The sample that has waited longest; waits for one, None once closed. Give it back with `done`."""
        with self._changed:
            while True:
                for camera, sample in self._waiting.items():
                    if camera not in self._busy:
                        del self._waiting[camera]
                        self._busy.add(camera)
                        self._changed.notify_all()
                        return camera, sample
                if self._closed:
                    return None
                self._changed.wait()

    def done(self, camera: str) -> None:
        """The camera's sample has been analysed."""
        with self._changed:
            self._busy.discard(camera)
            self._changed.notify_all()

    def forget(self, camera: str) -> None:
        """What waits of this camera is not wanted any more."""
        with self._changed:
            self._waiting.pop(camera, None)

    def idle(self, camera: str) -> bool:
        """True when nothing of this camera waits or is being analysed."""
        with self._changed:
            return camera not in self._waiting and camera not in self._busy

    def close(self) -> None:
        """No more samples: `take` gives None once the rest is done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

"""Which requests go into the next batch. Pure: the time is handed in, and nothing waits here."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

PayloadT = TypeVar("PayloadT")

URGENT_IN_A_ROW = 3
"""Urgent requests go first, but while others wait at least every fourth place is theirs: look-back may not blind patrol."""


@dataclass(slots=True, eq=False)
class Request(Generic[PayloadT]):
    """Something that waits for its turn.

    Attributes:
        payload: what is wanted; not looked at.
        shape: only requests of equal shapes share a batch.
        camera: whose picture it is; None is a caller who waits for this very answer.
        urgent: goes first and is never displaced.
        since_s: its place in the line; a picture that displaces an older one takes over that one's.
        put_s: when it came itself.
    """

    payload: PayloadT
    shape: Hashable
    camera: str | None
    urgent: bool
    put_s: float
    since_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.since_s = self.put_s


class Schedule(Generic[PayloadT]):
    """Requests that wait, and the order in which they are served.

    The newest picture of a camera displaces the one that waits. Who has waited longest is first; a camera gets a second place
    in a batch only when nobody else wants it. Urgent requests go before all others, but after `URGENT_IN_A_ROW` of them one of
    the others has its turn, in this batch if it fits in, else as the first of the next.

    Bounded by the number of cameras, the number of callers who wait, and by what `Batcher` lets in of urgent ones.
    """

    def __init__(self) -> None:
        # In order of their places: replacing a value keeps its place.
        self._patrol: dict[Hashable, Request[PayloadT]] = {}
        self._urgent: dict[Hashable, Request[PayloadT]] = {}
        self._urgent_in_a_row = 0

    def __len__(self) -> int:
        return len(self._patrol) + len(self._urgent)

    @property
    def urgent_waiting(self) -> int:
        """Urgent requests that wait."""
        return len(self._urgent)

    def put(self, request: Request[PayloadT]) -> Request[PayloadT] | None:
        """Take a request in.

        Returns:
            The older request of the same camera that it displaces.
        """
        if request.urgent or request.camera is None:
            (self._urgent if request.urgent else self._patrol)[request] = request
            return None
        displaced = self._patrol.get(request.camera)
        if displaced is not None:
            request.since_s = displaced.since_s
        self._patrol[request.camera] = request
        return displaced

    def take(self, now_s: float, *, batch_max: int, linger_s: float) -> list[Request[PayloadT]]:
        """The next batch, empty when none is due: one leaves when it is full or its oldest request has waited long enough.

        Args:
            now_s: on the clock that `put_s` was read from.
            batch_max: requests in a full batch.
            linger_s: how long a batch that is not full may wait for more.
        """
        ready = {
            shape
            for shape, (count, since_s) in self._groups().items()
            if count >= batch_max or now_s - since_s >= linger_s
        }
        leader = self._first(ready, ())
        if leader is None:
            return []
        batch: list[Request[PayloadT]] = []
        found: Request[PayloadT] | None = leader
        while found is not None and len(batch) < batch_max:
            batch.append(found)
            self._remove(found)
            taken = {request.camera for request in batch} - {None}
            found = self._first({leader.shape}, taken) or self._first({leader.shape}, ())
        return batch

    def due_s(self, linger_s: float) -> float | None:
        """When the next batch leaves at the latest; None when nothing waits."""
        waiting = [since_s for _, since_s in self._groups().values()]
        return min(waiting) + linger_s if waiting else None

    def drain(self) -> list[Request[PayloadT]]:
        """All that waits, in order; nothing does any more."""
        left = [*self._urgent.values(), *self._patrol.values()]
        self._urgent.clear()
        self._patrol.clear()
        return left

    def _groups(self) -> dict[Hashable, tuple[int, float]]:
        """How many requests of each shape wait, and the place in line of the first of them."""
        groups: dict[Hashable, tuple[int, float]] = {}
        for request in (*self._urgent.values(), *self._patrol.values()):
            count, since_s = groups.get(request.shape, (0, request.since_s))
            groups[request.shape] = count + 1, min(since_s, request.since_s)
        return groups

    def _first(self, shapes: set[Hashable], without: Collection[str | None]) -> Request[PayloadT] | None:
        """Who is next among those of some shapes, leaving out some cameras."""
        lines = [self._patrol, self._urgent]
        if self._urgent_in_a_row < URGENT_IN_A_ROW:
            lines.reverse()
        return next(
            (
                request
                for line in lines
                for request in line.values()
                if request.shape in shapes and request.camera not in without
            ),
            None,
        )

    def _remove(self, request: Request[PayloadT]) -> None:
        if request.urgent:
            del self._urgent[request]
            self._urgent_in_a_row += 1
            return
        del self._patrol[request if request.camera is None else request.camera]
        self._urgent_in_a_row = 0

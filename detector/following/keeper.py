"""What all keepers of things have in common: looks go in, things in places come out."""

from collections.abc import Sequence
from typing import Protocol

from detector.following.things import Thing, Update
from detector.rules.signs import Signs
from detector.watching.looks import Look


class Keeper(Protocol):
    """Follows one sort of subject before one camera, at any rate of looks. Pure: pictures and times come in."""

    @property
    def things(self) -> Sequence[Thing]:
        """All that it follows, settled or not."""
        ...

    def update(self, look: Look) -> Update:
        """Takes a look that the detector was asked about; gives what settled and what left with it."""
        ...

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        ...

    def relearn(self) -> None:
        """What the camera sees from now on is its view: what was learned of the ground counts no more."""
        ...

    def adopt(self, thing: Thing) -> None:
        """Follows a thing that was followed before a restart: it stands, and should still be there."""
        ...

    def signs(self, thing: Thing) -> Signs:
        """What goes on around one of its things."""
        ...

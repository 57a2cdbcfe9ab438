"""What a rule is told besides the stay: of the traffic around a vehicle, the people around a thing, the trade at a pitch."""

from dataclasses import dataclass
from enum import StrEnum

from detector.zoning.geometry import Box


@dataclass(frozen=True, slots=True)
class Traffic:
    """How the vehicles around a standing one stand. All by place: patrol sees no motion."""

    in_file: int
    """Other vehicles that stand in file with it and came to rest in one wave with it, as before a red light."""
    neighbours: int
    """Other vehicles that stand close by, however they came."""
    stops: int = 0
    """Vehicles that stopped on its spot before, or on that of another one of its file, and soon drove on."""
    driven: int = 0
    """Vehicles that were on its spot before, or on that of another one of its file, and did not stay."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Vehicles that moved while one stood, as look-back saw them."""

    around: int
    """Those that drove around it: past it, and back into its lane."""
    by: int
    """All that drove by, wherever: 0 in a quiet street."""

    def __add__(self, more: "Passing") -> "Passing":
        return Passing(self.around + more.around, self.by + more.by)


@dataclass(frozen=True, slots=True)
class Company:
    """Who is near a thing that was put on the ground."""

    alone_s: float
    """How long nobody has stayed near it, in seconds; passers-by do not count. 0 while somebody stays."""
    moved: bool = False
    """True for what stood close by before: somebody has moved it."""
    covered: float = 0.0
    """Share of the looks, 0 to 1, in which somebody or something stood in front of it."""


class Amount(StrEnum):
    """How much goods are, all together."""

    SMALL = "small thing"
    MEDIUM = "thing"
    LARGE = "large thing"


@dataclass(frozen=True, slots=True)
class Trade:
    """What goes on at a pitch: a place where somebody stays with things that stay. Durations in seconds."""

    vendor_s: float
    """How long one person or another has kept to the things."""
    vendor_away_s: float
    """How long nobody has; 0 while somebody does."""
    goods_s: float
    """How long the things have been there."""
    amount: Amount | None
    """How much they are; None where there are none."""
    visits: int
    """Others who came, stopped and went, or are still there."""
    goods: tuple[str, ...] = ()
    """What the detector calls them, as far as it has a name."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who put a thing down, as look-back saw it. Moments are media time in seconds."""

    role: str
    """`person`, `two_wheeler` or `vehicle`."""
    class_name: str
    box: Box
    """At the moment when the thing was put down."""
    seen_s: float
    """That moment."""
    left_s: float | None
    """When it was no longer near the thing; None: still near when the pictures ended."""
    went: str | None
    """The way it went, in the picture: `left`, `right`, `away` or `towards the camera`; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What the detector finds in the place of a thing that it had no name for, when it is shown that place alone, enlarged."""

    class_name: str | None
    """Of the likeliest vehicle; None where there is none."""
    score: float = 0.0


Signs = Traffic | Company | Trade

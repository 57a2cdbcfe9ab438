"""The colours that registration authorities know. Data: another authority, another table."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class NamedColour:
    """A colour of a vehicle's body.

    Attributes:
        name: what the code calls it.
        code: letter in the table of body colours of GA 24.8; several names may share one.
        chinese: its name there.
    """

    name: str
    code: str
    chinese: str


COLOURS: Final = (
    NamedColour("white", "A", "白"),
    NamedColour("grey", "B", "灰"),  # silver, too: the table has no letter of its own for it
    NamedColour("yellow", "C", "黄"),
    NamedColour("red", "E", "红"),
    NamedColour("green", "G", "绿"),
    NamedColour("blue", "H", "蓝"),
    NamedColour("brown", "I", "棕"),  # orange, too
    NamedColour("black", "J", "黑"),
)
"""Pink (D) and violet (F) are left out: too rare on the road to be told from red and blue by a camera."""

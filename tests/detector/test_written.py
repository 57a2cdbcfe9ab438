"""YAML as people mean it: a time is no number in base 60, a code with a leading zero is a text, a switch is a word."""

from typing import Any

import pytest
import yaml

from detector.zoning.written import parsed

SCALARS: list[tuple[str, Any]] = [
    ("17:30", "17:30"),  # YAML 1.1: 1050
    ("07:00", "07:00"),
    ("0505", "0505"),  # YAML 1.1: 325, in octal
    ("505", 505),
    ("0", 0),
    ("-3", -3),
    ("0.4", 0.4),
    ("1e3", 1000.0),
    ("110101001001001", 110101001001001),
    ("yes", "yes"),  # pydantic takes it for a truth where one is asked for
    ("off", "off"),
    ("true", True),
    ("False", False),
    ("~", None),
    ("'12'", "12"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars(text: str, value: Any) -> None:
    found: Any = parsed(f"key: {text}")
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


def test_words_are_keys() -> None:
    assert parsed("{on: 1, off: 2, 0505: 3}") == {"on": 1, "off": 2, "0505": 3}


def test_numbers_that_are_none_stay_so() -> None:
    found: Any = parsed("[.inf, -.inf, .nan]")
    assert found[:2] == [float("inf"), -float("inf")]
    assert found[2] != found[2]


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", '{"a": 1, "a": 2}', "a: 1\nb: {c: 1, c: 2}"])
def test_a_key_twice_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="is given twice"):
        parsed(text)

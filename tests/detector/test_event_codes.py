from pathlib import Path

import pytest
import yaml

from detector.errors import ConfigError
from detector.zoning.event_codes import default_codes, read_codes
from detector.zoning.zones import ZoneKind
from tests.conftest import ROOT


def test_every_kind_has_a_code_and_every_code_a_name() -> None:
    codes = default_codes()
    assert set(codes.kinds) == set(ZoneKind)
    for kind in ZoneKind:
        assert dict(codes.names_of(codes.of(kind))).keys() == {"zh", "en"}
    assert codes.of(ZoneKind.FIRE_LANE) == "0505"
    assert dict(codes.names_of("0506"))["zh"] == "非机动车乱停放"


def test_the_event_system_knows_the_same_names() -> None:
    """Two tables, since neither room may read the other's; they must not drift apart."""
    shown = yaml.safe_load((ROOT / "api" / "defaults.yaml").read_text(encoding="utf-8"))["event_codes"]
    assert {code: dict(names) for code, names in default_codes().names.items()} == shown


def test_single_kinds_can_be_changed() -> None:
    codes = default_codes().changed({ZoneKind.NO_PARKING: "A-7"})
    assert codes.of(ZoneKind.NO_PARKING) == "A-7"
    assert codes.of(ZoneKind.FIRE_LANE) == "0505"
    assert codes.names_of("A-7") == ()
    assert default_codes().of(ZoneKind.NO_PARKING) == "0505"
    assert codes.names_of(None) == ()


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "codes.yaml"
    path.write_text(
        "kinds: {no_parking: 0711, no_dumping: 42}\nnames:\n  0711: {zh: 违停, en: Parked}\n", encoding="utf-8"
    )
    codes = read_codes(path)
    assert codes.of(ZoneKind.NO_PARKING) == "0711"  # a text without quotes, too
    assert codes.of(ZoneKind.NO_DUMPING) == "42"
    assert codes.of(ZoneKind.FIRE_LANE) is None  # it takes the default's place whole
    assert codes.names_of("0711") == (("zh", "违停"), ("en", "Parked"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kinds: {parking: '1'}", "kinds.parking: Input should be 'no_parking', "),
        ("kinds: {no_parking: 'a b'}", "kinds.no_parking: String should match pattern "),
        ("kinds: {no_parking: true}", "kinds.no_parking: Input should be a valid string"),
        ("names: {}", "kinds: is missing"),
        ("kinds: {}\ncodes: {}", "codes: unknown key: allowed are kinds, names"),
        ("kinds: [no_parking]", "kinds: "),
        ("kinds: {", "can't be read as YAML: "),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "codes.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read_codes(path)
    (said,) = str(raised.value).splitlines()
    assert said.startswith(f"{path}: {line}")


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read as YAML: "):
        read_codes(tmp_path / "none.yaml")

"""A table of what people get wrong: each mistake is one line that names the file, the key and what is allowed."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detector.errors import ConfigError
from detector.zoning.cameras_file import read_cameras
from detector.zoning.zones import ZoneKind

GOOD: dict[str, Any] = {
    "cameras": [
        {
            "id": "gate-3",
            "source": "clips/gate3.mp4",
            "zones": [
                {
                    "id": "kerb",
                    "kind": "no_parking",
                    "polygon": [[0.1, 0.4], [0.9, 0.4], [1, 1], [0, 1]],
                    "dwell_s": 60,
                }
            ],
        }
    ]
}
CAMERA, ZONE = ("cameras", 0), ("cameras", 0, "zones", 0)
MISSING = object()


def changed(at: tuple[str | int, ...], key: str, value: Any) -> dict[str, Any]:
    content = deepcopy(GOOD)
    place: Any = content
    for step in at:
        place = place[step]
    if value is MISSING:
        del place[key]
    else:
        place[key] = value
    return content


def written(folder: Path, content: object) -> Path:
    path = folder / "cameras.yaml"
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def said(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read_cameras(path)
    lines = str(raised.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


LEAST = """
cameras:
  - id: gate-3                       # a comment
    source: clips/gate3.mp4
    zones:
      - id: kerb
        kind: no_parking
        polygon: [[0.1,0.4],[0.9,0.4],[1,1],[0,1]]
"""


def test_the_least_that_is_accepted(tmp_path: Path) -> None:
    (camera,) = read_cameras(written(tmp_path, LEAST))
    (zone,) = camera.zones
    assert camera.id == "gate-3"
    assert camera.address.target == str(tmp_path / "clips/gate3.mp4")  # relative to the file
    assert zone.kind is ZoneKind.NO_PARKING
    assert zone.polygon == ((0.1, 0.4), (0.9, 0.4), (1, 1), (0, 1))
    assert zone.dwell_s == 60.0  # the kind's default
    assert zone.classes is None


def test_json_is_accepted(tmp_path: Path) -> None:
    assert read_cameras(written(tmp_path, GOOD)) == read_cameras(written(tmp_path, json.dumps(GOOD, indent=2)))


def test_json_is_accepted_when_it_is_indented_with_tabs(tmp_path: Path) -> None:
    assert read_cameras(written(tmp_path, json.dumps(GOOD, indent="\t")))


def test_everything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_LOGIN", "viewer:p@ss/word")
    more = {
        "source": "rtsp://10.0.0.5:554/live", "place": "人民路", "direction": "north", "grid_code": "110101001001001",
        "starts_at": "2026-03-01T08:00:00+08:00", "login_env": "GATE_LOGIN", "loop": True,
    }  # fmt: skip
    content = deepcopy(GOOD)
    content["cameras"][0] |= more
    content["cameras"][0]["zones"][0] |= {"classes": ["bus", "truck"], "event_code": "0505", "grid_code": "1"}
    (camera,) = read_cameras(written(tmp_path, content))
    assert camera.address.target == "rtsp://viewer:p%40ss%2Fword@10.0.0.5:554/live"
    assert "word" not in repr(camera)
    assert camera.starts_at == datetime(2026, 3, 1, tzinfo=UTC)  # 8:00 at +08:00
    assert (camera.place, camera.direction, camera.loop) == ("人民路", "north", True)
    assert camera.zones[0].classes == frozenset({"bus", "truck"})
    assert (camera.zones[0].event_code, camera.zones[0].grid_code) == ("0505", "1")


SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]]
ZONE_KEYS = (
    "id, kind, polygon, dwell_s, classes, exempt, size_m, calendar, permitted, cooldown_s, event_code, "
    "grid_code, callout"
)
CAMERA_KEYS = (
    "id, source, zones, place, direction, grid_code, starts_at, transport, login_env, login_file, verify_certificate, "
    "ca_file, certificate_name, loop, detect, homography, callout"
)
KINDS = "'no_parking', 'fire_lane', 'no_two_wheelers', 'no_vending', 'frontage' or 'no_dumping'"
ID_PATTERN = "String should match pattern '^[a-z0-9_-]{1,100}$'"

BAD = [
    # unknown keys, at every level
    ((), "camera", [], "camera: unknown key: allowed are cameras, event_codes, event_codes_file, grid_code_pattern"),
    (CAMERA, "sourse", "x", f"cameras[0].sourse: unknown key: allowed are {CAMERA_KEYS}"),
    (ZONE, "dwell", 60, f"cameras[0].zones[0].dwell: unknown key: allowed are {ZONE_KEYS}"),
    # what has to be there
    (CAMERA, "id", MISSING, "cameras[0].id: is missing"),
    (CAMERA, "source", MISSING, "cameras[0].source: is missing"),
    (ZONE, "kind", MISSING, "cameras[0].zones[0].kind: is missing"),
    (ZONE, "polygon", MISSING, "cameras[0].zones[0].polygon: is missing"),
    ((), "cameras", MISSING, "cameras: is missing"),
    # ids and kinds
    (CAMERA, "id", "Gate 3", f"cameras[0].id: {ID_PATTERN} (given: 'Gate 3')"),
    (CAMERA, "id", "../x", f"cameras[0].id: {ID_PATTERN} (given: '../x')"),
    (CAMERA, "id", "gate\n", f"cameras[0].id: {ID_PATTERN} (given: 'gate\\n')"),
    (CAMERA, "id", 3, "cameras[0].id: Input should be a valid string (given: 3)"),
    (ZONE, "id", "", f"cameras[0].zones[0].id: {ID_PATTERN} (given: '')"),
    (ZONE, "kind", "parking", f"cameras[0].zones[0].kind: Input should be {KINDS} (given: 'parking')"),
    # dwell
    (ZONE, "dwell_s", 0, "cameras[0].zones[0].dwell_s: Input should be greater than 0 (given: 0)"),
    (ZONE, "dwell_s", -5, "cameras[0].zones[0].dwell_s: Input should be greater than 0 (given: -5)"),
    (
        ZONE,
        "dwell_s",
        86_401,
        "cameras[0].zones[0].dwell_s: Input should be less than or equal to 86400 (given: 86401)",
    ),
    # polygons
    (
        ZONE,
        "polygon",
        SQUARE[:2],
        "cameras[0].zones[0].polygon: List should have at least 3 items after validation, not 2",
    ),
    (
        ZONE,
        "polygon",
        [[0, 0], [1.2, 0], [1, 1]],
        "cameras[0].zones[0].polygon: corner [1.2, 0] lies outside the frame: allowed are fractions from 0 to 1",
    ),
    (
        ZONE,
        "polygon",
        [[0, 0], [1, -0.1], [1, 1]],
        "cameras[0].zones[0].polygon: corner [1, -0.1] lies outside the frame: allowed are fractions from 0 to 1",
    ),
    (
        ZONE,
        "polygon",
        [[0, 0], [1, 1], [1, 0], [0, 1]],  # a bow tie
        "cameras[0].zones[0].polygon: its edges cross: allowed is a simple polygon, corners in order around it",
    ),
    (
        ZONE,
        "polygon",
        [[0.5, 0.5], [0.51, 0.5], [0.5, 0.51]],  # half of 0.01 * 0.01
        "cameras[0].zones[0].polygon: it covers 5.0e-05 of the frame: allowed is 0.0001 and more",
    ),
    (
        ZONE,
        "polygon",
        [
            [0.1, 0.5],
            [0.9, 0.5],
            [0.9, 0.504],
            [0.1, 0.504],
        ],  # 0.0032 of the frame, but nothing wider than 0.004 fits in
        (
            "cameras[0].zones[0].polygon: it is thinner than a wheel, 0.0040 of the frame at its widest: "
            "allowed is 0.005 and more"
        ),
    ),
    (ZONE, "polygon", [[0, 0], [1, 0], [1]], "cameras[0].zones[0].polygon[2][1]: is missing"),
    # sources and times
    (
        CAMERA,
        "source",
        "ftp://me:secret@host/x",
        (
            "camera gate-3: source 'ftp://***@host/x' has scheme 'ftp': "
            "allowed are rtsp://, rtsps://, http://, https://, udp:// and a path of a file"
        ),
    ),
    (CAMERA, "source", "", "cameras[0].source: String should have at least 1 character (given: '')"),
    (
        CAMERA,
        "starts_at",
        "2026-03-01T08:00:00",
        "cameras[0].starts_at: Input should have timezone info (given: '2026-03-01T08:00:00')",
    ),
    (
        CAMERA,
        "login_env",
        "NO_SUCH_LOGIN",
        "camera gate-3: login_env: the environment has no variable 'NO_SUCH_LOGIN'",
    ),
    # nothing to do
    ((), "cameras", [], "cameras: List should have at least 1 item after validation, not 0"),
    (CAMERA, "zones", [], "cameras[0].zones: List should have at least 1 item after validation, not 0"),
]


@pytest.mark.parametrize(("at", "key", "value", "line"), BAD)
def test_one_mistake_is_one_line(
    tmp_path: Path, at: tuple[str | int, ...], key: str, value: Any, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_LOGIN", raising=False)
    assert said(written(tmp_path, changed(at, key, value))) == [line]


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_are_none(tmp_path: Path, number: str) -> None:
    dwell, polygon = (
        LEAST + f"        dwell_s: .{number}\n".replace(".-", "-."),
        LEAST.replace("[1,1]", f"[1,.{number}]".replace(".-", "-.")),
    )
    (line,) = said(written(tmp_path, dwell))
    assert line.startswith("cameras[0].zones[0].dwell_s: ")
    (line,) = said(written(tmp_path, polygon))
    assert line.startswith("cameras[0].zones[0].polygon")


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    content = changed(ZONE, "dwell_s", 0)
    content["cameras"][0] |= {"id": "A", "colour": "red"}
    assert [line.split(":")[0] for line in said(written(tmp_path, content))] == [
        "cameras[0].id",
        "cameras[0].zones[0].dwell_s",
        "cameras[0].colour",
    ]


def test_ids_are_given_once(tmp_path: Path) -> None:
    twice = {"cameras": GOOD["cameras"] * 2}
    assert said(written(tmp_path, twice)) == ["cameras: id 'gate-3' is given twice: allowed is once"]
    zones = changed(CAMERA, "zones", GOOD["cameras"][0]["zones"] * 2)
    assert said(written(tmp_path, zones)) == ["camera gate-3, zones: id 'kerb' is given twice: allowed is once"]


def test_a_zone_id_may_come_again_in_another_camera(tmp_path: Path) -> None:
    other = deepcopy(GOOD["cameras"][0]) | {"id": "gate-4"}
    assert len(read_cameras(written(tmp_path, {"cameras": [*GOOD["cameras"], other]}))) == 2


def test_files_that_are_none(tmp_path: Path) -> None:
    assert said(tmp_path / "none.yaml") == ["there is no such file"]
    (line,) = said(tmp_path)
    assert line.startswith("can't be read: ")
    (line,) = said(written(tmp_path, "cameras: [\n - a: }"))
    assert line.startswith("is not YAML: ")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xd8\xff\xe0")
    (line,) = said(binary)
    assert line.startswith("can't be read: ")


@pytest.mark.parametrize(
    "content", ["", "hello", "[]", "cameras: [gate-3]", "cameras: [{id: a, source: b, zones: [c]}]"]
)
def test_a_scalar_where_keys_belong_is_said_in_words_of_the_file(tmp_path: Path, content: str) -> None:
    (line,) = said(written(tmp_path, content))
    assert "instance of _" not in line


def test_a_login_for_a_file_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_LOGIN", "viewer:secret")
    (line,) = said(written(tmp_path, changed(CAMERA, "login_env", "GATE_LOGIN")))
    assert line.startswith("camera gate-3: login_env, login_file: are for rtsp://")


def test_a_key_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    (line,) = said(written(tmp_path, LEAST + "    source: clips/other.mp4\n"))
    assert "source" in line


def test_yes_is_no_duration(tmp_path: Path) -> None:
    (line,) = said(written(tmp_path, changed(ZONE, "dwell_s", True)))
    assert line.startswith("cameras[0].zones[0].dwell_s: ")


@pytest.mark.parametrize("login", ["viewer:pa@secret", "viewer:pa/secret"])
def test_no_part_of_a_password_shows(tmp_path: Path, login: str) -> None:
    (camera,) = read_cameras(written(tmp_path, changed(CAMERA, "source", f"rtsp://{login}@10.0.0.5/live")))
    assert "secret" not in str(camera.address)

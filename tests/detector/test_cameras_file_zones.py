"""What a zone may say beside its polygon, and how mistakes in it are told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.delivery.callout import CallOut
from detector.errors import ConfigError
from detector.zoning.cameras_file import Camera, read_cameras
from detector.zoning.zones import SizeLimits, Zone, ZoneKind

SQUARE = [[0.2, 0.6], [0.8, 0.6], [0.8, 0.9], [0.2, 0.9]]
# Seen from above: the whole frame is 16 m by 9 m, y ahead.
HOMOGRAPHY = {"image": [[0, 1], [1, 1], [1, 0], [0, 0]], "ground_m": [[0, 0], [16, 0], [16, 9], [0, 9]]}
CALENDAR = {"time_zone": "Asia/Shanghai", "weekly": [{"from": "07:00", "until": "09:30"}]}
FIRE_LANE = {"kind": "fire_lane"}


def read(
    folder: Path, *, zone: dict[str, Any] | None = None, camera: dict[str, Any] | None = None, **top: Any
) -> Camera:
    entry = {
        "id": "gate",
        "source": "rtsp://10.0.0.5/live",
        "zones": [{"id": "kerb", "kind": "no_parking", "polygon": SQUARE, **(zone or {})}],
        **(camera or {}),
    }
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump({"cameras": [entry], **top}, allow_unicode=True), encoding="utf-8")
    (found,) = read_cameras(path)
    return found


def zone_of(folder: Path, **keys: Any) -> Zone:
    (zone,) = read(folder, zone=keys).zones
    return zone


def refusal(folder: Path, **keys: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        read(folder, **keys)
    (line,) = str(raised.value).splitlines()
    return line.removeprefix(f"{folder / 'cameras.yaml'}: ")


def test_the_least_says_what_holds(tmp_path: Path) -> None:
    zone = zone_of(tmp_path)
    assert (zone.exempt, zone.calendar, zone.size_m, zone.callout, zone.permitted) == (
        frozenset(),
        None,
        None,
        None,
        None,
    )
    assert zone.cooldown_s == 60.0
    assert zone.event_code == "0505"
    assert dict(zone.event_names)["zh"] == "机动车乱停放"


def test_two_wheelers_are_a_kind(tmp_path: Path) -> None:
    zone = zone_of(tmp_path, kind="no_two_wheelers")
    assert (zone.kind, zone.dwell_s, zone.event_code) == (ZoneKind.NO_TWO_WHEELERS, 60.0, "0506")


def test_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_SECRET", "s3cret")
    zone = {
        "kind": "fire_lane", "exempt": ["bus"], "classes": ["car", "truck"], "cooldown_s": 0, "permitted": "loading, 20 min",
        "size_m": {"min": 1, "max": 12.5}, "grid_code": 110101001001001, "event_code": "0599",
        "callout": {"url": "https://platform/speak?token=x", "secret_env": "PLATFORM_SECRET"},
    }  # fmt: skip
    camera = read(tmp_path, zone=zone, camera={"homography": HOMOGRAPHY, "grid_code": "310101001001001"})
    (found,) = camera.zones
    assert found.exempt == {"bus"}
    assert (found.cooldown_s, found.permitted) == (0.0, "loading, 20 min")
    assert found.size_m == SizeLimits(1.0, 12.5)
    assert (found.grid_code, camera.grid_code) == ("110101001001001", "310101001001001")
    assert (found.event_code, found.event_names) == ("0599", ())
    assert found.callout == CallOut("https://platform/speak?token=x", "s3cret")
    assert "s3cret" not in repr(camera)
    assert "token=x" not in repr(camera)
    assert camera.ground is not None
    assert camera.ground.on_ground((0.5, 0.5)) == pytest.approx((8.0, 4.5))


# Times and days as people write them in YAML: with and without quotes. 2026-03-02 is a Monday.
CALENDARS = [
    ("weekly: [{days: [mon..fri], from: 17:30, until: 19:00}]", "2026-03-02T17:30", True),
    ("weekly: [{days: [mon..fri], from: 17:30, until: 19:00}]", "2026-03-01T17:30", False),
    ("weekly: [{days: [sat..mon], from: 07:00, until: 9:30}]", "2026-03-02T09:29", True),
    ("weekly: [{days: [tue, thu], from: '07:00', until: '09:30'}]", "2026-03-02T08:00", False),
    ("weekly: [{from: '00:00', until: '24:00'}]", "2026-03-02T00:00", True),
    ("except: [{from: '05:30', until: '09:00'}]", "2026-03-02T05:30", False),
    ("except: [{from: '05:30', until: '09:00'}]", "2026-03-02T09:00", True),
    ("{except: [{from: '05:30', until: '09:00'}], days_on: [2026-03-02]}", "2026-03-02T05:30", True),
    ("days_off: ['2026-03-01..2026-03-03']", "2026-03-02T12:00", False),
    ("days_off: [2026-03-01..2026-03-01, 2026-03-03]", "2026-03-02T12:00", True),
]


@pytest.mark.parametrize(("text", "at", "active"), CALENDARS)
def test_calendars_as_they_are_written(tmp_path: Path, text: str, at: str, active: bool) -> None:
    inner = text.strip("{}") if text.startswith("{") else text
    path = tmp_path / "cameras.yaml"
    path.write_text(
        "cameras: [{id: gate, source: 'rtsp://10.0.0.5/live', zones: [{id: kerb, kind: no_parking, "
        f"polygon: {SQUARE}, calendar: {{time_zone: Etc/UTC, {inner}}}}}]}}]"
    )
    calendar = read_cameras(path)[0].zones[0].calendar
    assert calendar is not None
    assert calendar.active(datetime.fromisoformat(at).replace(tzinfo=UTC)) is active


def calendar(**keys: Any) -> dict[str, Any]:
    return {"calendar": {"time_zone": "Asia/Shanghai", **keys}}


WINDOW = {"from": "07:00", "until": "09:30"}
AT = "cameras[0].zones[0]"
WEEKLY, OFF, CALL = f"{AT}.calendar.weekly[0]", f"{AT}.calendar.days_off[0]", f"{AT}.callout"
WRONG_ZONES = [
    (calendar(), f"{AT}.calendar: says nothing: allowed is at least one of weekly, except, days_on, days_off"),
    (calendar(weekly=[]), f"{AT}.calendar.weekly: List should have at least 1 item"),
    (calendar(weekly=[{"from": "07:00"}]), f"{WEEKLY}.until: is missing"),
    (calendar(weekly=[{**WINDOW, "day": ["mon"]}]), f"{WEEKLY}.day: unknown key: allowed are days, from, until"),
    (calendar(week=[WINDOW]), f"{AT}.calendar.week: unknown key: allowed are time_zone, weekly, except, days_on, days_off"),
    (calendar(weekly=[{**WINDOW, "days": ["monday"]}]), f"{WEEKLY}.days: there is no day 'monday': allowed are mon,"),
    (calendar(weekly=[{**WINDOW, "days": ["mon..fry"]}]), f"{WEEKLY}.days: there is no day 'fry'"),
    (calendar(weekly=[{**WINDOW, "days": ["mon", "mon..tue"]}]), f"{WEEKLY}.days: mon is given twice"),
    (calendar(weekly=[{**WINDOW, "days": "mon"}]), f"{WEEKLY}.days: allowed is a list of mon, tue"),
    (calendar(weekly=[{"from": "7", "until": "09:30"}]), f'{WEEKLY}.from: allowed is a time from "00:00" to "24:00"'),
    (calendar(weekly=[{"from": 1050, "until": "19:00"}]), f'{WEEKLY}.from: allowed is a time from "00:00"'),
    (calendar(weekly=[{"from": "07:60", "until": "09:30"}]), f"{WEEKLY}.from: allowed is a time"),
    (calendar(weekly=[{"from": "07:00", "until": "24:01"}]), f"{WEEKLY}.until: allowed is a time"),
    (calendar(weekly=[{"from": "24:00", "until": "07:00"}]), f"{WEEKLY}: from: no day has a 24:00 to begin at"),
    (calendar(weekly=[{"from": "07:00", "until": "07:00"}]), f"{WEEKLY}: from, until: both are 07:00: allowed"),
    (calendar(weekly=[WINDOW, {"from": "09:00", "until": "10:00"}]), f"{AT}.calendar: weekly: daily 07:00–09:30 and daily"),
    (calendar(days_off=["2026-10-07..2026-10-01"]), f"{OFF}: 2026-10-07..2026-10-01: ends before it begins"),
    (calendar(days_off=["2026-02-30"]), f"{OFF}: '2026-02-30' is no date: allowed are 2026-10-01 and"),
    (calendar(days_off=["10-01"]), f"{OFF}: '10-01' is no date"),
    (
        calendar(weekly=[WINDOW], days_on=["2026-10-01"], days_off=["2026-10-01..2026-10-07"]),
        f"{AT}.calendar: days_on, days_off: both hold 2026-10-01: allowed is a date in one of them",
    ),
    (calendar(weekly=[WINDOW], **{"except": [WINDOW]}), f"{AT}.calendar: is never active"),
    ({"calendar": {"weekly": [WINDOW]}}, f"{AT}.calendar.time_zone: is missing"),
    ({"calendar": {"time_zone": "Mars", "weekly": [WINDOW]}}, f"{AT}.calendar: time_zone: there is no 'Mars': allowed"),
    ({"calendar": "always"}, f"{AT}.calendar: holds a text: allowed are the keys time_zone, weekly, except"),
    ({"classes": ["bus", "car"], "exempt": ["bus"]}, f"{AT}.exempt: classes names bus too: allowed is a class in one of them"),
    ({"exempt": []}, f"{AT}.exempt: List should have at least 1 item"),
    ({"cooldown_s": -1}, f"{AT}.cooldown_s: Input should be greater than or equal to 0"),
    ({"size_m": {}}, f"{AT}.size_m: says nothing: allowed is min, max or both"),
    ({"size_m": {"min": 3, "max": 3}}, f"{AT}.size_m: min 3 is not below max 3"),
    ({"size_m": {"min": 1}}, "camera gate: zone kerb: size_m: needs the camera's homography"),
    ({"event_code": "a b"}, f"{AT}.event_code: String should match pattern"),
    ({"grid_code": "1 2"}, f"{AT}.grid_code: String should match pattern"),
    ({"callout": {"url": "http://host/"}}, f"{CALL}: the kind of the zone is no_parking: allowed is fire_lane"),
    ({**FIRE_LANE, "callout": {"url": "rtsp://u:s3cret@host/"}}, "camera gate: zone kerb: callout: url: 'rtsp://***@host/'"),
    (
        {**FIRE_LANE, "callout": {"url": "http://host/", "secret_env": "NO_SUCH_SECRET"}},
        "camera gate: zone kerb: callout: secret_env: the environment has no variable 'NO_SUCH_SECRET'",
    ),
    ({**FIRE_LANE, "callout": {"url": "http://host/", "secret": "x"}}, f"{CALL}.secret: unknown key: allowed are url"),
    ({**FIRE_LANE, "callout": True}, f"{CALL}: holds yes or no: allowed are the keys url, secret_env"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "line"), WRONG_ZONES)
def test_one_mistake_in_a_zone_is_one_line(
    tmp_path: Path, keys: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    assert refusal(tmp_path, zone=keys).startswith(line)


def homography(**keys: Any) -> dict[str, Any]:
    return {"homography": {**HOMOGRAPHY, **keys}}


def test_mistakes_in_a_camera(tmp_path: Path) -> None:
    table = [
        (homography(image=[[0, 1], [1, 1], [1, 0], [0, 1.2]]), "cameras[0].homography: image: [0.0, 1.2] lies outside"),
        (homography(ground_m=HOMOGRAPHY["ground_m"][:3]), "cameras[0].homography: image, ground_m: hold 4 and 3 points"),
        (homography(origin={"latitude": 39.9}), "cameras[0].homography.origin.longitude: is missing"),
        (homography(origin={"latitude": 139.9, "longitude": 116.4}), "cameras[0].homography.origin.latitude: Input should"),
        (homography(points=[]), "cameras[0].homography.points: unknown key: allowed are image, ground_m, origin"),
        ({"callout": {"url": "http://host/"}}, "camera gate: callout: the camera has no zone of kind fire_lane"),
    ]  # fmt: skip
    for keys, line in table:
        assert refusal(tmp_path, camera=keys).startswith(line)


def test_a_zone_beyond_the_horizon_is_refused(tmp_path: Path) -> None:
    # A trapezium whose sides meet at (0.5, 0.35): the horizon is at y = 0.35.
    towards = {
        "image": [[0.1, 0.9], [0.9, 0.9], [0.7, 0.6], [0.3, 0.6]],
        "ground_m": [[-4, 8], [4, 8], [4, 20], [-4, 20]],
    }
    far = [[0.4, 0.2], [0.6, 0.2], [0.6, 0.8], [0.4, 0.8]]
    read(tmp_path, camera={"homography": towards})
    line = refusal(tmp_path, zone={"polygon": far}, camera={"homography": towards})
    assert line.startswith("camera gate: zone kerb: polygon: corner [0.4, 0.2] lies at the horizon")


def test_thinner_than_a_wheel_in_metres(tmp_path: Path) -> None:
    # 0.008 of the frame is enough by itself; where the whole frame is 9 m high, it is 7 cm.
    strip = [[0.2, 0.6], [0.8, 0.6], [0.8, 0.608], [0.2, 0.608]]
    zone_of(tmp_path, polygon=strip)
    line = refusal(tmp_path, zone={"polygon": strip}, camera={"homography": HOMOGRAPHY})
    assert line.startswith(
        "camera gate: zone kerb: polygon: it is thinner than a wheel, 0.07 m at its widest: allowed is 0.15 m"
    )


def test_a_recording_with_a_calendar_says_when_it_was_taken(tmp_path: Path) -> None:
    line = refusal(tmp_path, zone={"calendar": CALENDAR}, camera={"source": "clip.mp4"})
    assert line.startswith("camera gate: zone kerb: calendar: needs the camera's starts_at")
    read(tmp_path, zone={"calendar": CALENDAR}, camera={"source": "clip.mp4", "starts_at": "2026-03-02T08:00:00+08:00"})


def test_a_cameras_call_out_is_for_its_fire_lanes_alone(tmp_path: Path) -> None:
    def entry(name: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"id": name, "kind": kind, "polygon": SQUARE, **more}

    zones = [entry("a", "fire_lane"), entry("b", "no_parking"), entry("c", "fire_lane", callout={"url": "http://own/"})]
    camera = read(tmp_path, camera={"zones": zones, "callout": {"url": "http://all/"}})
    assert [zone.callout and zone.callout.url for zone in camera.zones] == ["http://all/", None, "http://own/"]


def test_codes_for_the_whole_file(tmp_path: Path) -> None:
    (zone,) = read(tmp_path, event_codes={"no_parking": "0711"}).zones
    assert zone.event_code == "0711"
    (tmp_path / "codes.yaml").write_text("kinds: {no_parking: '9', no_vending: '8'}\nnames: {'9': {de: Falschparker}}")
    (zone,) = read(tmp_path, event_codes_file="codes.yaml").zones
    assert (zone.event_code, zone.event_names) == ("9", (("de", "Falschparker"),))
    (zone,) = read(tmp_path, zone={"kind": "frontage"}, event_codes_file="codes.yaml").zones
    assert zone.event_code is None
    (zone,) = read(tmp_path, event_codes_file="codes.yaml", event_codes={"no_parking": "7"}).zones
    assert zone.event_code == "7"
    assert refusal(tmp_path, event_codes={"parking": "7"}).startswith(
        "event_codes.parking: Input should be 'no_parking'"
    )
    with pytest.raises(ConfigError, match=r"none\.yaml: can't be read as YAML"):
        read(tmp_path, event_codes_file="none.yaml")


@pytest.mark.parametrize(
    ("pattern", "code", "taken"),
    [
        (None, "110101001001001", True),
        (None, "SH-7/12", True),  # cities differ
        (r"^\d{15}$", "110101001001001", True),
        (r"\d{15}", "1101010010010011", False),  # the whole code, with anchors or without
        (r"^\d{15}$", "SH-7/12", False),
        (r"SH-\d/\d+", "SH-7/12", True),
    ],
)
def test_grid_codes(tmp_path: Path, pattern: str | None, code: str, taken: bool) -> None:
    top = {} if pattern is None else {"grid_code_pattern": pattern}
    for where, named in (("zone", "camera gate, zone kerb"), ("camera", "camera gate")):
        given: dict[str, Any] = {where: {"grid_code": code}, **top}
        if taken:
            read(tmp_path, **given)
        else:
            assert refusal(tmp_path, **given).startswith(
                f"file: {named}: grid_code {code!r}: allowed by grid_code_pattern is "
            )


def test_a_pattern_that_is_none(tmp_path: Path) -> None:
    assert refusal(tmp_path, grid_code_pattern="(").startswith("grid_code_pattern: is no regular expression: ")

import hashlib
from datetime import datetime
from pathlib import Path

import pytest

from detector.evidence.files import as_json, write_evidence
from detector.evidence.maker import EvidenceMaker, completeness_of
from detector.lifecycle.incidents import Incident
from detector.zoning.cameras_file import Camera
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from models.detections import Detections
from streams.clip import Clip
from streams.clock import CaptureClock
from streams.source.address import Address
from streams.source.feed import Feed

ZONE = Zone("kerb", ZoneKind.NO_PARKING, ((0, 0), (1, 0), (1, 1), (0, 1)), 10.0)
INCIDENT = Incident("gate-1", "gate", "kerb", "illegal_parking", 1.0, 1.0, Box(0.3, 0.4, 0.5, 0.6), "car")


def maker(folder: Path, *, starts_at: datetime | None = None) -> EvidenceMaker:
    camera = Camera("gate", Address("gate.mp4"), (ZONE,), starts_at=starts_at)
    return EvidenceMaker(
        folder, camera, ZONE, CaptureClock(live=False, starts_at=starts_at), lambda _: Detections.none(())
    )


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0.0, "00:00.00 of the recording"),
        (75.5, "01:15.50 of the recording"),
        (5999.0, "99:59.00 of the recording"),
        (7384.25, "123:04.25 of the recording"),  # 123 * 60 = 7380
        (59.996, "01:00.00 of the recording"),
    ],
)
def test_without_a_start_a_moment_is_media_time(tmp_path: Path, time_s: float, text: str) -> None:
    assert maker(tmp_path).moment_text(time_s) == text


def test_with_a_start_a_moment_is_wall_clock_time_in_its_zone(tmp_path: Path) -> None:
    starts_at = datetime.fromisoformat("2026-03-01T23:59:50+08:00")
    # 12.345 s later, past midnight
    assert maker(tmp_path, starts_at=starts_at).moment_text(12.345) == "2026-03-02 00:00:02.345+08:00"


def test_completeness_says_what_is_short() -> None:
    clip = Clip(Path("x/clip.mp4"), "00", "h264", -2.0, 15.0, 0.0, 14.25, 350, ((3.0, 5.5),), None)
    content = completeness_of(clip, CaptureClock(live=False))
    assert content["file"] == "clip.mp4"
    assert (content["pre_roll_short_s"], content["post_roll_short_s"]) == (2.0, 0.75)  # 0 + 2, 15 - 14.25
    # Of 5 s before the moment that starts 5 s after -2, at 3 s, there are 3; of 5 s after 10 s, 4.25.
    assert (content["pre_roll_asked_s"], content["pre_roll_s"]) == (5.0, 3.0)
    assert (content["post_roll_asked_s"], content["post_roll_s"]) == (5.0, 4.25)
    assert (content["pictures"], content["gaps_s"], content["gaps_in_all_s"]) == (350, ((3.0, 5.5),), 2.5)
    assert (content["codec"], content["sha256"], content["cut_at_s"], content["transcoded"]) == (
        "h264",
        "00",
        None,
        False,
    )
    assert (content["clock_source"], content["clock_error_s"], content["camera_clock_offset_s"]) == ("file", None, None)
    assert as_json(content)  # plain JSON
    early = Clip(Path("x/clip.mp4"), "00", "h264", 4.0, 15.0, 2.0, 16.0, 350, (), None)
    longer = completeness_of(early, CaptureClock(live=False))
    assert (longer["pre_roll_short_s"], longer["post_roll_short_s"]) == (0.0, 0.0)  # more than was asked is not short
    assert (longer["pre_roll_s"], longer["post_roll_s"]) == (7.0, 6.0)  # 5 + 4 - 2, 5 + 16 - 15


@pytest.mark.parametrize(("codec", "suffix", "copies"), [("libx264", ".mp4", 0), ("msmpeg4", ".mkv", 1)])
def test_a_codec_that_mp4_cannot_hold_gets_a_viewing_copy(
    make_clip,
    tmp_path: Path,
    codec: str,
    suffix: str,
    copies: int,
) -> None:
    source = make_clip("source.mp4" if codec == "libx264" else "source.avi", seconds=2, codec=codec)
    packets = list(Feed(Address(str(source))).packets())
    files = maker(tmp_path / "evidence").clip(INCIDENT, "", packets, 0.0, 2.0).files
    clips = [file for file in files if file.kind == "clip"]
    assert clips[0].name == f"clip{suffix}"
    assert [file.derived_from for file in clips[1:]] == [clips[0].name] * copies
    assert {file.kind for file in files} == {"clip", "tracks", "completeness"}
    assert all(
        hashlib.sha256((tmp_path / "evidence" / file.name).read_bytes()).hexdigest() == file.sha256 for file in files
    )


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_evidence(tmp_path, "a.json", "record", b"one", 0.0, 0.0)
    write_evidence(tmp_path, "a.json", "record", b"two", 0.0, 0.0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"two"


def test_json_has_one_form() -> None:
    assert as_json({"b": 1, "a": "车"}) == as_json({"a": "车", "b": 1}) == '{\n "a": "车",\n "b": 1\n}\n'.encode()
    with pytest.raises(ValueError, match="JSON"):
        as_json({"a": float("nan")})

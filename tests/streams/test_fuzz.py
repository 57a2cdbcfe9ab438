"""Damaged files and cameras that lie: nothing crashes, hangs, grows without bound, or gives the password away.

Every case follows from its kind and number alone; `tests/streams/fuzz_cases.py` says how to run one again.
"""

import json
import signal
import sys

import pytest

from tests.streams.fuzz_cases import SUITE_SEED, TRAP_MB
from tests.streams.fuzz_clips import PICTURES, RECIPES, original
from tests.streams.fuzz_files import Outcome, walk, write_case
from tests.streams.fuzz_recording import RECORDINGS
from tests.streams.fuzz_rtsp import play
from tests.streams.fuzz_run import Report, run_cases
from tests.streams.fuzz_script import played

GROWTH_MAX_MB = 300
WITHOUT_PTS = ("h264-avi", "hevc-annexb")
"""B-frames in what keeps no time of showing."""
KNOWN_GLUTTONS = frozenset({5925})
"""FFmpeg 8.1 makes an index entry for every picture that a fragment of an MP4 claims (`trun`), before it reads any: 1 or
2 GB and seconds for 20 kB. It asks no time limit there, so nothing of ours can stop it. A live camera can't do this.
The number holds for the locked libraries."""
CAMERAS_AT_ONCE = 24
"""They mostly wait: for answers that don't come, and for limits to pass."""


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_not_damaged_comes_out_whole(name, tmp_path) -> None:
    path = tmp_path / f"whole{original(name).suffix}"
    path.write_bytes(original(name).data)
    outcome = Outcome(name, ())
    walk(path, outcome)
    outcome.judge()
    assert (outcome.error, outcome.packets, outcome.clip) == (None, PICTURES, True)
    # Without PTS reordered pictures bear the times of decoding, and those that seem to go back are passed over.
    assert outcome.pictures == PICTURES or (name in WITHOUT_PTS and outcome.pictures > PICTURES / 2)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recorded_camera_plays(name, tmp_path) -> None:
    outcome = play(played(name), Outcome(name, ()), tmp_path)
    assert (outcome.error, outcome.fault, outcome.packets) == (None, None, PICTURES)
    assert (
        outcome.pictures >= PICTURES - 3
    )  # the first keyframe comes without PTS: what is shown before it is passed over


def test_a_case_is_the_same_every_time(tmp_path) -> None:
    (tmp_path / "again").mkdir()
    first, again = write_case(1, 7, tmp_path)[0], write_case(1, 7, tmp_path / "again")[0]
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != write_case(1, 8, tmp_path)[0].read_bytes()


@pytest.mark.slow
def test_crashes_hangs_growth_and_faults_are_noticed() -> None:
    report = run_cases("trap", 5, processes=1)  # 0 is well; 1 crashes, 2 runs on, 3 takes memory, 4 breaks a promise
    assert [(death.number, -death.returncode, death.alone) for death in report.deaths] == [
        (1, signal.SIGSEGV, True),
        (2, signal.SIGPROF, True),
    ]
    assert report.faults == {4: "a fault"}
    assert sorted(report.outcomes) == [0, 3, 4]
    assert report.growth_mb >= TRAP_MB


@pytest.mark.parametrize(
    "count", [150, pytest.param(8000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])], ids=["some", "all"]
)
def test_damaged_files(count, tmp_path) -> None:
    report = run_cases("file", count, without=KNOWN_GLUTTONS)
    for number in (*report.faults, *(death.number for death in report.deaths)):
        # pytest keeps the file, as another encoder would make another one of the same number
        write_case(SUITE_SEED, number, tmp_path)
    _judge(report)
    figures = report.summary()
    # Reach: the fuzz would be of no use if demuxers refused everything, or if nothing was damaged.
    assert figures["connected"] > 0.6 * count
    assert figures["pictures_and_errors"] > 0.2 * count
    assert figures["clips"] > 0.4 * count


@pytest.mark.parametrize(
    "count", [40, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])], ids=["some", "all"]
)
def test_cameras_that_lie(count) -> None:
    report = run_cases("rtsp", count, jobs=CAMERAS_AT_ONCE)
    _judge(report)
    assert report.summary()["connected"] > 0.5 * count


def _judge(report: Report) -> None:
    sys.stdout.write(json.dumps(report.summary()) + "\n")  # to be seen with -s
    assert not report.deaths
    assert not report.faults
    assert report.growth_mb <= GROWTH_MAX_MB
    assert report.kept_mb <= GROWTH_MAX_MB


@pytest.mark.slow
def test_a_known_crash_of_ffmpeg_still_crashes_it() -> None:
    # When this fails, FFmpeg has learned: put CRASHING_ENCODING among the encodings of the fuzz, and delete this test.
    report = run_cases("crash", 1)
    assert [-death.returncode for death in report.deaths] == [signal.SIGSEGV]


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(KNOWN_GLUTTONS))
def test_a_known_glutton_still_is_one(number) -> None:
    # When this fails, FFmpeg has learned, or the number makes another file now: take it out of KNOWN_GLUTTONS.
    report = run_cases("file", 1, first=number)
    assert report.deaths or report.growth_mb > GROWTH_MAX_MB

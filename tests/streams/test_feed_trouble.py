"""A feed in trouble, in simulated time: what goes wrong is injected packet by packet."""

import itertools
import threading

import av
import pytest

from evaluation.simulated import SimulatedCamera, SimulatedTiming
from streams.source.address import Address
from streams.source.feed import HUNG_S, LONG_BACKOFF_S, Feed


@pytest.fixture
def camera(make_clip) -> SimulatedCamera:
    return SimulatedCamera(make_clip(seconds=2, gop=25, options={"bf": "0"}), SimulatedTiming())


@pytest.fixture
def feed(camera) -> Feed:
    return Feed(camera.address, name="gate-3", connect=camera.connect, timing=camera.timing)


def read(feed: Feed, camera: SimulatedCamera, until_s: float) -> list[tuple[float, float]]:
    """(arrival, media time) of the packets until a moment of simulated time."""
    got = []
    for packet in feed.packets():
        got.append((camera.timing.now_s, packet.time_s))
        if camera.timing.now_s >= until_s:
            feed.close()
    return got


@pytest.mark.parametrize(
    ("lasting_s", "back_within_s"),
    # up to a minute: 4 s from try to try at most, and opening; longer: 25 s and opening
    [(0.5, 5), (3, 5), (7.7, 5), (20, 5), (43.21, 5), (59, 5), (61, 30), (200, 30), (86_400, 30)],
)
@pytest.mark.parametrize("opening_s", [0.3, 4.0])  # refused at once; not answered at all
def test_a_camera_is_back_soon_after_its_return(feed, camera, lasting_s, back_within_s, opening_s) -> None:
    camera.outage(1010.0, lasting_s)
    camera.opening_s = opening_s
    got = read(feed, camera, 1010 + lasting_s + 40)
    back_s = next(arrived for arrived, _ in got if arrived >= 1010 + lasting_s)
    assert back_s - (1010 + lasting_s) <= back_within_s
    media = [time_s for _, time_s in got]
    assert media == sorted(media)
    # media time spans the gap
    assert got[-1][1] - got[0][1] == pytest.approx(got[-1][0] - got[0][0], abs=0.1)
    assert camera.open == 0


def test_a_dead_camera_is_tried_every_25_s_and_said_once(feed, camera, caplog) -> None:
    camera.back_at_s = 1000 + 3600
    read(feed, camera, 1000 + 3700)
    early = [step for step in camera.tries_s if step < 1060]
    late = [b - a for a, b in itertools.pairwise(step for step in camera.tries_s if 1090 < step < 4600)]
    assert 15 <= len(early) <= 26  # 1, 2, 4, 4 … s, shortened by up to a quarter
    assert 0.75 * LONG_BACKOFF_S <= min(late) <= max(late) <= LONG_BACKOFF_S
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["camera gate-3: rtsp://***@camera/live: can't be opened: Connection refused"]
    assert feed.health.failures["open"] == len(camera.tries_s) - 1


def refused(feed: Feed, camera: SimulatedCamera, until_s: float) -> str:
    read(feed, camera, until_s)
    assert feed.health.failures["stall"] >= 1
    assert feed.health.connections >= 2
    return feed.health.last_error


def test_keyframes_that_stay_away_make_a_new_connection(feed, camera) -> None:
    camera.mischief = lambda packet, number: packet if number == 1 or not packet.is_keyframe else None
    assert "stalls: no keyframe for 6" in refused(feed, camera, 1140)


def test_a_time_that_stands_still_makes_a_new_connection(feed, camera) -> None:
    def frozen(packet: av.Packet, number: int) -> av.Packet:
        packet.pts = packet.dts = min(number, 50)
        return packet

    camera.mischief = frozen
    assert "stalls: its time has not gone on for 5 s" in refused(feed, camera, 1030)


def test_a_time_that_jumps_all_the_time_makes_a_new_connection(feed, camera) -> None:
    def wild(packet: av.Packet, number: int) -> av.Packet:
        packet.pts = packet.dts = packet.pts + number // 250 * 100_000
        return packet

    camera.mischief = wild
    assert "stalls: its time jumped 3 times" in refused(feed, camera, 1060)


def test_one_jump_is_counted_and_passed_over(feed, camera) -> None:
    def wraps(packet: av.Packet, number: int) -> av.Packet:
        packet.pts = packet.dts = packet.pts - (2**20 if number > 500 else 0)
        return packet

    camera.mischief = wraps
    got = read(feed, camera, 1060)
    assert feed.health.time_jumps == 1
    assert feed.health.connections == 1
    steps = [b - a for (_, a), (_, b) in itertools.pairwise(got)]
    assert steps == pytest.approx([0.04] * len(steps), abs=1e-6)


def test_what_comes_before_the_first_keyframe_is_counted(feed, camera) -> None:
    camera.mischief = lambda packet, number: packet if number > 10 else None
    read(feed, camera, 1010)
    assert feed.report().drops == {"before the first keyframe": 15}


def test_rates_are_measured(feed, camera) -> None:
    read(feed, camera, 1030)
    report = feed.report()
    assert report.fps == pytest.approx(25.0, abs=0.05)
    assert report.gop_s == pytest.approx(1.0)
    assert report.kbit_per_s > 0
    camera.timing.now_s += 7
    assert feed.report().last_packet_age_s == pytest.approx(7, abs=0.1)


def test_a_thread_that_hangs_can_be_left_behind(make_clip) -> None:
    timing = SimulatedTiming()
    camera = SimulatedCamera(make_clip(seconds=2), timing)
    inside, released = threading.Event(), threading.Event()

    def hanging(address: Address):
        if not inside.is_set():
            inside.set()
            released.wait(20)  # as looking up a name may
        return camera.connect(address)

    feed = Feed(camera.address, connect=hanging, timing=timing)
    late: list[object] = []
    first = threading.Thread(target=lambda: late.extend(feed.packets()), daemon=True)
    first.start()
    assert inside.wait(5)
    assert not feed.hangs()
    timing.now_s += HUNG_S + 1
    assert feed.hangs()
    packets = feed.packets()
    assert next(packets).keyframe
    assert not feed.hangs()
    released.set()
    first.join(5)
    assert not first.is_alive()
    assert late == []  # what the old thread brings is nobody's any more
    assert next(packets).time_s > 0
    assert feed.health.state == "live"
    packets.close()


def test_closing_is_immediate_in_any_state(feed, camera) -> None:
    packets = feed.packets()
    next(packets)
    feed.close()
    assert next(packets, None) is None
    assert feed.health.state == "closed"
    assert camera.open == 0

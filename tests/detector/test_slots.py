import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.watching.slots import Slots
from streams.packet import Packet
from streams.patrol import Sample
from streams.source.address import Address
from streams.source.feed import Feed


@pytest.fixture
def packets(make_clip) -> list[Packet]:
    clip: Path = make_clip(seconds=2, gop=5)
    return [packet for packet in Feed(Address(str(clip))).packets() if packet.keyframe]


@pytest.fixture
def slots() -> Iterator[Slots]:
    made = Slots()
    yield made
    made.close()


def taken(slots: Slots) -> tuple[str, Sample]:
    got = slots.take()
    assert got is not None
    return got


def test_the_newest_wins_and_what_it_displaces_is_counted(slots: Slots, packets: list[Packet]) -> None:
    samples = [Sample((packet,), drain=True, goes_on=False) for packet in packets[:4]]
    for sample in samples:
        slots.put("a", sample)
    assert slots.displaced.total() == 3
    assert taken(slots) == ("a", samples[3])
    slots.done("a")
    assert slots.idle("a")


def test_the_camera_that_waits_longest_is_first_and_keeps_its_place(slots: Slots, packets: list[Packet]) -> None:
    old, new = (Sample((packet,), drain=True, goes_on=False) for packet in packets[:2])
    slots.put("slow", old)
    slots.put("quick", old)
    slots.put("slow", new)  # displaced, but not sent to the end of the line
    assert taken(slots) == ("slow", new)
    assert taken(slots) == ("quick", old)


def test_never_two_at_once_of_one_camera(slots: Slots, packets: list[Packet]) -> None:
    sample = Sample((packets[0],), drain=True, goes_on=False)
    slots.put("a", sample)
    taken(slots)
    slots.put("a", sample)
    slots.put("b", sample)
    assert taken(slots)[0] == "b"  # a is older, but busy
    assert not slots.idle("a")
    got: list[str] = []
    waiting = threading.Thread(target=lambda: got.append(taken(slots)[0]))
    waiting.start()
    time.sleep(0.05)
    assert got == []
    slots.done("a")
    waiting.join(5)
    assert got == ["a"]


def test_under_load_no_camera_is_analysed_twice_at_once_and_every_sample_is_accounted_for(
    slots: Slots, packets: list[Packet]
) -> None:
    cameras, each = ["a", "b", "c"], 200
    busy: set[str] = set()
    clashes: list[str] = []
    analysed = 0
    lock = threading.Lock()

    def analyse() -> None:
        nonlocal analysed
        while (got := slots.take()) is not None:
            with lock:
                clashes.extend({got[0]} & busy)
                busy.add(got[0])
                analysed += 1
            time.sleep(0.0005)
            with lock:
                busy.discard(got[0])
            slots.done(got[0])

    threads = [threading.Thread(target=analyse) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(each):
        for camera in cameras:
            slots.put(camera, Sample((packets[number % len(packets)],), drain=True, goes_on=False))
    slots.close()  # what waits is still handed out
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert clashes == []
    assert analysed + slots.displaced.total() == len(cameras) * each
    assert all(slots.idle(camera) for camera in cameras)


def test_closed_and_empty_gives_none_to_all_who_wait(slots: Slots) -> None:
    ended: list[object] = []
    threads = [threading.Thread(target=lambda: ended.append(slots.take())) for _ in range(3)]
    for thread in threads:
        thread.start()
    slots.close()
    for thread in threads:
        thread.join(5)
    assert ended == [None, None, None]


def test_a_sample_that_goes_on_takes_along_what_it_goes_on_from(slots: Slots, make_clip) -> None:
    packets = list(Feed(Address(str(make_clip("b.mp4", seconds=1)))).packets())
    first, second = (Sample(tuple(part), drain=True, goes_on=True) for part in (packets[:5], packets[5:12]))
    slots.put("a", first)
    slots.put("a", second)
    assert taken(slots)[1].packets == tuple(packets[:12])
    assert slots.displaced == {"a": 1}

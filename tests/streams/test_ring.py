import logging
import threading

import pytest

from streams.lookback import look_back
from streams.packet import Packet
from streams.ring import PACKET_BYTES, PacketRing
from streams.spill import Spill
from tests.streams.packets import full_disk, likeness, placed, read

_made: dict[str, list[Packet]] = {}
"""Made once: no test changes a packet."""


def made(make_clip, **options: str) -> list[Packet]:
    name = str(options)
    if name not in _made:
        # Keyframes at 0, 1, … 9 s.
        _made[name] = read(make_clip(seconds=10, fps=10, gop=10, size=(160, 144), options=options))
    return _made[name]


@pytest.fixture
def packets(make_clip):
    return made(make_clip)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ring"


def filled(ring, packets) -> PacketRing:
    for packet in packets:
        ring.push(packet)
    return ring


def held(packets) -> int:
    return sum(packet.size_bytes + PACKET_BYTES for packet in packets)


def test_a_window_starts_at_a_keyframe(packets) -> None:
    window = filled(PacketRing(60, 10**9), packets).window(4.35, 6.2)
    assert window[0].keyframe
    assert window[0].time_s == pytest.approx(4.0)
    assert window[-1].decode_time_s <= 6.2
    assert max(packet.time_s for packet in window) >= 6.2


@pytest.mark.parametrize(
    ("start_s", "end_s", "first_s", "count"),
    [(-5.0, 99.0, 0.0, 100), (0.0, 0.95, 0.0, 10), (9.5, 99.0, 9.0, 10), (50.0, 99.0, 9.0, 10), (3.0, 3.0, 3.0, 1)],
)
def test_windows_at_the_edges(make_clip, start_s, end_s, first_s, count) -> None:
    window = filled(PacketRing(60, 10**9), made(make_clip, bf="0")).window(start_s, end_s)
    assert (window[0].time_s, len(window)) == (pytest.approx(first_s), count)


def test_a_window_before_all_is_empty(packets) -> None:
    assert filled(PacketRing(3.0, 10**9), packets).window(0, 2) == []
    assert PacketRing(3.0, 10**9).window(0, 2) == []


def test_it_keeps_what_was_promised_and_one_gop_more(packets) -> None:
    ring = filled(PacketRing(3.0, 10**9), packets)
    # 3 s before 9.9 s is 6.9 s; a window from there needs the keyframe at 6 s, and no older one.
    assert ring.span_s == (pytest.approx(6.0), pytest.approx(9.9))
    assert ring.held_bytes == ring.memory_bytes == held(packets[60:])


def test_bytes_are_a_bound_and_the_loss_is_counted(packets) -> None:
    ring = filled(PacketRing(60, held(packets[80:]) + 1), packets)
    assert ring.span_s[0] >= 7.0
    assert ring.dropped_for_bytes >= 7
    assert ring.held_bytes <= ring.keep_bytes


def test_a_gop_that_is_too_large_by_itself_is_given_up_until_the_next_keyframe(packets) -> None:
    ring = filled(PacketRing(60, held(packets[:5])), packets[:5])
    assert ring.span_s is not None
    filled(ring, packets[5:10])
    assert (ring.span_s, ring.held_bytes, ring.dropped_for_bytes) == (None, 0, 1)
    filled(ring, packets[10:12])
    assert ring.window(0, 10)[0].time_s == pytest.approx(1.0)


def test_a_clock_that_stands_still_fills_no_memory(packets) -> None:
    ring = PacketRing(3.0, 10**5)
    tiny = placed(packets[1], 0.0)
    tiny.raw.dts = 0
    ring.push(packets[0])
    for _ in range(1000):
        ring.push(tiny)
        assert ring.held_bytes <= 10**5
    assert ring.dropped_for_bytes == 1


def test_nothing_before_the_first_keyframe_is_kept(packets) -> None:
    assert filled(PacketRing(60, 10**9), packets[5:]).window(0, 10)[0].time_s == pytest.approx(1.0)


@pytest.mark.parametrize(("seconds", "size_bytes"), [(0, 1), (1, 0), (-1, 5)])
def test_a_ring_that_holds_nothing_is_refused(seconds, size_bytes) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        PacketRing(seconds, size_bytes)


# With a folder


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 9.9), (2.5, 4.5), (8.7, 9.9), (-1.0, 1.0), (5.0, 5.0)])
@pytest.mark.parametrize("keep_s", [60.0, 4.0])
def test_what_is_on_disk_comes_back_as_if_it_were_in_memory(packets, folder, keep_s, start_s, end_s) -> None:
    spilled = filled(PacketRing(keep_s, 10**9, Spill(folder, held(packets[80:]))), packets)
    plain = filled(PacketRing(keep_s, 10**9), packets)
    assert likeness(spilled.window(start_s, end_s)) == likeness(plain.window(start_s, end_s))
    assert (spilled.span_s, spilled.held_bytes) == (plain.span_s, plain.held_bytes)
    assert len({packet.codec for packet in spilled.window(0, 10)}) == 1  # so that look-back needs one decoder


def test_memory_is_bounded_all_the_time_and_files_go_with_their_gops(packets, folder) -> None:
    memory_bytes, gop_bytes = held(packets[:25]), max(held(packets[n : n + 10]) for n in range(0, 100, 10))
    ring = PacketRing(5.0, 10**9, Spill(folder, memory_bytes))
    for packet in packets:
        ring.push(packet)
        assert ring.memory_bytes <= memory_bytes + gop_bytes  # the one that is being filled
    # From 4.9 s on, so from the keyframe at 4 s: 6 GOPs; the newest ones, 20 to 25 packets, are in memory.
    assert ring.span_s[0] == pytest.approx(4.0)
    assert len(list(folder.iterdir())) in {3, 4}
    assert ring.dropped_for_bytes == 0


def test_the_bound_in_bytes_counts_the_disk(packets, folder) -> None:
    ring = filled(PacketRing(60, held(packets[70:]) + 1, Spill(folder, held(packets[90:]))), packets)
    assert ring.held_bytes <= ring.keep_bytes
    assert 6.0 <= ring.span_s[0] <= 8.0
    # What a payload is shelved with, its row in the index, takes less than what the ring counts for it.
    assert sum(path.stat().st_size for path in folder.iterdir()) <= ring.held_bytes
    assert ring.window(0, 99)[0].time_s == ring.span_s[0]


def test_only_what_is_asked_for_is_read(packets, folder) -> None:
    ring = filled(PacketRing(60, 10**9, Spill(folder, 1)), packets)
    files = sorted(folder.iterdir())
    assert len(files) == 9  # all but the one that is being filled
    for path in (*files[:4], *files[7:]):
        path.unlink()
    assert ring.window(4.5, 6.5)[0].time_s == pytest.approx(4.0)
    assert ring.spill.unreadable == 0


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:99])])
def test_a_gop_that_cannot_be_read_is_left_out_and_counted(packets, folder, harm) -> None:
    ring = filled(PacketRing(60, 10**9, Spill(folder, 1)), packets)
    harm(sorted(folder.iterdir())[3])
    window = ring.window(2.0, 6.0)
    assert [packet.time_s for packet in window if packet.keyframe] == pytest.approx([2.0, 4.0, 5.0, 6.0])
    assert ring.spill.unreadable == 1
    assert sum(1 for _ in look_back(window, 2.0, 5.95)) == 30


def test_leftovers_of_an_earlier_run_go_and_other_files_stay(packets, folder) -> None:
    filled(PacketRing(60, 10**9, Spill(folder, 1)), packets)
    (folder / ".00000099.gop.part").write_bytes(b"torn")
    (folder / "notes.txt").write_text("mine")
    Spill(folder, 1)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_full_disk_makes_the_ring_shorter_is_counted_and_said_once(packets, folder, caplog) -> None:
    ring = PacketRing(60, 10**9, Spill(folder, held(packets[:15])))
    with caplog.at_level(logging.WARNING):
        with full_disk(at_bytes=500):
            filled(ring, packets[:60])
        assert len(caplog.records) == 1
        assert str(folder) in caplog.text
        assert list(folder.iterdir()) == []
        # In memory there is room for one whole GOP and the one that is being filled.
        assert ring.span_s == (pytest.approx(4.0), pytest.approx(5.9))
        assert ring.spill.failures == ring.dropped_for_bytes == 4
        filled(ring, packets[60:80])  # there is room again
        assert ring.span_s[0] == pytest.approx(4.0)
        with full_disk(at_bytes=500):
            filled(ring, packets[80:])  # and none again: the oldest files go first
        assert len(caplog.records) == 2
    assert ring.window(0, 10)[0].keyframe
    assert ring.memory_bytes <= held(packets[:35])


def test_readers_and_the_one_who_fills_do_not_disturb_each_other(packets, folder) -> None:
    ring = PacketRing(4.0, 10**9, Spill(folder, held(packets[:15])))
    wrong: list[object] = []
    done = threading.Event()

    def reader() -> None:
        while not done.is_set():
            window = ring.window(0, 1e9)
            dts = [packet.raw.dts for packet in window]
            if window and not (window[0].keyframe and dts == sorted(dts)):
                wrong.append(dts)

    readers = [threading.Thread(target=reader) for _ in range(2)]
    for thread in readers:
        thread.start()
    try:
        for lap in range(20):
            for packet in packets:
                time_s, decode_s = packet.time_s + lap * 10, packet.decode_time_s + lap * 10
                ring.push(placed(packet, time_s, decode_time_s=decode_s))
    finally:
        done.set()
        for thread in readers:
            thread.join()
    assert wrong == []
    assert ring.spill.failures == ring.spill.unreadable == ring.dropped_for_bytes == 0
    assert len(list(folder.iterdir())) <= 6


@pytest.mark.parametrize("memory_bytes", [0, -1])
def test_a_spill_without_memory_is_refused(folder, memory_bytes) -> None:
    with pytest.raises(ValueError, match="memory_bytes must be positive"):
        Spill(folder, memory_bytes)

import pytest

from streams.address import Address
from streams.feed import Feed
from streams.ring import PacketRing


@pytest.fixture
def packets(make_clip):
    return list(Feed(Address(str(make_clip(seconds=10, fps=10, gop=10)))).packets())  # keyframes at 0, 1, … 9 s


def test_a_window_starts_at_a_keyframe(packets) -> None:
    ring = PacketRing(60, 10**9)
    for packet in packets:
        ring.push(packet)
    window = ring.window(4.35, 6.2)
    assert window[0].keyframe
    assert window[0].time_s == pytest.approx(4.0)
    assert window[-1].decode_time_s <= 6.2
    assert max(packet.time_s for packet in window) >= 6.2


def test_it_keeps_what_was_promised_and_one_gop_more(packets) -> None:
    ring = PacketRing(3.0, 10**9)
    for packet in packets:
        ring.push(packet)
    start_s, end_s = ring.span_s
    # 3 s before 9.9 s is 6.9 s; a window from there needs the keyframe at 6 s, and no older one.
    assert (start_s, end_s) == (pytest.approx(6.0), pytest.approx(9.9))
    assert ring.held_bytes == sum(packet.size_bytes for packet in packets[60:])


def test_bytes_are_a_bound_and_the_loss_is_counted(packets) -> None:
    ring = PacketRing(60, sum(packet.size_bytes for packet in packets[80:]) + 1)
    for packet in packets:
        ring.push(packet)
    assert ring.span_s[0] >= 7.0
    assert ring.dropped_for_bytes >= 7


def test_nothing_before_the_first_keyframe_is_kept(packets) -> None:
    ring = PacketRing(60, 10**9)
    for packet in packets[5:]:
        ring.push(packet)
    assert ring.window(0, 10)[0].time_s == pytest.approx(1.0)


@pytest.mark.parametrize(("seconds", "size_bytes"), [(0, 1), (1, 0), (-1, 5)])
def test_a_ring_that_holds_nothing_is_refused(seconds, size_bytes) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        PacketRing(seconds, size_bytes)

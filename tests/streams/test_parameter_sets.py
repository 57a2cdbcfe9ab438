import av
import pytest
from av.bitstream import BitStreamFilterContext

from streams.codec import VideoCodec
from streams.packet import raw_packet
from streams.source.parameter_sets import parameter_sets


def annex_b(clip) -> list[bytes]:
    """The pictures of a file as RTSP brings them: start codes, parameter sets before each keyframe."""
    with av.open(clip) as source:
        stream = source.streams.video[0]
        name = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}[stream.codec_context.name]
        convert = BitStreamFilterContext(name, stream)
        return [bytes(out) for packet in source.demux(stream) if packet.size for out in convert.filter(packet)]


@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264"), ("libx265", "hevc")])
def test_a_new_size_is_another_set(make_clip, codec, name) -> None:
    small = annex_b(make_clip("a.mp4", seconds=2, codec=codec))
    large = annex_b(make_clip("b.mp4", seconds=2, codec=codec, size=(640, 360)))
    sets = parameter_sets(name, memoryview(small[0]))
    assert sets
    assert parameter_sets(name, small[25]) == sets  # the next keyframe of the same camera
    assert parameter_sets(name, large[0]) not in (None, sets)
    found = VideoCodec.in_band(name, large[0])
    assert (found.name, found.width_px, found.height_px) == (name, 640, 360)
    decoder = found.decoder()
    assert [frame.width for packet in (raw_packet(large[0]), None) for frame in decoder.decode(packet)] == [640]


@pytest.mark.parametrize(
    ("codec", "picture"),
    [
        ("h264", b""),
        ("h264", b"\x00\x00\x00\x10\x65" + bytes(100)),  # a length before it, not a start code: MP4
        ("h264", b"\x00\x00\x01\x65" + bytes(100)),  # a slice alone
        ("h264", b"\x00\x00\x01"),
        ("mjpeg", b"\xff\xd8" + bytes(100)),
    ],
)
def test_pictures_without_sets_say_nothing(codec, picture) -> None:
    assert parameter_sets(codec, picture) is None

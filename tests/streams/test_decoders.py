import itertools

import pytest

from streams.decoders import DecoderPool
from streams.hardware import AUTO, CPU, accelerator, devices
from streams.lookback import decode
from streams.patrol import Patrol, PatrolDecoder
from streams.source.address import Address
from streams.source.feed import Feed


def read(clip):
    return list(Feed(Address(str(clip))).packets())


def test_cameras_of_one_make_share_decoders(make_clip) -> None:
    pool = DecoderPool()
    clip = make_clip(seconds=3)
    cameras = [(Patrol(), PatrolDecoder(pool), read(clip)) for _ in range(20)]
    shown = 0
    for patrol, decoder, packets in cameras:
        for packet in packets:
            sample = patrol.offer(packet)
            shown += sample is not None and decoder.decode(sample) is not None
    assert shown == 40
    assert (pool.made, pool.idle) == (1, 1)


def test_other_cameras_push_the_oldest_out(make_clip) -> None:
    pool = DecoderPool(idle_max=2)
    codecs = [read(make_clip(f"{width}.mp4", seconds=0.2, size=(width, 96)))[0].codec for width in (96, 128, 160)]
    for codec in codecs:
        pool.give(codec, pool.take(codec))
    assert (pool.made, pool.idle) == (3, 2)
    pool.take(codecs[0])
    assert pool.made == 4  # it was the oldest


def test_a_lent_decoder_has_forgotten_what_it_saw(make_clip) -> None:
    pool = DecoderPool()
    packets = read(make_clip(seconds=1, options={"bf": "0"}))
    codec = packets[0].codec
    decoder = pool.take(codec)
    fresh = [frame.gray().tobytes() for packet in packets[:3] for frame in decode(decoder, packet)]
    decode(decoder, None)
    pool.give(codec, decoder)
    again = pool.take(codec)
    assert [frame.gray().tobytes() for packet in packets[:3] for frame in decode(again, packet)] == fresh


def test_cameras_with_long_gops_keep_theirs(make_clip) -> None:
    pool = DecoderPool()
    packets = read(make_clip(seconds=16, fps=10, gop=70, options={"bf": "0"}))
    patrol, decoder = Patrol(), PatrolDecoder(pool)
    times = []
    for packet in packets:
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        times += [frame.time_s] if frame else []
    assert max(b - a for a, b in itertools.pairwise(times)) <= 2.6
    decoder.release()
    assert pool.idle == pool.made


def test_the_cpu_is_what_is_left_and_says_why(caplog) -> None:
    caplog.set_level("INFO")
    found = accelerator(AUTO)
    said = [record.message for record in caplog.records if record.name == "streams.hardware"]
    assert len(said) == 1
    assert said[0].startswith(f"decoding on {found.device if found else 'the CPU'}")


@pytest.mark.parametrize("device", devices())
def test_a_device_is_taken_only_if_it_decodes(device, make_clip) -> None:
    found = accelerator(device)
    decoder = found.decoder(read(make_clip(seconds=1, size=(640, 360)))[0].codec) if found else None
    assert found is None or (decoder is not None and decoder.is_hwaccel)


def test_cpu_asked_for_is_cpu() -> None:
    assert accelerator(CPU) is None


def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'abacus': allowed are auto, cpu"):
        accelerator("abacus")


@pytest.mark.gpu
def test_a_device_decodes_as_the_cpu_does(make_clip) -> None:
    found = accelerator(AUTO)
    if found is None:
        pytest.skip(f"no device here decodes; FFmpeg knows {', '.join(devices())}")
    packets = read(make_clip(seconds=1, size=(640, 360)))
    on_device, on_cpu = (DecoderPool(accelerator=choice).take(packets[0].codec) for choice in (found, None))
    for packet in packets:
        for ours, theirs in zip(decode(on_device, packet), decode(on_cpu, packet), strict=False):
            assert (ours.gray() == theirs.gray()).all()

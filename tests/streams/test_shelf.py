import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from streams.lookback import look_back
from streams.packet import Packet
from streams.shelf import ShelfError, Shelved, shelve
from tests.streams.packets import full_disk, later, likeness, read

DECODES = """
import sys, zlib
from pathlib import Path
from streams.lookback import look_back
from streams.shelf import Shelved
packets = Shelved.open(Path(sys.argv[1])).packets()
frames = list(look_back(packets, -1, 99))
print(len(frames), zlib.crc32(b"".join(frame.gray().tobytes() for frame in frames)))
"""


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "3"}),  # avcC, DTS before PTS
        ("a.ts", "libx264", {}),  # Annex B
        ("a.mp4", "libx265", {}),
        ("a.ts", "libx265", {}),
        ("a.avi", "mpeg4", {}),
        ("a.avi", "msmpeg4", {}),  # no extradata, the tag alone says which version
    ],
)
@pytest.mark.parametrize("keep", [True, False])
def test_packets_come_back_the_same_to_the_byte(make_clip, tmp_path, name, codec, options, keep) -> None:
    packets = read(make_clip(name, seconds=1, codec=codec, options=options, size=(160, 144)))
    shelved = shelve(packets, tmp_path / "shelf", keep=keep)
    assert likeness(shelved.packets()) == likeness(packets)
    assert {packet.codec for packet in shelved.packets()} == {packets[0].codec}  # the very same object: one decoder
    assert (shelved.start_s, shelved.end_s) == (packets[0].time_s, packets[-1].time_s)
    assert shelved.size_bytes == sum(packet.size_bytes for packet in packets)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.ts", "libx265"), ("a.avi", "mpeg4"), ("a.avi", "msmpeg4")]
)
def test_another_process_reads_it_and_decodes_the_same_pictures(make_clip, tmp_path, name, codec) -> None:
    packets = read(make_clip(name, seconds=1, codec=codec, size=(160, 144)))
    path = shelve(packets, tmp_path / "shelf", keep=True).path
    done = subprocess.run([sys.executable, "-c", DECODES, path], capture_output=True, text=True, check=True)
    frames = list(look_back(packets, -1, 99))
    assert len(frames) == 25
    assert done.stdout.split() == ["25", str(zlib.crc32(b"".join(frame.gray().tobytes() for frame in frames)))]
    opened = Shelved.open(path)
    assert likeness(opened.packets()) == likeness(packets)
    assert opened.packets()[0].codec.joins(packets[0].codec)


def test_one_shelf_holds_several_codecs(make_clip, tmp_path) -> None:
    first, second = read(make_clip("a.mp4", seconds=1)), read(make_clip("b.mp4", seconds=1, codec="libx265"))
    packets = [*first, *later(second, 1.0)]
    shelve(packets, tmp_path / "shelf", keep=True)
    again = Shelved.open(tmp_path / "shelf").packets()
    assert likeness(again) == likeness(packets)
    assert [packet.codec.name for packet in again] == ["h264"] * 25 + ["hevc"] * 25
    assert len({packet.codec for packet in again}) == 2
    assert sum(1 for _ in look_back(again, 0, 9)) == 50


@pytest.fixture
def shelf(make_clip, tmp_path) -> Path:
    return shelve(read(make_clip(seconds=1)), tmp_path / "shelf", keep=True).path


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.99])
def test_a_torn_file_is_refused(shelf, share) -> None:
    whole = shelf.read_bytes()
    shelf.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ShelfError, match=r"shelf: is (torn|no shelf)"):
        Shelved.open(shelf)


def test_not_even_its_last_byte_may_be_missing(shelf) -> None:
    shelf.write_bytes(shelf.read_bytes()[:-1])
    with pytest.raises(ShelfError, match="torn"):
        Shelved.open(shelf)


@pytest.mark.parametrize("at", [20, 4000, -200])  # in the first and in a later payload, in the index
def test_a_flipped_bit_is_noticed(shelf, at) -> None:
    data = bytearray(shelf.read_bytes())
    data[at] ^= 1
    shelf.write_bytes(data)
    with pytest.raises(ShelfError, match="damaged"):
        Shelved.open(shelf)


def test_another_file_is_no_shelf(make_clip) -> None:
    with pytest.raises(ShelfError, match=r"clip\.mp4: is no shelf"):
        Shelved.open(make_clip(seconds=1))


def test_what_was_not_made_to_be_kept_says_so(make_clip, tmp_path) -> None:
    shelve(read(make_clip(seconds=1)), tmp_path / "shelf", keep=False)
    with pytest.raises(ShelfError, match="not made to be kept"):
        Shelved.open(tmp_path / "shelf")


@pytest.mark.parametrize("keep", [True, False])
def test_a_full_disk_leaves_nothing_behind(make_clip, tmp_path, keep) -> None:
    packets = read(make_clip(seconds=1))
    folder = tmp_path / "shelves"
    folder.mkdir()
    with full_disk(at_bytes=1000), pytest.raises(OSError, match="large"):
        shelve(packets, folder / "shelf", keep=keep)
    assert list(folder.iterdir()) == []


def test_removed_twice_is_removed(shelf) -> None:
    shelved = Shelved.open(shelf)
    shelved.remove()
    shelved.remove()
    assert not shelf.exists()
    with pytest.raises(FileNotFoundError):
        shelved.packets()


def test_no_packets_are_no_shelf(tmp_path) -> None:
    none: list[Packet] = []
    with pytest.raises(ValueError, match="got none"):
        shelve(none, tmp_path / "shelf", keep=True)
    assert list(tmp_path.iterdir()) == []

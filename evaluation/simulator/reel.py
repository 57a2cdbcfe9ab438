"""A reel: the compressed pictures of one clip, laid out so that a server can send them from memory."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import astuple, dataclass
from pathlib import Path

CODECS = ("h264", "hevc")
"""What a reel may hold: what nearly all cameras send."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit in Annex B, as a range of bytes of its reel, in decoding order."""

    offset_bytes: int
    size_bytes: int
    header_bytes: int
    """Parameter sets at the front, 0 for anything but a keyframe."""
    decode_s: float
    """When it is sent: seconds from the reel's start."""
    show_s: float
    """When it is shown, on the same clock; later than `decode_s` where pictures are reordered."""

    @property
    def keyframe(self) -> bool:
        """True if a decoder can begin here."""
        return self.header_bytes > 0


@dataclass(frozen=True, slots=True)
class Reel:
    """The pictures of one clip; begins with a keyframe at 0 s and can be played round and round."""

    path: Path
    """Where the bytes lie."""
    codec: str
    width_px: int
    height_px: int
    duration_s: float
    """From the first picture's start to the last one's end."""
    pictures: tuple[Picture, ...]

    def keyframe_before(self, position_s: float) -> int:
        """Index of the newest keyframe sent at or before a position."""
        last = bisect_right(self.pictures, position_s, key=lambda picture: picture.decode_s) - 1
        return next(index for index in range(max(0, last), -1, -1) if self.pictures[index].keyframe)

    def save(self) -> None:
        """Writes everything but the bytes beside them."""
        index = {
            "codec": self.codec,
            "width_px": self.width_px,
            "height_px": self.height_px,
            "duration_s": self.duration_s,
            "pictures": [astuple(picture) for picture in self.pictures],
        }
        self.path.with_suffix(".json").write_text(json.dumps(index), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Reel:
        """Reads what `save` wrote."""
        index = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        pictures = tuple(Picture(*row) for row in index.pop("pictures"))
        return cls(path=path, pictures=pictures, **index)

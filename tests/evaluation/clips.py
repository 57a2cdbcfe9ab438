"""Small clips with the times that a test wants, and a dataset around one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

TICKS_PER_S = 1000
SIZE_PX = (320, 240)
OPTIONS = {"libx264": {"bf": "0", "g": "10"}, "mpeg4": {"qmin": "1", "qmax": "2", "g": "10"}}


def write_clip(
    path: Path, times_s: Sequence[float], *, codec: str = "libx264", size_px: tuple[int, int] = SIZE_PX
) -> Path:
    """A clip with a picture at each time; each picture has its own grey, brighter from one to the next."""
    with av.open(path, "w") as out:
        stream = out.add_stream(codec, rate=25, options=OPTIONS[codec])
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        for number, time_s in enumerate(times_s):
            grey = 40 + round(number * 160 / len(times_s))
            frame = av.VideoFrame.from_ndarray(np.full((size_px[1], size_px[0], 3), grey, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time_s * TICKS_PER_S), Fraction(1, TICKS_PER_S)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def write_camera(
    folder: Path, clip: str = "a.mp4", zone: dict[str, Any] | None = None, *more_zones: dict[str, Any]
) -> Path:
    zone = zone or {
        "id": "kerb",
        "kind": "no_parking",
        "polygon": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]],
        "dwell_s": 2.0,
    }
    path = folder / "a.camera.yaml"
    path.write_text(json.dumps({"cameras": [{"id": "a", "source": clip, "zones": [zone, *more_zones]}]}, indent=1))
    return path


def write_dataset(folder: Path, *incidents: object, duration_s: float = 8.0) -> Path:
    """DATASET.yaml of one clip, `a.mp4`, whose files are there already or not."""
    truth = {"schema": 1, "duration_s": duration_s, "incidents": list(incidents)}
    (folder / "a.truth.json").write_text(json.dumps(truth, indent=1))
    path = folder / "dataset.yaml"
    path.write_text("schema: 1\nclips:\n  - cameras: a.camera.yaml\n    truth: a.truth.json\n")
    return path

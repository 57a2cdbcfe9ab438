"""Writes cameras files with zones drawn by chance, and some drawn by hand, for `streetwarden bench regions`.

python -m tests.evaluation.drawn_zones ../shared OUT [ZONES]: OUT/zones-SIZE.json, with so many zones of each size in each clip
and still of real footage; OUT/far.json with the far ends of a public square. Stills become clips of two pictures.
"""

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

SIZES = (0.15, 0.3, 0.6)
"""Of the frame's sides."""
HORIZON = 0.1
"""Nothing stands above it in any of these pictures."""
CLIPS = (
    "ds_retail02.mp4",
    "intel_car-detection.mp4",
    "ocv4node_city_intersection.mp4",
    "opencv_vtest.avi",
    "otc_cars-cyclist.mp4",
    "otc_cars-truck.mp4",
    "sv_walking.mp4",
)
# Left, top, right, bottom in pixels of 1280x720: where somebody who watches this square for stopping vehicles would draw.
FAR = {
    "2020-09-10t07-43-44": [(900, 160, 1180, 230)],
    "2020-09-10t07-45-22": [(560, 350, 1000, 450)],
    "2020-09-10t07-45-38": [(300, 630, 500, 710)],
    "2020-09-10t07-53-55": [(140, 500, 540, 600)],
    "2020-09-10t07-57-34": [(230, 640, 540, 720)],
    "2020-09-10t07-58-06": [(60, 180, 460, 330)],
    "2020-09-10t08-04-26": [(860, 160, 1180, 260)],
    "2020-09-25t12-52-57": [(840, 280, 1240, 400), (520, 540, 760, 680)],
    "2020-09-25t14-00-45": [(1100, 620, 1280, 720)],
}


def as_clip(still: Path, clip: Path) -> Path:
    """A clip of two pictures, a second apart, that show the same."""
    frame = av.VideoFrame.from_image(Image.open(still)).reformat(format="yuv420p")
    with av.open(clip, "w") as out:
        stream = out.add_stream("libx264", rate=1, options={"crf": "10", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        for second in range(2):
            frame.pts, frame.time_base = second, Fraction(1)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return clip


def draw(shared: Path, out: Path, zones: int) -> None:
    """Writes the files."""
    out.mkdir(parents=True, exist_ok=True)
    clips = [(shared / "clips" / "real" / name).resolve() for name in CLIPS]
    stills = sorted((shared / "images" / "squares").glob("*.jpg"))
    clips += [as_clip(still, out / f"{still.stem.lower()}.mp4").resolve() for still in stills]
    chance = np.random.default_rng(1)
    for size in SIZES:
        cameras = []
        for clip in clips:
            for number in range(zones):
                left, top = chance.uniform(0, 1 - size), chance.uniform(HORIZON, 1 - size)
                box = (left, top, left + size, top + size)
                cameras.append(_camera(f"{clip.stem.lower()}-{number}", clip, [box]))
        (out / f"zones-{size:g}.json").write_text(json.dumps({"cameras": cameras}))
    far = [
        _camera(name, out / f"{name}.mp4", [(a / 1280, b / 720, c / 1280, d / 720) for a, b, c, d in boxes])
        for name, boxes in FAR.items()
    ]
    (out / "far.json").write_text(json.dumps({"cameras": far}))


def _camera(name: str, clip: Path, boxes: list[tuple[float, ...]]) -> dict[str, Any]:
    zones = [
        {"id": f"zone-{number}", "kind": "no_parking", "polygon": [[a, b], [c, b], [c, d], [a, d]]}
        for number, (a, b, c, d) in enumerate(boxes)
    ]
    return {"id": name, "source": str(clip.resolve()), "zones": zones}


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 2)

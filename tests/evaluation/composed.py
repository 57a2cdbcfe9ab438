"""A street for the composer: 160 x 120, ten pictures a second, a red car drives by, and then somebody in black walks by."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import yaml

WIDTH, HEIGHT, FPS = 160, 120, 10
GROUND_SEED = 3
CAR_BGR, WALKER_BGR = (40, 40, 220), (20, 20, 20)
CAR_PX, WALKER_PX = (30, 16), (8, 26)
CAR_FOOT, WALKER_FOOT = 70, 100

Image = npt.NDArray[np.uint8]


def street_pictures() -> list[Image]:
    """Car: 4 px a picture, its left side at 4 x - 40, pictures 0 to 49. Walker: 3 px a picture, at 3 x - 150, 50 to 109."""
    ground = np.random.default_rng(GROUND_SEED).integers(110, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    pictures = []
    for index in range(120):
        picture = ground.copy()
        car_x, walker_x = 4 * index - 40, 3 * index - 150
        for left, (width, height), foot, colour in (
            (car_x, CAR_PX, CAR_FOOT, CAR_BGR),
            (walker_x, WALKER_PX, WALKER_FOOT, WALKER_BGR),
        ):
            x0, x1 = max(left, 0), min(left + width, WIDTH)
            if x0 < x1:
                picture[foot - height : foot, x0:x1] = colour
        pictures.append(picture)
    return pictures


def write_street(folder: Path) -> None:
    with av.open(folder / "street.mp4", "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "4", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, picture in enumerate(street_pictures()):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def recipe(*scenarios: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The street as a background that stands still, and as one that plays; one thing and two passages."""
    place = {"polygon": [[0, 0.3], [1, 0.3], [1, 1], [0, 1]], "person": [[0.5, 0.2], [1.0, 0.24]]}
    return {
        "seed": 5,
        "backgrounds": {
            "empty": {"footage": "street.mp4", "shows": "plate", "place": place},
            "busy": {"footage": "street.mp4", "place": place},
        },
        "things": {
            # Picture 20: the car covers columns 40 to 69, rows 54 to 69.
            "car": {
                "footage": "street.mp4",
                "at_s": 2.0,
                "outline": [[0.2, 0.4], [0.5, 0.4], [0.5, 0.65], [0.2, 0.65]],
                "height_m": 1.7,
            }
        },
        "passages": {
            # Picture 15: the car covers columns 20 to 49; picture 60: the walker covers columns 30 to 37.
            "car": {"footage": "street.mp4", "at_s": 1.5, "point": [0.22, 0.5], "walks": False},
            "walker": {"footage": "street.mp4", "at_s": 6.0, "point": [0.21, 0.75]},
        },
        "scenarios": list(scenarios),
        **more,
    }


def scenario(name: str = "one", **more: Any) -> dict[str, Any]:
    zone = {"id": "kerb", "kind": "no_parking", "dwell_s": 2}
    calm = {"noise": 0}
    return {"name": name, "background": "empty", "duration_s": 8, "fps": 10, "zone": zone, "conditions": calm, **more}


def write_recipe(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def decoded(path: Path) -> list[Image]:
    with av.open(path) as container:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]


def digests(path: Path) -> list[str]:
    return [hashlib.sha256(picture.tobytes()).hexdigest() for picture in decoded(path)]


def truth(folder: Path, name: str = "one") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"{name}.truth.json").read_text())
    return content

"""Made-up pictures of a street: stills, a small clip, and where the car is in it."""

import io
import json
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw

CLIP_S = 8.0


def jpeg(label: str, box: tuple[float, ...] | None = None, size: tuple[int, int] = (640, 360)) -> bytes:
    """A street with a car in it; with `box` it is the copy that has been drawn on."""
    picture = Image.fromarray(street(0.6, size))
    pen = ImageDraw.Draw(picture)
    pen.text((12, 10), label, fill="white")
    if box:
        width, height = size
        pen.rectangle([box[0] * width, box[1] * height, box[2] * width, box[3] * height], outline="red", width=3)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def street(at: float, size: tuple[int, int] = (640, 360)) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """House front, pavement, road, and a car whose right side is at the fraction `at` of the width."""
    width, height = size
    picture = Image.new("RGB", size, (108, 112, 118))
    pen = ImageDraw.Draw(picture)
    pen.rectangle([0, 0, width, height * 0.38], fill=(152, 132, 112))
    for left in range(0, width, width // 8):
        pen.rectangle([left + 10, height * 0.08, left + width // 16, height * 0.26], fill=(70, 84, 102))
    pen.rectangle([0, height * 0.38, width, height * 0.5], fill=(172, 170, 164))
    right, top, bottom = at * width, height * 0.46, height * 0.78
    pen.rounded_rectangle([right - 0.3 * width, top + 28, right, bottom], 18, fill=(32, 68, 122))
    pen.rounded_rectangle([right - 0.24 * width, top, right - 0.06 * width, top + 60], 18, fill=(32, 68, 122))
    for x in (right - 0.24 * width, right - 0.06 * width):
        pen.ellipse([x - 20, bottom - 22, x + 20, bottom + 18], fill=(22, 22, 24))
    return np.asarray(picture)


def clip_bytes(seconds: float = CLIP_S, fps: int = 10) -> bytes:
    """A small H.264 clip: the car drives in and stands."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": "20"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for index in range(int(seconds * fps)):
            at = min(0.6, 0.6 * index / (2 * fps))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(street(at), format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def tracks_of(clip: str, seconds: float = CLIP_S, fps: float = 5.0) -> bytes:
    """Where the car is in each picture of `clip_bytes`."""
    frames = []
    for index in range(int(seconds * fps)):
        right = min(0.6, 0.6 * index / (2 * fps))
        box = [max(right - 0.3, 0.0), 0.46, right, 0.8]
        frames.append({"t": index / fps, "boxes": [{"id": 3, "class": "car", "score": 0.87, "box": box}]})
    zone = [[0.2, 0.55], [0.8, 0.55], [0.9, 0.9], [0.1, 0.9]]
    return json.dumps(
        {
            "schema": 1,
            "clip": clip,
            "fps": fps,
            "zone": zone,
            "subject": 3,
            "anchor": [0.3, 0.46, 0.6, 0.8],
            "frames": frames,
        }
    ).encode()

"""Small data sets for the tests of fine-tuning: pictures with coloured shapes on them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 128, 96
SIDE = 40
CLASSES = ("pile", "stall")


def write_picture(path: Path, seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """A picture of its own for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(60, 140, (size[1], size[0], 3), np.uint8))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def case(folder: Path, picture: str, boxes: list[tuple[str, list[float]]], **changes: Any) -> dict[str, Any]:
    """A line of `cases.jsonl`."""
    path = folder / picture
    return {
        "schema": 1,
        "incident": "i1",
        "camera": "a",
        "verdict": "confirm",
        "reason": None,
        "type": "street_vending",
        "picture": picture,
        "sha256": sha256(path) if path.is_file() else "0" * 64,
        "boxes": [{"class": name, "box": box} for name, box in boxes],
    } | changes


def write_cases(folder: Path, lines: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def shapes(folder: Path, grounds: list[NDArray[np.uint8]]) -> Path:
    """Sixteen reviewed cases: four cameras, each with its own ground, four pictures, a red stall or a blue pile in each."""
    lines = []
    rng = np.random.default_rng(0)
    for number, ground in enumerate(grounds):
        camera = "abcd"[number]
        for look in range(4):
            picture = cv2.resize(ground, (WIDTH, HEIGHT))
            x, y = int(rng.integers(0, WIDTH - SIDE)), int(rng.integers(0, HEIGHT - SIDE))
            name = CLASSES[look % 2]
            if name == "stall":
                cv2.rectangle(picture, (x, y), (x + SIDE - 1, y + SIDE - 1), (0, 0, 230), -1)
            else:
                cv2.circle(picture, (x + SIDE // 2, y + SIDE // 2), SIDE // 2, (230, 60, 0), -1)
            file = folder / "pictures" / f"{camera}{look}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), picture)
            box = [x / WIDTH, y / HEIGHT, (x + SIDE) / WIDTH, (y + SIDE) / HEIGHT]
            lines.append(
                case(folder, f"pictures/{file.name}", [(name, box)], incident=f"{camera}{look}", camera=camera)
            )
    return write_cases(folder, lines)

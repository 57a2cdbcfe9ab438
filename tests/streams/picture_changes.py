"""A camera that plays real footage, and what may happen to its pictures."""

import copy
import itertools
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np

from streams.patrol import Patrol, PatrolDecoder
from streams.picture.health import PictureHealth, PictureReport
from streams.source.address import Address
from streams.source.feed import Feed

LOOK_S = 2.0
WIDE, HIGH = 400, 225
SEEN_WIDE, SEEN_HIGH = 320, 180
"""Cameras see the middle, so that a moved one sees more of its street, and not a made-up border."""
LEARNT = 20
"""Looks after which a view is learned: 15 of them and 30 s."""
Luma = np.ndarray
Change = Callable[[Luma], Luma]


@cache
def patrolled(clip: Path) -> list[Luma]:
    """What patrol sees of a clip, as it would come from a camera: one picture every 2 s or so."""
    patrol, decoder, pictures = Patrol(), PatrolDecoder(), []
    for packet in Feed(Address(str(clip))).packets():
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        if frame is not None:
            pictures.append(frame.gray(WIDE, HIGH))
    return pictures


class Camera:
    """Plays a clip over and over in front of a `PictureHealth`, through a change."""

    def __init__(self, clip: Path, health: PictureHealth | None = None) -> None:
        self.health = health or PictureHealth()
        self.time_s = 0.0
        self.clip = clip
        self.turn = itertools.cycle(range(len(patrolled(clip))))

    def learn(self) -> PictureReport:
        """Brings the view to where it is learned, 40 s in."""
        self.health, report = copy.deepcopy(learnt(self.clip))
        self.time_s = report.time_s + LOOK_S
        return report

    def looks(self, count: int, change: Change = lambda luma: luma, step_s: float = LOOK_S) -> list[PictureReport]:
        return [self.look(change, step_s) for _ in range(count)]

    def look(self, change: Change = lambda luma: luma, step_s: float = LOOK_S) -> PictureReport:
        luma = changed(self.clip, next(self.turn), change)
        report = self.health.observe(luma, self.time_s)
        self.time_s += step_s
        return report


@cache
def learnt(clip: Path) -> tuple[PictureHealth, PictureReport]:
    camera = Camera(clip)
    return camera.health, camera.looks(LEARNT)[-1]


@lru_cache(maxsize=100)
def changed(clip: Path, index: int, change: Change) -> Luma:
    """The middle of a clip's picture after a change."""
    left, top = (WIDE - SEEN_WIDE) // 2, (HIGH - SEEN_HIGH) // 2
    luma = change(patrolled(clip)[index])
    return np.ascontiguousarray(luma[top : top + SEEN_HIGH, left : left + SEEN_WIDE])


def moved(luma: Luma, right: float = 0.0, down: float = 0.0, turn: float = 0.0, zoom: float = 1.0) -> Luma:
    """Shifts by fractions of what is seen, turns by degrees, zooms."""
    matrix = cv2.getRotationMatrix2D((WIDE / 2, HIGH / 2), turn, zoom)
    matrix[:, 2] += (right * SEEN_WIDE, down * SEEN_HIGH)
    return cv2.warpAffine(luma, matrix, (WIDE, HIGH), borderMode=cv2.BORDER_REFLECT)


def noisy(luma: Luma, sigma: float, seed: int = 1) -> Luma:
    noise = np.random.default_rng(seed + int(luma.sum()) % 1000).normal(0, sigma, luma.shape)
    return np.clip(luma + noise, 0, 255).astype(np.uint8)


def gray_card(luma: Luma, level: float = 110) -> Luma:
    return noisy(np.full_like(luma, level), 3)


def hand(luma: Luma, size: float, level: float = 60) -> Luma:
    """Something close to the lens, out of focus, on an ellipse of this part of the picture's sides."""
    mask = np.zeros(luma.shape, np.float32)
    cv2.ellipse(mask, (WIDE // 2, HIGH // 2), (int(WIDE / 2 * size), int(HIGH / 2 * size)), 20, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 12)
    return (luma * (1 - mask) + level * mask).astype(np.uint8)


def paint(luma: Luma, share: float) -> Luma:
    """Spray paint over the left part of what is seen, its edge soft."""
    mask = np.zeros(luma.shape, np.float32)
    mask[:, : (WIDE - SEEN_WIDE) // 2 + int(SEEN_WIDE * share)] = 1
    mask = cv2.GaussianBlur(mask, (0, 0), 8)
    return (luma * (1 - mask) + 170 * mask).astype(np.uint8)


def blurred(luma: Luma, sigma: float) -> Luma:
    return cv2.GaussianBlur(luma, (0, 0), sigma)


def lorry(luma: Luma, share: float) -> Luma:
    """A side with panels, over the full height."""
    luma = luma.copy()
    panels = np.random.default_rng(2).integers(60, 200, (6, 5), dtype=np.uint8)
    width = int(SEEN_WIDE * share)
    luma[:, 70 : 70 + width] = cv2.resize(panels, (width, HIGH), interpolation=cv2.INTER_NEAREST)
    return luma


Y, X = np.mgrid[:HIGH, :WIDE] / np.array([HIGH, WIDE]).reshape(2, 1, 1)


def glow(at: tuple[tuple[float, float], ...], wide: float, high: float) -> np.ndarray:
    return sum(np.exp(-(((X - x) / wide) ** 2) - ((Y - y) / high) ** 2) for x, y in at)


LAMPS = glow(((0.25, 0.3), (0.7, 0.25), (0.5, 0.6)), 0.08, 0.1)
GLARE = 255 * glow(((0.4, 0.6), (0.5, 0.6), (0.65, 0.45)), 0.04, 0.07)
LAMP_AT_CAMERA = 40 + 120 * glow(((0.5, 0.5),), 0.33, 0.33)
SWAPPED = cv2.resize(np.random.default_rng(3).normal(0.4, 1, (6, 10)).astype(np.float32), (WIDE, HIGH)) < 0

SHADOWS = cv2.resize(
    np.random.default_rng(5).choice([0.0, 60.0], (14, 22)), (WIDE, HIGH), interpolation=cv2.INTER_NEAREST
)


def lamps(luma: Luma, light: float, sigma: float) -> Luma:
    """Night: little light but around three lamps, and noise."""
    return noisy(np.clip(luma * (light + 0.8 * LAMPS), 0, 255), sigma)


def headlights(luma: Luma) -> Luma:
    return np.clip(luma * 0.35 + GLARE, 0, 255).astype(np.uint8)


def rain(luma: Luma) -> Luma:
    streaks, rng = np.zeros_like(luma), np.random.default_rng(int(luma.sum()) % 1000)
    for x, y in rng.integers(0, (WIDE, HIGH), (300, 2)):
        cv2.line(streaks, (int(x), int(y)), (int(x) + 2, int(y) + 15), 40, 1)
    return cv2.add((luma * 0.8 + 20).astype(np.uint8), streaks)


def squeezed(luma: Luma, quality: int) -> Luma:
    return cv2.imdecode(cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def infrared(luma: Luma) -> Luma:
    """A lamp at the camera: other light, a third of the edges with bright and dark swapped, noise."""
    flat = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), 15)
    return noisy(np.clip(LAMP_AT_CAMERA + np.where(SWAPPED, -0.4, 0.6) * (luma - flat), 0, 255), 4)


def floodlit(luma: Luma) -> Luma:
    """Other light altogether: shadows on everything, what was there only faint."""
    flat = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), 15)
    return noisy(np.clip(60 + SHADOWS + 0.45 * (luma - flat), 0, 255), 3)

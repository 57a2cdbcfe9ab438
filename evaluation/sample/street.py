"""The empty street of the sample camera, composed from the same photograph as the bus.

The photograph shows one storey of a house above the bus, a strip of kerb and a patterned pavement. Storeys and pavement are
repeated over a landscape picture; the ground floor and the roadway, which the bus hides, are made of the same wall and
windows and of a plain noise texture.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from evaluation.sample.bus import WHEELS_PX, Alpha, Image, Sprite, mask_of

CANVAS_PX: Final = (2560, 1440)
# Rows of the canvas, from far to near.
_GROUND_FLOOR_PX: Final = 560
_FAR_PAVEMENT_PX: Final = 868
_ROAD_PX: Final = 898
KERB_PX: Final = 1076

_HOUSE_IN_PHOTO: Final = ((125, 35), (665, 137), (665, 227), (125, 148))  # window heads and railings of the first floor
_HOUSE_FRONTAL: Final = ((200, 200), (890, 200), (890, 310), (200, 310))
_HOUSE_SIZE_PX: Final = (1300, 460)
_STOREY_PX: Final = 250
_BAY_PX: Final = 232
_PLINTH_PX: Final = 56
_BOLLARD: Final = ((552, 669), (590, 671), (592, 745), (581, 749), (581, 767), (559, 767), (559, 749), (551, 745))
_BOLLARD_STEP_PX: Final = 646  # every second one of the photograph's: they hide as little of a bus as possible
_SEED: Final = 20


def _tiled(piece: Image, height_px: int, width_px: int) -> Image:
    """`piece` and its mirror images, side by side and one above the other, so that no seam shows."""
    row = np.hstack([piece, piece[:, ::-1]])
    both = np.vstack([row, row[::-1]])
    times = (height_px // both.shape[0] + 1, width_px // both.shape[1] + 1, 1)
    return np.tile(both, times)[:height_px, :width_px]


def _shade(image: Image, factor: npt.ArrayLike) -> None:
    image[:] = np.clip(image * np.asarray(factor, np.float32), 0, 255).astype(np.uint8)


def paste(image: Image, sprite: Sprite, x_px: int, y_px: int) -> None:
    """Lay a cut-out over `image`, its upper left corner at (x, y); what lies outside is cut off."""
    height, width = sprite.alpha.shape
    x0, y0, x1, y1 = max(x_px, 0), max(y_px, 0), min(x_px + width, image.shape[1]), min(y_px + height, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - y_px, y1 - y_px), slice(x0 - x_px, x1 - x_px))
    alpha = sprite.alpha[part][..., None]
    under = image[y0:y1, x0:x1]
    under[:] = (under * (1 - alpha) + sprite.bgr[part] * alpha + 0.5).astype(np.uint8)


def _window(house: Image, x0: int, y0: int, x1: int, y1: int) -> Sprite:
    """A window with its balcony; below `y1`, where bus or tree hide it, the railing's bars simply go on."""
    seen = house[y0:y1, x0:x1]
    bars = seen[-16:]
    below = np.vstack([bars[::-1], bars, bars[::-1]])[: 386 - y1]
    bgr = np.vstack([seen, below])
    bgr[-9:] = (52, 50, 47)
    alpha = np.ones(bgr.shape[:2], np.float32)
    ramp = np.linspace(0, 1, 8, dtype=np.float32)
    alpha[:, :8] *= ramp
    alpha[:, -8:] *= ramp[::-1]
    alpha[:8] *= ramp[:, None]
    return Sprite(bgr, alpha)


def _house(photo: Image) -> Image:
    """The house front, as high as the canvas down to the far pavement."""
    matrix = cv2.getPerspectiveTransform(np.array(_HOUSE_IN_PHOTO, np.float32), np.array(_HOUSE_FRONTAL, np.float32))
    house = np.asarray(cv2.warpPerspective(photo, matrix, _HOUSE_SIZE_PX, flags=cv2.INTER_CUBIC), np.uint8)
    front = _tiled(house[168:300, 764:856], _FAR_PAVEMENT_PX, CANVAS_PX[0])
    windows = (_window(house, 176, 184, 343, 340), _window(house, 406, 188, 548, 354))
    cornice = _tiled(house[141:161, 880:1080], 20, CANVAS_PX[0])
    for storey in range(3):
        top = _GROUND_FLOOR_PX - (storey + 1) * _STOREY_PX
        if top >= 0:
            front[top : top + 20] = cornice
        for bay in range(CANVAS_PX[0] // _BAY_PX + 1):
            window = windows[(bay + storey) % 2]
            y = top + _STOREY_PX - window.alpha.shape[0]
            paste(front, window, bay * _BAY_PX + (_BAY_PX - window.alpha.shape[1]) // 2, y)
    _ground_floor(front, house)
    return front


def _ground_floor(front: Image, house: Image) -> None:
    """Doors and windows of the storey that the photograph does not show, by those of the next one."""
    top, bottom = _GROUND_FLOOR_PX, _FAR_PAVEMENT_PX
    front[top : top + 22] = _tiled(house[141:161, 880:1080], 22, CANVAS_PX[0])
    stone = _tiled(house[141:161, 880:1080], _PLINTH_PX, CANVAS_PX[0])
    front[bottom - _PLINTH_PX : bottom] = stone
    _shade(front[bottom - _PLINTH_PX : bottom], 0.72)
    door = cv2.resize(house[186:300, 198:308], (140, 190), interpolation=cv2.INTER_CUBIC)
    pane = cv2.resize(house[192:300, 424:534], (130, 150), interpolation=cv2.INTER_CUBIC)
    for bay in range(CANVAS_PX[0] // _BAY_PX + 1):
        x = bay * _BAY_PX + 46
        if bay % 3 == 1:
            width = front[:, x : x + 140].shape[1]
            front[bottom - 236 : bottom - 46, x : x + 140] = door[:, :width]
            front[bottom - 46 : bottom, x : x + 140] = door[-1:, :width]
        else:
            width = front[:, x : x + 130].shape[1]
            front[top + 60 : top + 210, x : x + 130] = pane[:, :width]
            front[top + 210 : top + 219, max(x - 6, 0) : x + 136] = (168, 176, 182)
    _shade(front[top + 22 : bottom], np.linspace(0.80, 0.97, bottom - top - 22)[:, None, None])


def _road(rng: np.random.Generator) -> Image:
    """Asphalt from the far kerb to the near one, coarser the nearer it is, with a yellow line along the near kerb."""
    height = KERB_PX - _ROAD_PX
    grain = rng.normal(0, 1, (height, CANVAS_PX[0])).astype(np.float32)
    patches = cv2.resize(
        rng.normal(0, 1, (9, 40)).astype(np.float32), (CANVAS_PX[0], height), interpolation=cv2.INTER_CUBIC
    )
    level = (
        np.linspace(112, 128, height, dtype=np.float32)[:, None] + 7 * cv2.GaussianBlur(grain, (5, 3), 0) + 3 * patches
    )
    road = np.dstack([level * 1.01, level, level * 0.985])
    wear = np.clip(0.75 + 0.2 * cv2.GaussianBlur(grain, (9, 3), 0)[142:156], 0, 1)[..., None]
    road[142:156] = road[142:156] * (1 - wear) + np.array([72, 182, 214]) * wear
    for x in range(0, CANVAS_PX[0], 320):
        road[66:72, x : x + 150] = road[66:72, x : x + 150] * 0.35 + 200 * 0.65
    return np.clip(road, 0, 255).astype(np.uint8)


def _pavement(frontal: Image) -> Image:
    """The patterned pavement from the near kerb down, without people and bollards."""
    height = CANVAS_PX[1] - KERB_PX
    kerb = _tiled(frontal[738:778, 604:764], 40, CANVAS_PX[0])
    field = cv2.resize(frontal[770:1082, 544:884], (340, height - 32), interpolation=cv2.INTER_LINEAR)
    field = np.hstack([field, field[:, ::-1]])
    field = np.tile(field, (1, CANVAS_PX[0] // field.shape[1] + 1, 1))[:, : CANVAS_PX[0]]
    pavement = np.vstack([kerb[:32], field])
    ramp = np.linspace(0, 1, 8)[:, None, None]
    pavement[32:40] = (kerb[32:] * (1 - ramp) + field[:8] * ramp).astype(np.uint8)
    return pavement


def street(photo: Image, frontal: Image) -> Image:
    """The street with nothing in it, `(1440, 2560, 3)`.

    Args:
        photo: the photograph, BGR.
        frontal: its frontal view.
    """
    rng = np.random.default_rng(_SEED)
    canvas = np.zeros((CANVAS_PX[1], CANVAS_PX[0], 3), np.uint8)
    canvas[:_FAR_PAVEMENT_PX] = _house(photo)
    far = _tiled(frontal[742:760, 604:764], _ROAD_PX - _FAR_PAVEMENT_PX, CANVAS_PX[0])
    canvas[_FAR_PAVEMENT_PX:_ROAD_PX] = far
    _shade(canvas[_FAR_PAVEMENT_PX : _ROAD_PX - 7], 0.8)
    canvas[_ROAD_PX:KERB_PX] = _road(rng)
    canvas[KERB_PX:] = _pavement(frontal)
    return canvas


def bollards(frontal: Image) -> Sprite:
    """The row of bollards on the near kerb, with their shadows: it stands before every vehicle. As large as the canvas."""
    shape: Alpha = np.asarray(
        cv2.GaussianBlur(mask_of(_BOLLARD, frontal.shape).astype(np.float32), (3, 3), 0), np.float32
    )
    width, height = CANVAS_PX
    row = Sprite(np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.float32))
    dy = KERB_PX - WHEELS_PX
    for x in range(210, width, _BOLLARD_STEP_PX):
        cv2.ellipse(row.alpha, (x - 60, 768 + dy), (70, 5), 0, 0, 360, 0.55, -1, cv2.LINE_AA)
        part = (slice(660 + dy, 775 + dy), slice(x - 25, x + 25))
        cut = (slice(660, 775), slice(547, 597))
        row.bgr[part] = frontal[cut]
        row.alpha[part] = np.maximum(row.alpha[part], shape[cut])
    return row

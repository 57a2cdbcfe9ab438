"""The bus of the sample camera: cut out of the street photograph, and made whole where people stood before it.

All coordinates are those of the *frontal view*: the photograph as a camera turned towards the house front would have taken
it (a plane homography of the bus's side, which is parallel to the house), where kerb, roof and windows run level and a bus that
drives by moves by a plain shift. The outlines were drawn by hand on that one photograph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""BGR picture, `(H, W, 3)`, uint8."""
Mask = npt.NDArray[np.bool_]
"""`(H, W)`, true inside."""
Alpha = npt.NDArray[np.float32]
"""`(H, W)`, 0 transparent … 1 opaque."""
Corners = tuple[tuple[float, float], ...]
"""Points x, y in px, origin top left."""

FRONTAL_SIZE_PX: Final = (1200, 1110)
# The dark window band and the skirt of the bus's side: level and upright once the camera looks straight at it.
_SIDE_IN_PHOTO: Final[Corners] = ((400, 321), (780, 331), (780, 631.6), (400, 697))
_SIDE_FRONTAL: Final[Corners] = ((520, 321), (1080, 321), (1080, 697), (520, 697))

_OUTLINE: Final[Corners] = (
    (163, 327), (168, 319), (184, 303), (202, 282), (217, 272), (280, 257), (306, 250), (334, 244), (918, 243), (965, 255),
    (994, 272), (1010, 291), (1060, 292), (1090, 303), (1103, 319), (1116, 400), (1124, 470), (1130, 540), (1128, 692),
    (152, 690), (146, 660), (143, 540), (150, 440),
)  # fmt: skip
_REAR_WHEEL_PX: Final = (983, 675)
_FRONT_WHEEL_PX: Final = (430, 660)
_TYRE_RADIUS_PX: Final = 64
WHEELS_PX: Final = 738
_ARCH_RADII_PX: Final = (80, 100)
_WHEEL_WELL_BGR: Final = (34, 28, 26)
_SILL_PX: Final = 536  # the row where glass ends and the painted panel begins
# Left half of the rear wheel with its arch, seen freely; its mirror image is the half behind the passer-by.
_WHEEL_HALF_PX: Final = (905, 576, 983, 742)

_LEFT_WALKER: Final[Corners] = (
    (208, 392), (270, 392), (276, 440), (268, 458), (292, 480), (304, 520), (314, 545), (312, 572), (300, 585), (306, 640),
    (307, 700), (130, 700), (130, 510), (146, 514), (172, 556), (176, 505), (186, 478), (212, 458), (206, 430),
)  # fmt: skip
_RIGHT_WALKER: Final[Corners] = (
    (362, 402), (414, 402), (423, 430), (420, 460), (412, 472), (452, 485), (460, 545), (446, 570), (442, 600), (456, 730),
    (326, 730), (328, 668), (343, 600), (340, 505), (350, 480), (372, 470), (366, 450),
)  # fmt: skip
_PASSER_BY: Final[Corners] = (
    (1140, 396), (1112, 400), (1092, 425), (1094, 470), (1108, 488), (1086, 512), (1066, 545), (1064, 596), (1036, 604),
    (1004, 590), (1004, 745), (1140, 745),
)  # fmt: skip
_SHADE: Final[Corners] = ((158, 680), (1122, 680), (1116, 736), (900, 741), (430, 732), (170, 728))
_SHADE_DEPTH: Final = 0.86  # how dark it is under the bus in the photograph
_HAND: Final[Corners] = ((956, 602), (968, 593), (984, 589), (984, 616), (966, 616))
_DRIVER_GLASS: Final[Corners] = ((340, 300), (476, 300), (474, 488), (466, 503), (448, 512), (400, 518), (340, 534))
_REAR_GLASS: Final[Corners] = ((1000, 320), (1072, 320), (1098, 500), (1103, 534), (1000, 534))


@dataclass(frozen=True)
class Sprite:
    """A cut-out picture.

    Attributes:
        bgr: `(H, W, 3)` uint8.
        alpha: `(H, W)` float32, 0…1.
    """

    bgr: Image
    alpha: Alpha


def frontal_view(photo: Image) -> Image:
    """The photograph as seen by a camera that looks straight at the house front, `FRONTAL_SIZE_PX` wide and high."""
    matrix = cv2.getPerspectiveTransform(np.array(_SIDE_IN_PHOTO, np.float32), np.array(_SIDE_FRONTAL, np.float32))
    return np.asarray(cv2.warpPerspective(photo, matrix, FRONTAL_SIZE_PX, flags=cv2.INTER_CUBIC), np.uint8)


def mask_of(corners: Corners, shape: tuple[int, ...]) -> Mask:
    """The inside of a polygon as a boolean picture of `shape` (height, width, …)."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(corners, np.int32)], 255)
    return mask > 0


def _rows(image: Image, x0: int, x1: int) -> npt.NDArray[np.float32]:
    """The mean colour of each row between two columns, `(H, 1, 3)`, softened so that lettering leaves no stripes."""
    mean = image[:, x0:x1].mean(axis=1, dtype=np.float32)
    return np.asarray(cv2.blur(mean[:, None], (1, 5)), np.float32)


def _columns(image: Image, y0: int, y1: int) -> npt.NDArray[np.float32]:
    """The mean colour of each column between two rows, `(1, W, 3)`."""
    return np.asarray(image[y0:y1].mean(axis=0, keepdims=True), np.float32)


def _put(image: Image, mask: Mask, fill: npt.NDArray[np.float32]) -> None:
    """Paint `fill` (broadcast to the picture) where `mask` is set, with a soft edge."""
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)[..., None]
    image[:] = np.clip(image * (1 - weight) + fill * weight, 0, 255).astype(np.uint8)


def _hidden(corners: Corners, image: Image) -> Mask:
    """Where a person stood: the outline, a little grown so that no rim of a coat is left."""
    return np.asarray(cv2.dilate(mask_of(corners, image.shape).astype(np.uint8), np.ones((7, 7), np.uint8)), np.bool_)


def _mend_rear(image: Image) -> None:
    """Paint window, panel and wheel where the passer-by and the right bollard stood."""
    image[660:745, 866:919] = _rows(image, 852, 864)[660:745].astype(np.uint8)
    cv2.fillPoly(image, [np.array(_HAND, np.int32)], _WHEEL_WELL_BGR, cv2.LINE_AA)
    hidden = _hidden(_PASSER_BY, image)
    panel = _rows(image, 900, 906)
    panel[:590] = panel[590:600].mean(axis=0)
    glass = mask_of(_REAR_GLASS, image.shape)
    pillar = image[340:380, 1086:1096].mean(axis=(0, 1), dtype=np.float32)
    above = np.arange(image.shape[0])[:, None] < _SILL_PX
    _put(image, hidden & ~above, panel)
    _put(image, hidden & ~glass & above, pillar)
    _put(image, hidden & glass, _rows(image, 1030, 1055))
    x0, y0, x1, y1 = _WHEEL_HALF_PX
    image[y0:y1, x1 : 2 * x1 - x0] = image[y0:y1, x0:x1][:, ::-1]


def _mend_front(image: Image) -> None:
    """Paint windscreen, door window, panel, wheel and number plate where the two walkers stood."""
    image[660:698, 546:600] = _rows(image, 622, 640)[660:698].astype(np.uint8)  # the left bollard
    left, right = _hidden(_LEFT_WALKER, image), _hidden(_RIGHT_WALKER, image)
    glass = mask_of(_DRIVER_GLASS, image.shape)
    above = np.arange(image.shape[0])[:, None] < _SILL_PX
    panel = _rows(image, 318, 329)
    panel[:550] = panel[550:556].mean(axis=0)
    image[540:562, 446:490] = panel[540:562].astype(np.uint8)  # half of the fleet number
    door = _columns(image, 386, 396)
    fade = np.clip((np.arange(image.shape[0], dtype=np.float32) - 400) / 120, 0, 1)[:, None, None]
    screen = np.asarray(
        _columns(image, 374, 388) * (1 - fade) + 30 * fade, np.float32
    )  # towards the dark foot of the glass
    _put(image, left & ~above, panel)
    _put(image, left & above, screen)
    _put(image, right & ~glass, panel)
    _put(image, right & glass, door)
    _mend_front_wheel(image, right)
    _draw_face(image)


def _mend_front_wheel(image: Image, hidden: Mask) -> None:
    """Lend the front wheel what a walker hid of it: the rear one is the same, only lower in the picture."""
    dx, dy = _FRONT_WHEEL_PX[0] - _REAR_WHEEL_PX[0], _FRONT_WHEEL_PX[1] - _REAR_WHEEL_PX[1]
    arch = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(arch, _FRONT_WHEEL_PX, _ARCH_RADII_PX, 0, 0, 360, 1, -1)
    moved = np.roll(image, (dy, dx), axis=(0, 1))
    _put(image, (arch > 0) & hidden, moved.astype(np.float32))


def _draw_face(image: Image) -> None:
    """Headlights and a number plate, which nothing in the photograph shows."""
    for x in (170, 288):
        cv2.ellipse(image, (x, 606), (19, 11), 0, 0, 360, (78, 66, 52), -1, cv2.LINE_AA)
        cv2.ellipse(image, (x, 605), (13, 7), 0, 0, 360, (206, 200, 192), -1, cv2.LINE_AA)
    cv2.rectangle(image, (196, 650), (262, 668), (238, 240, 240), -1, cv2.LINE_AA)
    cv2.rectangle(image, (196, 650), (262, 668), (40, 40, 40), 1, cv2.LINE_AA)
    cv2.putText(image, "0010 SW", (200, 664), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)


def _body() -> Image:
    """The bus without its shade, `(H, W)` uint8, 0 or 255 but for a soft edge."""
    body = np.zeros(FRONTAL_SIZE_PX[::-1], np.uint8)
    cv2.fillPoly(body, [np.array(_OUTLINE, np.int32)], 255, cv2.LINE_AA)
    for centre in (_REAR_WHEEL_PX, _FRONT_WHEEL_PX):
        cv2.circle(body, centre, _TYRE_RADIUS_PX, 255, -1, cv2.LINE_AA)
    return body


def bus_box_px() -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the bus without its shade, in the frontal view."""
    x, y, width, height = cv2.boundingRect(_body())
    return x, y, x + width, y + height


def cut_bus(frontal: Image) -> Sprite:
    """The whole bus with nobody before it, and the shade under it; its wheels stand on row `WHEELS_PX`.

    Args:
        frontal: what `frontal_view` returns; it is left as it is.

    Returns:
        A cut-out as large as the frontal view.
    """
    image = frontal.copy()
    _mend_rear(image)
    _mend_front(image)
    solid: Alpha = cv2.GaussianBlur(_body(), (3, 3), 0).astype(np.float32) / np.float32(255)
    shade = cv2.GaussianBlur(mask_of(_SHADE, image.shape).astype(np.float32), (0, 0), 5) * _SHADE_DEPTH
    alpha: Alpha = np.asarray(solid + (1 - solid) * shade, np.float32)
    image[:] = image * (solid / np.maximum(alpha, 1e-6))[..., None]  # the shade is black
    return Sprite(image, alpha)

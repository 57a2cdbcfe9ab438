"""Our conversion and pre-processing against Ultralytics itself, where the extra `train` is installed."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Detector
from models.letterbox import Letterbox
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.session import Session, open_session
from tests.models.conftest import read_rgb

pytestmark = pytest.mark.train

PICTURES = 16  # of the 64; all 64 were measured once: the same bounds hold


@pytest.fixture(scope="module")
def ultralytics() -> Any:
    return pytest.importorskip("ultralytics", reason="needs the extra `train`")


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs the extra `train`")


@pytest.fixture(scope="module")
def ours() -> Session:
    return open_session(pull(load_registry().model("yolov8n")), provider="cpu")


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[NDArray[np.uint8]]:
    return [read_rgb(path) for path in sorted((shared / "images" / "calibration").glob("*.jpg"))[:PICTURES]]


@pytest.mark.parametrize("size", [(640, 640), (640, 384)])
def test_graph_equals_its_own_export(
    size: tuple[int, int],
    ultralytics: Any,
    ours: Session,
    checkpoint_file: Path,
    pictures: list[NDArray[np.uint8]],
    tmp_path: Path,
) -> None:
    width, height = size
    copy = shutil.copy(checkpoint_file, tmp_path / "yolov8n.pt")
    exported = ultralytics.YOLO(copy).export(
        format="onnx", imgsz=(height, width), opset=17, simplify=False, verbose=False
    )
    theirs = open_session(Path(exported), provider="cpu")
    for picture in pictures:
        planes = filled(picture, width, height)
        mine, other = ours.run({"images": planes})[0][0], theirs.run({"images": planes})[0][0]
        np.testing.assert_allclose(mine[4:], other[4:], atol=1e-4)
        # Boxes that anybody looks at. Over all 8,400 anchors, most of them noise, two float32 runs of one model differ more:
        # 0.005 px between the exports, and as much between Ultralytics' export and its PyTorch model (measured).
        seen = other[4:].max(axis=0) > 0.1
        # Another processor's kernels round otherwise: 8.9e-4 px on one, 1.3e-3 px (4e-6 of the coordinate) on the next.
        np.testing.assert_allclose(mine[:4, seen], other[:4, seen], rtol=5e-6, atol=1e-3)
        np.testing.assert_allclose(mine[:4], other[:4], atol=2e-2)


def filled(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    """The top left of a picture, repeated where it is too small, as float32 (1, 3, height, width), 0…1."""
    tiled = np.tile(picture, (-(-height // picture.shape[0]), -(-width // picture.shape[1]), 1))[:height, :width]
    return np.ascontiguousarray(tiled.transpose(2, 0, 1)[None] / np.float32(255), np.float32)


SIZES = [
    (1920, 1080),
    (1080, 1920),
    (641, 427),
    (333, 500),
    (810, 1080),
    (320, 240),
    (3000, 1),
    (1, 3000),
    (640, 640),
    (7, 5),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("into", [(640, 640), (640, 384), (320, 416)])
@pytest.mark.parametrize("fit", ["least", "whole", "stretched"])
def test_letterbox_gives_the_same_pixels(
    size: tuple[int, int], into: tuple[int, int], fit: str, ultralytics: Any
) -> None:
    from ultralytics.data.augment import LetterBox  # noqa: PLC0415 - only there with the extra

    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    theirs = LetterBox(into[::-1], auto=fit == "least", scale_fill=fit == "stretched", stride=32)(image=image)
    if fit == "stretched":
        plan = Letterbox.stretch(*size, input_px=into)
    else:
        plan = Letterbox.plan(*size, input_px=into, whole=fit == "whole")
    np.testing.assert_array_equal(plan.apply(image), theirs)


def test_the_same_detections(
    ultralytics: Any, torch: Any, yolov8n: Detector, checkpoint_file: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    from ultralytics.data.augment import LetterBox  # noqa: PLC0415 - only there with the extra
    from ultralytics.utils.nms import non_max_suppression  # noqa: PLC0415
    from ultralytics.utils.ops import scale_boxes  # noqa: PLC0415

    network = ultralytics.YOLO(checkpoint_file).model.float().eval()
    for picture in pictures:
        boxed = LetterBox((640, 640), auto=True, stride=32)(image=picture)
        planes = torch.from_numpy(np.ascontiguousarray(boxed.transpose(2, 0, 1)[None])).float() / 255
        with torch.no_grad():
            theirs = non_max_suppression(network(planes), 0.25, 0.7)[0]
        theirs[:, :4] = scale_boxes(planes.shape[2:], theirs[:, :4], picture.shape)
        seen = yolov8n.detect(picture, yolov8n.plan(picture.shape[1], picture.shape[0]), score_min=0.25)
        np.testing.assert_allclose(seen.boxes_px, theirs[:, :4].numpy(), atol=0.01)
        np.testing.assert_allclose(seen.scores, theirs[:, 4].numpy(), atol=1e-4)
        assert seen.classes.tolist() == theirs[:, 5].int().tolist()

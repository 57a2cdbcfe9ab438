"""Our heads against Ultralytics' own predictor, where the extra `train` is installed."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detections import Detections
from models.detector import Detector, load_detector
from models.families.family import DETECTIONS_MAX, Raw
from models.families.yolov5 import YoloV5Head
from models.families.yolov8 import YoloV8Head
from models.letterbox import Letterbox
from models.quantising.agreement import agreement
from models.registry.add import add_model
from tests.models.conftest import read_rgb

pytestmark = pytest.mark.train

_log = logging.getLogger(__name__)  # the figures: --log-cli-level=INFO

SCORE_MIN = 0.25
SIDE_PX = 160  # of the random networks: small ones do


@pytest.fixture(scope="module")
def ultralytics() -> Iterator[Any]:
    """The package; with its own NMS where there is no torchvision that fits this PyTorch, which has none for a CPU alone."""
    package = pytest.importorskip("ultralytics", reason="needs the extra `train`")
    with pytest.MonkeyPatch.context() as patch:
        try:
            import torchvision  # noqa: F401, PLC0415
        except (ImportError, OSError, RuntimeError):
            from ultralytics.utils.nms import TorchNMS  # noqa: PLC0415

            stand_in = ModuleType("torchvision")
            stand_in.ops = SimpleNamespace(nms=TorchNMS.nms)  # type: ignore[attr-defined]
            patch.setitem(sys.modules, "torchvision", stand_in)
        yield package


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs the extra `train`")


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[NDArray[np.uint8]]:
    return [read_rgb(path) for path in sorted((shared / "images" / "calibration").glob("*.jpg"))[:50]]


def theirs(model: Any, picture: NDArray[np.uint8], side_px: int) -> NDArray[np.float64]:
    """What `predict` says: rows x1, y1, x2, y2, score, class."""
    (result,) = model.predict(picture[:, :, ::-1], conf=SCORE_MIN, imgsz=side_px, verbose=False, device="cpu")
    return np.asarray(result.boxes.data.cpu().numpy(), np.float64)


def ours(detector: Detector, picture: NDArray[np.uint8]) -> Detections:
    return detector.detect(picture, detector.plan(picture.shape[1], picture.shape[0]), score_min=SCORE_MIN)


def worst(seen: Detections, rows: NDArray[np.float64]) -> tuple[float, float]:
    """The least IoU and the largest difference in score, pair by pair; classes and count have to be the same.

    Boxes that are turned round, as random networks give them, count on neither side; theirs take a place among the 300.
    """
    whole = len(rows) < DETECTIONS_MAX and len(seen) < DETECTIONS_MAX
    seen = seen.select((seen.boxes_px[:, 2:] > seen.boxes_px[:, :2]).all(axis=1))
    rows = rows[(rows[:, 2:4] > rows[:, :2]).all(axis=1)]
    if not whole:
        count = min(len(seen), len(rows))
        seen, rows = seen.select(np.arange(count)), rows[:count]
    assert seen.classes.tolist() == rows[:, 5].astype(int).tolist()
    if not len(rows):
        return 1.0, 0.0
    boxes = seen.boxes_px.astype(np.float64)
    sides = np.minimum(boxes[:, 2:], rows[:, 2:4]) - np.maximum(boxes[:, :2], rows[:, :2])
    shared = sides.clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (rows[:, 2:4] - rows[:, :2]).prod(axis=1)
    return float((shared / (areas - shared)).min()), float(np.abs(seen.scores - rows[:, 4]).max())


def test_fifty_pictures(
    ultralytics: Any, yolov8n: Detector, checkpoint_file: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    model = ultralytics.YOLO(checkpoint_file)
    found = [(ours(yolov8n, picture), theirs(model, picture, 640)) for picture in pictures]
    figures = [worst(seen, rows) for seen, rows in found]
    iou_min, score_max = min(iou for iou, _ in figures), max(score for _, score in figures)
    boxes = sum(len(seen) for seen, _ in found)
    _log.info("%d pictures, %d boxes: IoU at least %.6f, scores within %.1e", len(found), boxes, iou_min, score_max)
    assert len(found) == 50
    assert boxes > 200
    assert iou_min >= 0.99
    assert score_max <= 1e-3
    truth = [
        Detections(
            rows[:, :4].astype(np.float32), rows[:, 5].astype(np.int64), rows[:, 4].astype(np.float32), seen.names
        )
        for seen, rows in found
    ]
    alike = agreement(truth, [seen for seen, _ in found], score_min=SCORE_MIN)
    _log.info("average precision with its boxes as truth: %.4f, at IoU 0.5 %.4f", alike.ap50_95, alike.ap50)
    assert alike.ap50_95 >= 0.999


@pytest.mark.parametrize(
    ("config", "nms", "family"),
    [
        ("yolov8n", None, "yolov8"),
        ("yolo11n", None, "yolov8"),
        ("yolov10n", False, "yolov10"),  # False: end to end
        ("yolo26n", False, "yolov10"),
        ("yolo26n", None, "yolov8"),  # None: with the head that leaves NMS to others
        ("rtdetr-l", None, "rtdetr"),
    ],
)
def test_random_networks(
    config: str, nms: bool | None, family: str, ultralytics: Any, pictures: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    torch.manual_seed(0)
    kind = ultralytics.RTDETR if family == "rtdetr" else ultralytics.YOLO
    network = kind(f"{config}.yaml")
    spread(network.model, pictures[:4], torch)
    network.model.pt_path = str(tmp_path / f"{config}.pt")  # the export lies beside it
    options = {"imgsz": SIDE_PX, "opset": 17, "simplify": False, "verbose": False, "nms": nms}
    file = Path(network.export(format="onnx", **options))
    model = add_model(file, "random")
    assert model.entry.family == family
    assert model.class_names == tuple(network.names.values())
    detector, reference = load_detector("random", provider="cpu"), kind(file)
    boxes, iou_min, score_max = 0, 1.0, 0.0
    for picture in pictures[:4]:
        seen, rows = ours(detector, picture), theirs(reference, picture, SIDE_PX)
        iou, score = worst(seen, rows)
        boxes, iou_min, score_max = boxes + len(seen), min(iou_min, iou), max(score_max, score)
    _log.info("%s: %d boxes: IoU at least %.6f, scores within %.1e", config, boxes, iou_min, score_max)
    assert boxes > 20
    assert iou_min >= 0.99
    assert score_max <= 1e-3


def spread(network: Any, pictures: list[NDArray[np.uint8]], torch: Any) -> None:
    """Gives a new network's class scores a spread that no rounding reorders: by themselves they all lie near 0.01."""
    boxed = [Letterbox.plan(it.shape[1], it.shape[0], input_px=SIDE_PX, whole=True).apply(it) for it in pictures]
    planes = torch.from_numpy(np.stack(boxed).transpose(0, 3, 1, 2).copy()).float() / 255
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # statistics of these pictures
    with torch.no_grad():
        network.train()(planes)
        network.eval()
        hooks = [
            layer.register_forward_hook(spread_logits)
            for layer in class_layers(network.model[-1], network.model[-1].nc)
        ]
        network(planes)
    for hook in hooks:
        hook.remove()


def class_layers(module: Any, classes: int) -> list[Any]:
    """The last layers of class scores; layers of the same width within have a norm, and no bias."""
    widths = ((one, getattr(one, "out_channels", getattr(one, "out_features", None))) for one in module.modules())
    return [one for one, width in widths if width == classes and getattr(one, "bias", None) is not None]


def spread_logits(layer: Any, _inputs: Any, output: Any) -> Any:
    """Scales a layer so that its logits have the mean -2.5 and the deviation 0.7."""
    scale = 0.7 / output.std()
    shift = -2.5 - output.mean() * scale
    layer.weight.mul_(scale)
    layer.bias.mul_(scale).add_(shift)
    return output * scale + shift


@pytest.mark.parametrize("family", ["yolov5", "yolov8"])
def test_suppression_on_random_tensors(family: str, torch: Any, ultralytics: Any) -> None:
    from ultralytics.utils.nms import non_max_suppression  # noqa: PLC0415 - only there with the extra

    random, kept = np.random.default_rng(3), 0
    for _ in range(20):
        anchors, classes = 600, int(random.integers(1, 9))
        centres, sizes = random.random((anchors, 2)) * 640, random.random((anchors, 2)) * 200 + 8
        scores = (random.random((anchors, classes)) ** 3).astype(np.float32)
        boxes = np.concatenate([centres, sizes], axis=1).astype(np.float32)
        if family == "yolov5":
            objectness = random.random((anchors, 1)).astype(np.float32)
            rows, iou_max = np.concatenate([boxes, objectness, scores], axis=1), 0.45
            scores = scores * objectness  # as YOLOv5's own non_max_suppression begins
            read: Callable[..., Raw] = YoloV5Head().read
        else:
            rows, iou_max, read = np.concatenate([boxes, scores], axis=1).T, 0.7, YoloV8Head().read
        raw = read([rows], Letterbox.stretch(640, 640, input_px=640), SCORE_MIN)
        planes = torch.from_numpy(np.concatenate([boxes, scores], axis=1).T[None].copy())
        (reference,) = non_max_suppression(planes, SCORE_MIN, iou_max, nc=classes)
        np.testing.assert_allclose(raw.boxes_px, reference[:, :4].numpy(), atol=1e-3)
        np.testing.assert_array_equal(raw.scores, reference[:, 4].numpy())
        np.testing.assert_array_equal(raw.classes, reference[:, 5].numpy().astype(int))
        kept += len(raw.scores)
    assert kept > 500

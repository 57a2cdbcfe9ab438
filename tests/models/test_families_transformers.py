"""Our reading of detection transformers against the packages that publish them.

Transformers and RF-DETR belong to no extra of ours: these tests run where somebody has installed `transformers` (and `rfdetr`)
beside the extra `train`, and skip elsewhere.
"""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.detector import load_detector
from models.families import FAMILIES
from models.families.graph import Graph, InputSize
from models.letterbox import Letterbox
from models.registry.add import add_model
from models.runtime.session import Port, open_session
from tests.models.conftest import read_rgb
from tests.models.test_families_reference import class_layers, spread_logits

pytestmark = pytest.mark.train

_log = logging.getLogger(__name__)  # the figures: --log-cli-level=INFO

SCORE_MIN = 0.25
SIDE_PX = 128
CLASSES = 80


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs the extra `train`")


@pytest.fixture(scope="module")
def transformers() -> Any:
    return pytest.importorskip("transformers", reason="needs transformers")


@pytest.fixture(scope="module")
def processor(transformers: Any) -> Any:
    module = pytest.importorskip("transformers.models.rt_detr.image_processing_pil_rt_detr")
    return module.RTDetrImageProcessorPil(size={"height": SIDE_PX, "width": SIDE_PX})


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[NDArray[np.uint8]]:
    return [read_rgb(path) for path in sorted((shared / "images" / "calibration").glob("*.jpg"))[:4]]


def test_the_planes_are_the_processors(processor: Any, pictures: list[NDArray[np.uint8]]) -> None:
    shapes = {"logits": (1, 300, CLASSES), "pred_boxes": (1, 300, 4)}
    ports = tuple(Port(name, shape, "float32") for name, shape in shapes.items())
    graph = Graph((Port("pixel_values", (1, 3, SIDE_PX, SIDE_PX), "float32"),), ports, {}, CLASSES)
    layout = FAMILIES["rtdetr"].layout(graph)
    for picture in pictures:
        plan = layout.plan(picture.shape[1], picture.shape[0], InputSize(SIDE_PX, SIDE_PX, fixed=True))
        ours = layout.feed(plan.scaled(picture), plan)["pixel_values"]
        theirs = processor(Image.fromarray(picture), return_tensors="np")["pixel_values"]
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("name", ["RTDetr", "RTDetrV2", "DFine"])
def test_random_networks(
    name: str, torch: Any, transformers: Any, processor: Any, pictures: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = getattr(transformers, f"{name}ForObjectDetection")(config(name, transformers)).eval()
    planes = processor(Image.fromarray(pictures[0]), return_tensors="pt")["pixel_values"]
    hooks = [layer.register_forward_hook(spread_logits) for layer in class_layers(network, CLASSES)]
    with torch.no_grad():
        network(planes)
    for hook in hooks:
        hook.remove()
    file = tmp_path / "network.onnx"
    export(network, file, torch)
    assert add_model(file, "random").entry.family == "rtdetr"
    detector, session = load_detector("random", provider="cpu"), open_session(file, provider="cpu")
    boxes, worst_px, worst_score = 0, 0.0, 0.0
    for picture in pictures:
        height, width = picture.shape[:2]
        planes = processor(Image.fromarray(picture), return_tensors="np")["pixel_values"]
        logits, units = (torch.from_numpy(output) for output in session.run({"pixel_values": planes}))
        outputs = SimpleNamespace(logits=logits, pred_boxes=units)
        (theirs,) = processor.post_process_object_detection(outputs, SCORE_MIN, target_sizes=[(height, width)])
        ours = detector.detect(picture, detector.plan(width, height), score_min=SCORE_MIN)
        limits = np.array([width, height] * 2, np.float32)
        assert ours.classes.tolist() == theirs["labels"].tolist()
        worst_px = max(worst_px, float(np.abs(ours.boxes_px - theirs["boxes"].numpy().clip(0, limits)).max(initial=0)))
        worst_score = max(worst_score, float(np.abs(ours.scores - theirs["scores"].numpy()).max(initial=0)))
        boxes += len(ours)
    _log.info("%s: %d boxes within %.1e px, scores within %.1e", name, boxes, worst_px, worst_score)
    assert boxes > 20
    assert worst_px < 0.05
    assert worst_score < 1e-4


def config(name: str, transformers: Any) -> Any:
    """The smallest network that still has all parts."""
    kind = getattr(transformers, f"{name}Config")
    small = {
        "num_labels": CLASSES,
        "d_model": 32,
        "encoder_hidden_dim": 32,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "num_queries": 100,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "decoder_in_channels": [32, 32, 32],
    }
    if name == "DFine":
        return kind(**small, decoder_n_points=[2, 2, 2])
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32, 64, 128], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    return kind(**small, backbone_config=backbone, encoder_in_channels=[32, 64, 128])


def export(network: Any, file: Path, torch: Any) -> None:
    """As Optimum exports it: `pixel_values` in, `logits` and `pred_boxes` out."""

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixel_values: Any) -> tuple[Any, Any]:
            outputs = self.network(pixel_values)
            return outputs.logits, outputs.pred_boxes

    torch.onnx.export(
        Wrapped(), (torch.rand(1, 3, SIDE_PX, SIDE_PX),), str(file), opset_version=17, dynamo=False,
        input_names=["pixel_values"], output_names=["logits", "pred_boxes"],
    )  # fmt: skip


def test_rfdetr_ranks_as_its_package(torch: Any, processor: Any) -> None:
    """`post_process_object_detection` over the slots that name a class; and `decode_detections` of rfdetr where it is there."""
    random = np.random.default_rng(1)
    for slots in (4, 91):
        classes = CLASSES if slots == 91 else slots - 1
        boxes = random.random((1, 300, 4)).astype(np.float32)
        logits = random.normal(-3, 2, (1, 300, slots)).astype(np.float32)
        named = np.flatnonzero(np.isin(np.arange(slots), coco_ids())) if slots == 91 else np.arange(classes)
        outputs = SimpleNamespace(logits=torch.from_numpy(logits[:, :, named]), pred_boxes=torch.from_numpy(boxes))
        (theirs,) = processor.post_process_object_detection(outputs, SCORE_MIN, target_sizes=[(480, 640)])
        raw, plan = rfdetr_reads(boxes, logits, classes)
        assert raw.classes.tolist() == theirs["labels"].tolist()
        np.testing.assert_allclose(raw.scores, theirs["scores"].numpy(), atol=1e-6)
        limits = np.array([640, 480] * 2, np.float32)
        np.testing.assert_allclose(plan.to_source(raw.boxes_px), theirs["boxes"].numpy().clip(0, limits), atol=1e-3)


def test_rfdetr_decodes_as_its_package() -> None:
    decode = pytest.importorskip("rfdetr.export._runtime.decode", reason="needs rfdetr", exc_type=ImportError)
    random = np.random.default_rng(2)
    boxes = random.random((1, 300, 4)).astype(np.float32)
    logits = random.normal(-3, 2, (1, 300, 8)).astype(np.float32)
    theirs = decode.decode_detections(boxes[0], logits[0], (640, 480), threshold=SCORE_MIN, background_class_id=-1)
    raw, plan = rfdetr_reads(boxes, logits, 7)
    assert len(raw.scores) == 300
    assert raw.classes.tolist() == theirs.class_id.tolist()
    np.testing.assert_allclose(raw.scores, theirs.confidence, atol=1e-6)
    np.testing.assert_allclose(plan.to_source(raw.boxes_px), theirs.xyxy, atol=1e-3)


def test_rfdetr_sees_what_its_package_sees(pictures: list[NDArray[np.uint8]]) -> None:
    preprocess = pytest.importorskip("rfdetr.export._runtime.preprocess", reason="needs rfdetr", exc_type=ImportError)
    layout = FAMILIES["rfdetr"].layout(rfdetr_graph((1, 300, 4), (1, 300, 91), CLASSES))
    for picture in pictures:
        plan = layout.plan(picture.shape[1], picture.shape[0], InputSize(384, 384, fixed=True))
        ours = layout.feed(plan.scaled(picture), plan)["input"]
        theirs = preprocess.preprocess_to_nchw(Image.fromarray(picture), 384, 384)
        # It scales floats, we scale bytes: half a step, of 255 x 0.224 to one, and what OpenCV's 11 bits of weight add.
        assert float(np.abs(ours - theirs).max()) < 1.5 / (255 * 0.224)
        assert float(np.abs(ours - theirs).mean()) < 0.5 / (255 * 0.224)


def rfdetr_graph(boxes: tuple[int, ...], logits: tuple[int, ...], classes: int) -> Graph:
    ports = Port("dets", boxes, "float32"), Port("labels", logits, "float32")
    return Graph((Port("input", (1, 3, 384, 384), "float32"),), ports, {}, classes)


def rfdetr_reads(boxes: NDArray[np.float32], logits: NDArray[np.float32], classes: int) -> tuple[Any, Letterbox]:
    layout = FAMILIES["rfdetr"].layout(rfdetr_graph(boxes.shape, logits.shape, classes))
    plan = layout.plan(640, 480, InputSize(384, 384, fixed=True))
    return layout.read((boxes, logits), plan, SCORE_MIN), plan


def coco_ids() -> list[int]:
    """The category ids of COCO's detection task, as its annotations number them: 90 but ten."""
    return [number for number in range(1, 91) if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}]

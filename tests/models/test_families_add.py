"""Every layout through the front door: a file, `models add`, and the boxes of a picture in pixels of the frame."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from models.detections import Detections
from models.detector import load_detector
from models.errors import ModelError
from models.registry.add import add_model
from models.registry.entries import load_registry
from tests.models.tiny_graphs import OPEN, tiny_graph

NAMES = ("bus", "car", "stall")
METADATA = {"names": str(dict(enumerate(NAMES)))}

FRAME_PX = (128, 64)
# A frame of 128x64 px in an input of 64x64 px. Scaled without distortion it is 64x32 px: in the middle it has 16 px of grey
# above it, in the corner none. Stretched it is 64x64 px.
#   centred   x = 2 x, y = 2 (y - 16):  16 24 48 40 →  32 16 96 48
#   corner    x = 2 x, y = 2 y:         16  8 48 24 →  32 16 96 48
#   stretched x = 2 x, y = y:           16 16 48 48 →  32 16 96 48
BOX = [32, 16, 96, 48]
SCORE = 0.72  # every graph below sees one car with this score
LOGIT = math.log(0.72 / 0.28)


def yolov5() -> dict[str, NDArray[Any]]:
    rows = np.zeros((1, 252, 8), np.float32)  # 3 anchors x (64/8)² + (64/16)² + (64/32)² = 3 x 84
    rows[0, 10] = [32, 32, 32, 16, 0.9, 0.1, 0.8, 0.2]  # centre and size; 0.9 x 0.8 = 0.72
    return {"output0": rows}


def yolov5_old() -> dict[str, NDArray[Any]]:
    grids = {f"grid{cells}": np.ones((1, 3, cells, cells, 8), np.float32) for cells in (8, 4, 2)}
    return {"output": yolov5()["output0"]} | grids


def yolov8() -> dict[str, NDArray[Any]]:
    columns = np.zeros((1, 7, 84), np.float32)
    columns[0, :, 10] = [32, 32, 32, 16, 0.1, 0.72, 0.2]
    return {"output0": columns}


def yolov10() -> dict[str, NDArray[Any]]:
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, 0] = [16, 24, 48, 40, 0.72, 1]
    return {"output0": rows}


def yolox() -> dict[str, NDArray[Any]]:
    rows = np.zeros((1, 84, 8), np.float32)
    # Row 11 is cell 3, 1 of the grid of 8 px: centre (3 + 1) x 8 = 32, (1 + 1) x 8 = 16; size 4 x 8 = 32, 2 x 8 = 16.
    rows[0, 11] = [1, 1, math.log(4), math.log(2), 0.9, 0.1, 0.8, 0.2]
    return {"output": rows}


UNIT_BOX = [0.5, 0.5, 0.5, 0.5]  # centre and size: 16 16 48 48 of 64


def rtdetr() -> dict[str, NDArray[Any]]:
    boxes, scores = np.zeros((1, 300, 4), np.float32), np.zeros((1, 300), np.float32)
    boxes[0, 0], scores[0, 0] = [0.25, 0.25, 0.75, 0.75], 0.72  # corners, times the size that the graph is told
    return {"labels": np.ones((1, 300), np.int64), "boxes": boxes, "scores": scores}


def transformers() -> dict[str, NDArray[Any]]:
    logits = np.full((1, 300, 3), -9, np.float32)
    logits[0, 7, 1] = LOGIT
    return {"logits": logits, "pred_boxes": np.full((1, 300, 4), UNIT_BOX, np.float32)}


def ultralytics_scores() -> dict[str, NDArray[Any]]:
    rows = np.full((1, 300, 7), 0.01, np.float32)
    rows[0, 3] = [*UNIT_BOX, 0.1, 0.72, 0.2]
    return {"output0": rows}


def ultralytics_ranked() -> dict[str, NDArray[Any]]:
    rows = np.full((1, 300, 6), [0.1, 0.1, 0.1, 0.1, 0.01, 2], np.float32)
    rows[0, 0] = [*UNIT_BOX, 0.72, 1]
    return {"output0": rows}


def rfdetr() -> dict[str, NDArray[Any]]:
    logits = np.full((1, 300, 4), -9, np.float32)
    logits[0, 7] = [-9, LOGIT, -9, 9]  # the last slot is that of no object
    return {"dets": np.full((1, 300, 4), UNIT_BOX, np.float32), "labels": logits}


def nms() -> dict[str, NDArray[Any]]:
    boxes, scores = np.full((1, 100, 4), 5, np.float32), np.full((1, 100), 0.99, np.float32)
    boxes[0, 0], scores[0, 0] = [16, 24, 48, 40], 0.72
    return {
        "num_dets": np.array([[1]], np.int32),  # 99 rows behind it are left over
        "det_boxes": boxes,
        "det_scores": scores,
        "det_classes": np.ones((1, 100), np.int32),
    }


LAYOUTS: dict[str, tuple[str, Callable[[], dict[str, NDArray[Any]]], dict[str, Any]]] = {
    "yolov5": ("yolov5", yolov5, {}),
    "yolov5 with its grids": ("yolov5", yolov5_old, {}),
    "yolov8": ("yolov8", yolov8, {}),
    "yolov10": ("yolov10", yolov10, {}),
    "yolox": ("yolox", yolox, {}),
    "rtdetr": ("rtdetr", rtdetr, {"sizes": "orig_target_sizes", "shape_in": ("N", 3, 64, 64)}),
    "rtdetr of transformers": ("rtdetr", transformers, {"picture": "pixel_values"}),
    "rtdetr of ultralytics": ("rtdetr", ultralytics_scores, {}),
    "rtdetr of ultralytics, ranked": ("rtdetr", ultralytics_ranked, {}),
    "rfdetr": (
        "rfdetr",
        rfdetr,
        {"picture": "input", "shape_in": (1, 3, 56, 56)},
    ),  # in patches of 14 px, not cells of 32
    "nms": ("nms", nms, {}),
}


@pytest.fixture
def frame() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (FRAME_PX[1], FRAME_PX[0], 3), np.uint8)


def look(name: str, frame: NDArray[np.uint8]) -> Detections:
    detector = load_detector(name, provider="cpu")
    return detector.detect(frame, detector.plan(*FRAME_PX), score_min=0.25)


def written(folder: Path, graph: bytes) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(graph)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_recognised_and_read(layout: str, frame: NDArray[np.uint8], tmp_path: Path) -> None:
    family, outputs, options = LAYOUTS[layout]
    path = written(tmp_path, tiny_graph(outputs(), metadata=METADATA, **options))
    model = add_model(path, "mine", input_px=64)
    side_px = options.get("shape_in", (64,))[-1]
    assert (model.entry.family, model.entry.input_size, model.class_names) == (family, side_px, NAMES)
    seen = look("mine", frame)
    assert seen.classes.tolist() == [1]
    np.testing.assert_allclose(seen.scores, [SCORE], atol=1e-6)
    np.testing.assert_allclose(seen.boxes_px, [BOX], atol=1e-4)


def test_an_input_that_is_not_square(frame: NDArray[np.uint8], tmp_path: Path) -> None:
    columns = np.zeros((1, 7, 126), np.float32)  # 12 x 8 + 6 x 4 + 3 x 2
    columns[0, :, 0] = [48, 32, 48, 24, 0, 0.72, 0]
    add_model(written(tmp_path, tiny_graph({"output0": columns}, shape_in=(1, 3, 64, 96), metadata=METADATA)), "wide")
    detector = load_detector("wide", provider="cpu")
    plan = detector.plan(*FRAME_PX)
    # 128x64 px into 96x64 px: times 0.75 is 96x48 px, 8 px of grey above. 24 20 72 44 → 24/0.75, (20 − 8)/0.75, …
    assert (plan.resized, plan.padded, plan.offset) == ((96, 48), (96, 64), (0, 8))
    np.testing.assert_allclose(look("wide", frame).boxes_px, [BOX], atol=1e-4)
    assert load_registry().model("wide").entry.input_size == 96


def test_open_sizes(frame: NDArray[np.uint8], tmp_path: Path) -> None:
    graph = tiny_graph(yolov8(), shape_in=OPEN, opened={"output0": ("N", 7, "anchors")}, metadata=METADATA)
    add_model(written(tmp_path, graph), "open", input_px=64)
    detector = load_detector("open", provider="cpu")
    # The scaled frame, 64x32 px, has sides of multiples of 32: no grey at all. 16 24 48 40 → 32 48 96 80, cut to 64.
    assert detector.plan(*FRAME_PX).padded == (64, 32)
    np.testing.assert_allclose(look("open", frame).boxes_px, [[32, 48, 96, 64]], atol=1e-4)


def test_halves(frame: NDArray[np.uint8], tmp_path: Path) -> None:
    columns = yolov8()["output0"].astype(np.float16)
    add_model(written(tmp_path, tiny_graph({"output0": columns}, dtype="float16", metadata=METADATA)), "half")
    seen = look("half", frame)
    assert seen.classes.tolist() == [1]
    np.testing.assert_allclose(seen.boxes_px, [BOX], atol=1e-4)
    np.testing.assert_allclose(seen.scores, [SCORE], atol=2.5e-4)  # half a step of a float16 between 0.5 and 1: 2^-12


def test_a_row_of_six_is_told_by_its_values_or_by_what_it_says(tmp_path: Path) -> None:
    pixels, units, nothing = yolov10()["output0"], ultralytics_ranked()["output0"], np.zeros((1, 300, 6), np.float32)
    for name, rows, metadata, family in (
        ("a", pixels, METADATA, "yolov10"),
        ("b", units, METADATA, "rtdetr"),
        ("c", nothing, METADATA, "yolov10"),  # NMS inside, and nothing to see; a transformer would have guessed
        ("d", units, METADATA | {"head": "RTDETRDecoder"}, "rtdetr"),
        ("e", pixels, METADATA | {"head": "Detect"}, "yolov10"),
    ):
        path = written(tmp_path, tiny_graph({"output0": rows}, metadata=metadata))
        assert add_model(path, name).entry.family == family, name


def test_what_could_be_two_is_asked_for(own_models: Path, tmp_path: Path) -> None:
    # 84 rows: 4 + 80 classes of YOLOv8, or the 84 cells of 64x64 px; 85 columns: anchors, or 5 + 80 classes of YOLOX.
    path = written(tmp_path, tiny_graph({"output0": np.zeros((1, 84, 85), np.float32)}))
    with pytest.raises(ModelError, match=r"model\.onnx: could be yolov8 or yolox: name the family"):
        add_model(path, "either")
    assert not own_models.exists()
    assert add_model(path, "either", family="yolox").entry.family == "yolox"


def test_rfdetr_of_transformers_has_to_be_named(frame: NDArray[np.uint8], own_models: Path, tmp_path: Path) -> None:
    dets, labels = rfdetr().values()
    path = written(
        tmp_path, tiny_graph({"logits": labels, "pred_boxes": dets}, picture="pixel_values", metadata=METADATA)
    )
    with pytest.raises(
        ModelError, match=r"looks like rfdetr, but a DETR, .* gives the same; name the family if it is one"
    ):
        add_model(path, "either")
    assert not own_models.exists()
    add_model(path, "either", family="rfdetr")
    np.testing.assert_allclose(look("either", frame).boxes_px, [BOX], atol=1e-4)


DECODED = yolox()
for index in range(84):  # every box in the middle of its cell, in pixels
    side, first = next((side, first) for side, first in ((2, 80), (4, 64), (8, 0)) if index >= first)
    cell, stride = index - first, 64 // side
    DECODED["output"][0, index, :2] = [(cell % side + 0.5) * stride, (cell // side + 0.5) * stride]


@pytest.mark.parametrize(
    ("outputs", "options", "message"),
    [
        ({"out": np.zeros((1, 7), np.float32)}, {}, r"no known family gives out \(1, 7\)\. Known are yolov5: "),
        ({"output0": np.zeros((1, 116, 84), np.float32)}, {}, "looks like yolov8 for 112 classes, but the list .* has 3"),
        ({"output0": np.zeros((1, 84, 11), np.float32)}, {}, "looks like yolox for 6 classes, but the list .* has 3"),
        ({"output0": np.zeros((1, 50, 8), np.float32)}, {}, r"no known family gives output0 \(1, 50, 8\)"),
        (yolov10() | {"more": np.zeros((1, 2), np.float32)}, {}, "no known family"),
        (DECODED, {}, "looks like yolox, but its boxes are decoded already"),
        ({"output0": yolov10()["output0"] + np.float32(4)}, {}, "looks like yolov10, but it speaks of class 5"),
        (yolov8(), {"shape_in": (8, 3, 64, 64)}, "input for batches of 8 pictures"),
        (yolov8(), {"shape_in": (1, 1, 64, 64)}, r"\(N, 3, height, width\) is expected"),
        (yolov8(), {"shape_in": (1, 64, 64, 3)}, r"input of shape \(1, 64, 64, 3\)"),
        (yolov8(), {"dtype": "float64"}, "float32"),
        (yolov8(), {"metadata": METADATA | {"task": "segment"}}, "a model for 'segment'; only those for 'detect'"),
        (rtdetr(), {"sizes": "shape"}, "no known family"),
    ],
)  # fmt: skip
def test_other_graphs_are_refused(
    outputs: dict[str, NDArray[Any]], options: dict[str, Any], message: str, own_models: Path, tmp_path: Path
) -> None:
    path = written(tmp_path, tiny_graph(outputs, **({"metadata": METADATA} | options)))
    with pytest.raises(ModelError, match=message) as refused:
        add_model(path, "other")
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    assert not own_models.exists()


def test_a_family_that_is_named_but_wrong(own_models: Path, tmp_path: Path) -> None:
    path = written(tmp_path, tiny_graph(yolov8(), metadata=METADATA))
    for family, message in (
        ("yolov5", r"yolov5: output of shape \(1, 7, 84\) where \(N, 252 or 255, 5 \+ 3 classes\) is expected"),
        ("yolox", r"yolox: output of shape \(1, 7, 84\) where \(N, 84, 5 \+ 3 classes\) is expected"),
        ("yolov10", r"yolov10: output of shape \(1, 7, 84\) where \(N, boxes, 6\)"),
        ("rtdetr", r"rtdetr: output of shape \(1, 7, 84\) where labels, boxes"),
        ("rfdetr", r"rfdetr: output of shape \(1, 7, 84\) where dets"),
        ("nms", r"nms: output of shape \(1, 7, 84\) where four outputs"),
    ):
        with pytest.raises(ModelError, match=message):
            add_model(path, "other", family=family)
    assert not own_models.exists()


def test_files_that_are_no_models(own_models: Path, tmp_path: Path) -> None:
    whole = tiny_graph(yolov8(), metadata=METADATA)
    for content in (b"", b"no model", whole[:-1000], whole[: len(whole) // 2]):
        path = written(tmp_path, content)
        with pytest.raises(ModelError, match=r"model\.onnx: cannot be opened as an ONNX model: cpu: .+") as refused:
            add_model(path, "broken")
        assert "\n" not in str(refused.value)
    assert not own_models.exists()


def test_open_sizes_that_the_graph_does_not_keep(own_models: Path, tmp_path: Path) -> None:

    columns = np.zeros((1, 7, 336), np.float32)  # 16² + 8² + 4², of 128x128 px
    model = onnx.load_from_string(tiny_graph({"output0": columns}, shape_in=OPEN, metadata=METADATA))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 3, 128, 128]), "only"))
    model.graph.node.insert(0, onnx.helper.make_node("Reshape", ["images", "only"], ["picture"]))
    model.graph.node[1].input[0] = "picture"
    path = written(tmp_path, model.SerializeToString())
    with pytest.raises(ModelError, match=r"model\.onnx: fails on a grey picture of 640x640 px: ") as refused:
        add_model(path, "stiff")
    assert "\n" not in str(refused.value)
    # At its own size it takes a square, but not the 128x96 px that a frame of 1920x1080 px becomes.
    with pytest.raises(ModelError, match=r"model\.onnx: .*Reshape") as refused:
        add_model(path, "stiff", input_px=128)
    assert "\n" not in str(refused.value)
    assert not own_models.exists()

"""Our conversion of YOLOv8, YOLO11 and YOLO26 against Ultralytics' own PyTorch models, where the extra `train` is installed.

The weights are random, because nobody may have the real files at hand; batch norm is that of a forward pass, so that every
layer of the graph carries numbers of an ordinary size. What is right is the model in float64: PyTorch's float32 differs from it
by its rounding, and our graph may differ by as much.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.convert.detect_head import END_TO_END_BOXES
from models.registry.pull import convert_file
from models.runtime.session import Session, open_session

pytestmark = pytest.mark.train

ROUNDINGS_MAX = 4  # in units of what PyTorch's own float32 is off; measured: 0.2 to 0.8
SIZES = ((192, 320), (96, 96))  # height, width


@pytest.fixture(scope="module")
def torch() -> Any:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("ultralytics", reason="needs the extra `train`")
    return torch


def random_detector(torch: Any, name: str) -> Any:
    """A model of this name as Ultralytics builds it, with weights that give scores and boxes of an ordinary spread."""
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415 - only there with the extra

    torch.manual_seed(0)
    model = DetectionModel(f"{name}.yaml", verbose=False)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # the next pass alone says what is usual
            layer.weight.data.uniform_(0.7, 1.3)
            layer.bias.data.uniform_(-0.2, 0.2)
    model.train()
    with torch.no_grad():
        model(torch.rand(4, 3, 256, 256))
    head = model.model[-1]
    for branch in ("cv2", "cv3", "one2one_cv2", "one2one_cv3"):
        for level in getattr(head, branch, None) or ():
            level[-1].weight.data.normal_(0, 0.2 / level[-1].in_channels ** 0.5)
            if branch.endswith("cv3"):
                level[-1].bias.data.fill_(-4.0)
    return model


@pytest.mark.parametrize("name", ["yolov8s", "yolo11n", "yolo26n"])
def test_graph_equals_the_model(name: str, torch: Any, tmp_path: Path) -> None:
    model = random_detector(torch, name).half()  # as its checkpoints are saved
    torch.save({"model": model, "license": "AGPL-3.0", "train_args": {}}, tmp_path / "model.pt")
    convert_file(tmp_path / "model.pt", tmp_path / "model.onnx", "0" * 64)
    ours = open_session(tmp_path / "model.onnx", provider="cpu")
    single = model.float().eval()
    end_to_end = name.startswith("yolo26")
    single.model[-1].end2end = end_to_end
    double = copy.deepcopy(single).double()
    for height, width in SIZES:
        planes = np.random.default_rng(1).random((2, 3, height, width), np.float32)
        with torch.no_grad():
            theirs = single(torch.from_numpy(planes))[0].numpy()
            right = double(torch.from_numpy(planes).double())[0].numpy()
        given = ours.run({"images": planes})[0]
        assert given.shape == theirs.shape
        compare = compare_ranked if end_to_end else compare_anchors
        compare(given, theirs, right)


def compare_anchors(given: NDArray[Any], theirs: NDArray[Any], right: NDArray[Any]) -> None:
    for rows in (slice(0, 4), slice(4, None)):  # boxes in pixels, scores
        off, rounding = (np.abs(values[:, rows] - right[:, rows]).max() for values in (given, theirs))
        assert off <= ROUNDINGS_MAX * rounding
        assert np.ptp(right[:, rows]) > 1e4 * rounding  # it could tell a wrong model


def compare_ranked(given: NDArray[Any], theirs: NDArray[Any], right: NDArray[Any]) -> None:
    score_off, score_rounding = (np.abs(values[..., 4] - right[..., 4]).max() for values in (given, theirs))
    assert score_off <= ROUNDINGS_MAX * score_rounding
    # Two rows whose scores are closer than both may be off can change places; of the others, box and class must be right.
    gaps = np.abs(np.diff(right[..., 4], axis=1, prepend=np.inf, append=-np.inf))
    clear = np.minimum(gaps[:, :-1], gaps[:, 1:]) > 2 * max(score_off, score_rounding)
    assert clear.mean() > 0.3  # enough of them to tell a wrong model
    np.testing.assert_array_equal(given[..., 5][clear], right[..., 5][clear])
    off, rounding = (np.abs(values[..., :4] - right[..., :4])[clear].max() for values in (given, theirs))
    assert off <= ROUNDINGS_MAX * rounding


def test_end_to_end_gives_at_most_300(torch: Any, tmp_path: Path) -> None:
    torch.save({"model": random_detector(torch, "yolo26n").half()}, tmp_path / "model.pt")
    convert_file(tmp_path / "model.pt", tmp_path / "model.onnx", "0" * 64)
    session: Session = open_session(tmp_path / "model.onnx", provider="cpu")
    assert session.outputs[0].shape == ("batch", END_TO_END_BOXES, 6)
    output = session.run({"images": np.zeros((1, 3, 320, 320), np.float32)})[0]  # 40² + 20² + 10² = 2,100 anchors
    assert output.shape == (1, END_TO_END_BOXES, 6)
    assert (np.diff(output[0, :, 4]) <= 0).all()

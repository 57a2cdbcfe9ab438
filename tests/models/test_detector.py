import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Detector, load_detector
from models.errors import ModelError
from models.registry.add import add_model
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.session import open_session

# Ultralytics 8.4.190 on its own PyTorch model (LetterBox 640 with stride 32, NMS at IoU 0.7, score 0.25): x1, y1, x2, y2 in
# pixels of the 810x1080 picture, score, class.
BUS = np.array(
    [
        [22.87, 231.28, 805.00, 756.84, 0.8734, 5],
        [48.55, 398.55, 245.35, 902.70, 0.8657, 0],
        [669.47, 392.19, 809.72, 877.04, 0.8528, 0],
        [221.52, 405.80, 344.97, 857.54, 0.8252, 0],
        [0.00, 550.53, 63.01, 873.44, 0.2611, 0],
        [0.06, 254.46, 32.56, 324.87, 0.2551, 11],
    ]
)


def test_the_same_boxes_as_the_reference(yolov8n: Detector, bus: NDArray[np.uint8]) -> None:
    seen = yolov8n.detect(bus, yolov8n.plan(810, 1080), score_min=0.25)
    assert seen.classes.tolist() == BUS[:, 5].tolist()
    np.testing.assert_allclose(seen.boxes_px, BUS[:, :4], atol=0.05)
    np.testing.assert_allclose(seen.scores, BUS[:, 4], atol=1e-3)
    assert [seen.names[index] for index in seen.classes[:2]] == ["bus", "person"]
    assert len(seen.of_role("vehicle", yolov8n.roles)) == 1


def test_a_scaled_picture_gives_the_same(yolov8n: Detector, bus: NDArray[np.uint8]) -> None:
    plan = yolov8n.plan(810, 1080)
    whole, scaled = (yolov8n.detect(picture, plan, score_min=0.05) for picture in (bus, plan.scaled(bus)))
    assert len(whole) > len(BUS)  # at the lower floor
    assert (whole.scores >= 0.05).all()
    assert (np.diff(whole.scores) <= 0).all()
    np.testing.assert_array_equal(whole.boxes_px, scaled.boxes_px)
    with pytest.raises(ModelError, match="image: 100x100 px, planned for 810x1080 or 480x640 px"):
        yolov8n.detect(np.zeros((100, 100, 3), np.uint8), plan)


def test_nothing_to_see(yolov8n: Detector) -> None:
    assert len(yolov8n.detect(np.full((360, 640, 3), 114, np.uint8), yolov8n.plan(1920, 1080))) == 0


def test_what_is_ignored_is_not_handed_on(yolov8n: Detector, bus: NDArray[np.uint8]) -> None:
    file = pull(load_registry().model("yolov8n"))
    add_model(file, "no-buses", roles={"bus": "ignore", "person": "person"})
    seen = load_detector("no-buses").detect(bus, yolov8n.plan(810, 1080), score_min=0.25)
    assert seen.classes.tolist() == [index for index in BUS[:, 5].tolist() if index != 5]  # all the others, in order


def test_threads_share_a_detector(yolov8n: Detector, bus: NDArray[np.uint8]) -> None:
    turned = np.ascontiguousarray(bus.transpose(1, 0, 2))
    pictures = [(bus, yolov8n.plan(810, 1080)), (turned, yolov8n.plan(1080, 810))] * 4
    alone = [yolov8n.detect(*picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: yolov8n.detect(*picture), pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.boxes_px, other.boxes_px)


def test_the_graph_takes_any_size_and_a_batch(bus: NDArray[np.uint8]) -> None:
    session = open_session(pull(load_registry().model("yolov8n")), provider="cpu")
    two = np.random.default_rng(0).random((2, 3, 384, 640), np.float32)
    (both,) = session.run({"images": two})
    assert both.shape == (2, 84, 5040)  # 384/8 · 640/8 + 24 · 40 + 12 · 20 = 3840 + 960 + 240
    np.testing.assert_allclose(session.run({"images": two[1:]})[0][0], both[1], atol=1e-3)
    assert session.run({"images": two[:1, :, :320, :320]})[0].shape == (1, 84, 2100)
    assert session.metadata["stride"] == "32"
    assert session.metadata["license"].startswith("AGPL-3.0")
    assert session.metadata["source_sha256"].startswith("f59b3d83")


def test_a_second_family(shared: Path, bus: NDArray[np.uint8]) -> None:
    add_model(shared / "models" / "yolox_nano.onnx", "nano", input_px=416)
    detector = load_detector("nano", provider="cpu")
    seen = detector.detect(bus, detector.plan(810, 1080), score_min=0.4)
    named = [seen.names[index] for index in seen.classes]
    assert named.count("bus") == 1
    assert named.count("person") >= 3
    # A smaller model of another family: the same bus within a tenth of its size (782x526 px).
    np.testing.assert_allclose(seen.boxes_px[named.index("bus")], BUS[0, :4], atol=60)


def test_providers(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"provider 'abacus' is not available here: .*cpu"):
        load_detector(provider="abacus")
    path = pull(load_registry().model("yolov8n"))
    with caplog.at_level(logging.INFO, "models.runtime.session"):
        open_session(path, provider="cpu")
    assert [record.getMessage() for record in caplog.records] == [f"{path.name} runs on cpu (as asked)"]
    with pytest.raises(ModelError, match=r"gone\.onnx: no such file"):
        open_session(tmp_path / "gone.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match=r"text\.onnx: cannot be opened as an ONNX model"):
        open_session(tmp_path / "text.onnx")

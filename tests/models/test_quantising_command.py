import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from models.commands import models
from models.detector import load_detector
from models.errors import ModelError
from models.quantising.pace import has_vnni, pace
from models.registry.add import add_model
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.session import open_session
from tests.models.quantising_parts import folder_of_squares, square_detector, squares


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Sixteen pictures, and a model `squares` that sees something in them."""
    path = tmp_path / "squares.onnx"
    onnx.save(square_detector(), path)
    add_model(path, "squares", family="yolov8", input_px=64)
    return folder_of_squares(tmp_path / "frames", 16)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(models, ["quantize", *map(str, arguments)])
    if isinstance(result.exception, ModelError):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def report(printed: str) -> dict[str, Any]:
    (line,) = printed.splitlines()
    return dict(json.loads(line))


def test_report_then_accept(frames: Path, own_models: Path) -> None:
    before = sorted(own_models.iterdir())
    code, printed, said = run("squares", "--frames", frames)
    assert code == 0
    found = report(printed)
    assert found["accepted"] is False
    assert found["good_enough"] is True
    assert (found["calibrated"], found["agreement"]["frames"]) == (8, 8)
    assert found["agreement"]["ap50"] >= found["ap50_min"] == 0.95
    assert [one["name"] for one in found["agreement"]["classes"]] == ["square"]
    assert found["pace"]["ratio"] == pytest.approx(found["pace"]["float_ms"] / found["pace"]["variant_ms"])
    assert found["settings"] == {"calibration": "percentile", "weight_bits": 7}
    assert "AP at IoU 0.5 " in said
    assert "Nothing was installed; with --accept it will be." in said  # nobody is asked where there is no terminal
    assert sorted(own_models.iterdir()) == before

    code, printed, said = run("squares", "--frames", frames, "--accept")
    assert code == 0
    assert report(printed)["accepted"] is True
    assert said.endswith("Use it as squares:int8.\n")
    variant = load_registry().model("squares:int8")
    assert variant.entry.card.metrics["agreement_ap50"] == round(report(printed)["agreement"]["ap50"], 4)
    detector = load_detector("squares:int8", provider="cpu")
    seen = detector.detect(squares(99), detector.plan(64, 64), score_min=0.25)
    white = squares(99)[4::8, 4::8, 0] > 128
    assert len(seen) == white.sum()

    with pytest.raises(ModelError, match=r"squares:int8 is there already; --force makes it anew"):
        run("squares", "--frames", frames, "--accept")
    assert run("squares", "--frames", frames, "--dry-run")[0] == 0
    assert run("squares", "--frames", frames, "--accept", "--force", "--method", "minmax")[0] == 0
    assert open_session(pull(load_registry().model("squares:int8"))).metadata["calibration"] == "minmax"


def test_fp16(frames: Path) -> None:
    code, printed, said = run("squares", "--frames", frames, "--precision", "fp16", "--provider", "cpu", "--accept")
    assert code == 0
    assert report(printed)["agreement"]["ap50"] == 1.0
    assert "Half floats are for a GPU" in said
    assert load_detector("squares:fp16", provider="cpu").names == ("square",)


def test_a_poor_variant_needs_force(frames: Path, own_models: Path, tmp_path: Path) -> None:
    """Calibrated on dark pictures alone, it can't tell what is white: every second picture calibrates."""
    for index in range(0, 16, 2):
        cv2.imwrite(str(frames / f"{index:03}.png"), np.full((64, 64, 3), index, np.uint8))
    before = sorted(own_models.iterdir())
    code, printed, said = run("squares", "--frames", frames, "--method", "minmax")
    assert code == 0  # a report is a report
    assert "Nothing was installed; with --accept --force it will be." in said
    code, printed, said = run("squares", "--frames", frames, "--accept", "--method", "minmax")
    assert code == 1
    assert report(printed)["good_enough"] is False
    assert report(printed)["accepted"] is False
    assert "Not accepted: AP at IoU 0.5 is 0." in said
    assert "at least 0.95 is needed" in said
    assert sorted(own_models.iterdir()) == before
    code, printed, said = run("squares", "--frames", frames, "--accept", "--force", "--method", "minmax")
    assert code == 0
    assert "Taken by force: AP at IoU 0.5 is 0." in said
    assert "squares:int8" in [model.name for model in load_registry().with_variants()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody", "--frames", "FRAMES"], "unknown model 'nobody'"),
        (["squares", "--frames", "gone"], "gone: no such folder or clip"),
        (["squares", "--frames", "FRAMES", "--count", "8"], "8 frames: 16 to 1024 are allowed"),
        (["squares", "--frames", "FRAMES", "--score", "0.05"], "score 0.05: 0.1 to less than 1 is allowed"),
        (["squares", "--frames", "FRAMES", "--provider", "abacus"], "abacus"),
        (["squares", "--frames", "DARK"], "squares sees nothing of score 0.25 or better in the 8 frames to judge by"),
    ],
)
def test_wrong_input_leaves_nothing(arguments: list[str], message: str, frames: Path, own_models: Path) -> None:
    dark = frames.with_name("dark")
    dark.mkdir()
    for index in range(16):
        cv2.imwrite(str(dark / f"{index}.png"), np.zeros((64, 64, 3), np.uint8))
    before = sorted(own_models.iterdir())
    places = {"FRAMES": str(frames), "DARK": str(dark)}
    with pytest.raises(ModelError, match=message) as refused:
        run(*(places.get(argument, argument) for argument in arguments), "--accept")
    assert "\n" not in str(refused.value)
    assert sorted(own_models.iterdir()) == before


def test_a_variant_has_no_variants(frames: Path) -> None:
    run("squares", "--frames", frames, "--accept")
    with pytest.raises(ModelError, match="'squares:int8' is a variant itself; name the float model: squares"):
        run("squares:int8", "--frames", frames)


def test_accept_and_dry_run_exclude_each_other(frames: Path) -> None:
    code, _, said = run("squares", "--frames", frames, "--accept", "--dry-run")
    assert code == 2
    assert "exclude each other" in said


def test_pace_takes_turns() -> None:
    turns: list[str] = []

    class Timed:
        provider = "cpu"

        def __init__(self, name: str, work: int) -> None:
            self.name, self.work = name, np.zeros(work)

        def run(self, feeds: object) -> tuple[()]:
            assert feeds == {}
            turns.append(self.name)
            self.work += 1
            return ()

    found = pace(Timed("float", 4_000_000), Timed("small", 400_000), [{}], runs=5)  # type: ignore[arg-type]
    assert turns == ["float", "small"] * 6  # the first of each does not count
    assert 3 < found.ratio < 100  # ten times the work


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_yolov8n_on_pictures_it_was_not_calibrated_with(shared: Path) -> None:
    """64 pictures of COCO: 32 calibrate, the other 32 judge, at 640 px."""
    code, printed, _ = run("yolov8n", "--frames", shared / "images" / "calibration", "--accept")
    assert code == 0
    found = report(printed)
    assert (found["calibrated"], found["agreement"]["frames"]) == (32, 32)
    assert found["agreement"]["ap50"] >= 0.95
    assert found["agreement"]["ap50_95"] >= 0.90
    assert found["variant_bytes"] < 0.3 * found["float_bytes"]  # a byte for four, and the head as it was
    if has_vnni():
        assert found["pace"]["ratio"] >= 1.6
    else:
        assert found["pace"]["ratio"] > 1.0  # 1.34 to 1.53 measured: AVX2 has no instruction for it

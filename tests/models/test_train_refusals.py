"""What is refused before, between and after the work of PyTorch: nothing here needs it."""

import shutil
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from models.errors import ModelError
from models.training import offline
from models.training.base import find_base
from models.training.command import train_command
from models.training.dataset import Sample
from models.training.run_folder import Record, RunFolder, Settings
from models.training.split import Split
from models.training.staging import label_text, stage
from tests.models.training_data import case, write_cases, write_picture

SETTINGS = Settings(base="yolov8n", base_sha256="a" * 64, data_sha256="b" * 64, epochs=3, input_px=96, batch=4, seed=0)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(train_command, arguments)
    if isinstance(result.exception, ModelError):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Four confirmed cases of two cameras."""
    folder = tmp_path / "cases"
    for number in range(4):
        write_picture(folder / f"{number}.jpg", seed=number)
    write_cases(
        folder,
        [
            case(folder, f"{number}.jpg", [("stall", [0.1, 0.1, 0.5, 0.5])], camera="ab"[number % 2])
            for number in range(4)
        ],
    )
    return folder


@pytest.fixture
def _with_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if PyTorch were there: what is refused here is refused before it is needed."""
    monkeypatch.setattr(offline, "find_spec", lambda name: ModuleSpec(name, None))


def test_without_the_extra_one_line_says_what_to_do(
    cases: Path, own_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "find_spec", lambda _name: None)
    with pytest.raises(ModelError, match=r"^fine-tuning needs PyTorch .* not installed here: \./run setup train$"):
        run(str(cases), "--name", "stalls")
    assert not own_models.exists()
    code, said = run(str(cases), "--check")  # which reads, and needs no PyTorch
    assert code == 0
    assert said.splitlines() == [
        "train: 2 pictures (0 of background); boxes: stall 2; split by camera",
        "val: 2 pictures (0 of background); boxes: stall 2; split by camera",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "yolov8n"], "a model 'yolov8n' is known already"),
        (["--name", "../x"], r"model name '\.\./x': letters"),
        (["--name", "x", "--input-size", "100"], "input size 100 px: multiples of 32"),
        (["--name", "x", "--role", "stall"], "role 'stall': CLASS=ROLE is expected"),
        (["--name", "x", "--role", "bag=waste"], "role bag=waste: 'bag' is no class of the data set: stall"),
        (["--name", "x", "--role", "stall=shop"], "role stall=shop: allowed roles are vehicle, .*stall"),
        (["--name", "x", "--base", "yolox_nano"], "base 'yolox_nano': the registry has no checkpoint of it .* yolov8n"),
        (["--name", "x", "--base", "gone.pt"], r"base 'gone\.pt': neither a model .* nor a file"),
        (["--name", "x", "--resume"], r"training/x: holds no run, so there is nothing to resume"),
    ],
)
@pytest.mark.usefixtures("_with_extra", "checkpoint_file")
def test_refused_before_anything_is_written(arguments: list[str], message: str, cases: Path, own_models: Path) -> None:
    with pytest.raises(ModelError, match=message) as refused:
        run(str(cases), *arguments)
    assert "\n" not in str(refused.value)
    assert not own_models.exists()


def test_a_checkpoint_is_loaded_by_its_digest_alone(checkpoint_file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(checkpoint_file, tmp_path / "renamed.pt"))
    assert find_base(str(copy)).name == "yolov8n"
    copy.write_bytes(copy.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"renamed\.pt: sha256 [0-9a-f]{64} is unknown; a checkpoint can run code"):
        find_base(str(copy))


def test_a_run_keeps_its_last_and_its_best_epoch(own_models: Path, tmp_path: Path) -> None:
    folder = RunFolder.of("stalls")
    record = folder.begin(SETTINGS)
    for number, is_best in ((1, True), (2, False), (3, False)):
        (tmp_path / "last.pt").write_text(f"epoch {number}")
        record = folder.keep(
            record, tmp_path / "last.pt", epochs_done=number, metrics={"map50": number / 10}, is_best=is_best
        )
    assert sorted(path.name for path in folder.path.glob("*.pt")) == ["best-0001.pt", "last-0003.pt"]
    assert (record.epochs_done, record.metrics) == (3, {"map50": 0.1})
    assert folder.resume(SETTINGS) == record
    folder.finish(record)
    assert sorted(path.name for path in folder.path.iterdir()) == ["best-0001.pt", "run.json"]
    assert folder.begin(SETTINGS).epochs_done == 0  # a finished run makes way


def test_a_run_is_resumed_as_it_was_begun_and_with_its_own_files(own_models: Path, tmp_path: Path) -> None:
    folder = RunFolder.of("stalls")
    with pytest.raises(ModelError, match="holds no run"):
        folder.resume(SETTINGS)
    folder.begin(SETTINGS)
    with pytest.raises(ModelError, match="holds a run without a whole epoch"):
        folder.resume(SETTINGS)
    record = folder.begin(SETTINGS)  # one that has come to nothing makes way
    (tmp_path / "last.pt").write_text("epoch 1")
    record = folder.keep(record, tmp_path / "last.pt", epochs_done=1, metrics={}, is_best=True)
    with pytest.raises(ModelError, match=r"not finished \(1 of 3 epochs\): go on with --resume, or remove the folder"):
        folder.begin(SETTINGS)
    with pytest.raises(ModelError, match="the run was begun with seed 0, not 1"):
        folder.resume(SETTINGS.model_copy(update={"seed": 1}))
    (folder.path / "last-0001.pt").write_text("another")
    with pytest.raises(ModelError, match=r"last-0001\.pt: not the checkpoint that this run wrote; it is not loaded"):
        folder.resume(SETTINGS)
    (folder.path / "run.json").write_text('{"schema": 1, "colour": "red"}')
    with pytest.raises(ModelError, match=r"run\.json: settings: Field required"):
        folder.resume(SETTINGS)


def test_the_record_survives_its_file() -> None:
    record = Record(settings=SETTINGS, epochs_done=2, metrics={"map50": 0.5})
    assert Record.model_validate_json(record.model_dump_json(by_alias=True)) == record


def test_data_are_laid_out_as_links(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.JPG")
    boxes = np.array([[32, 24, 64, 72]], np.float32)  # of 128 x 96 px: centre 48, 48, size 32 x 48
    one = Sample(picture, "c" * 64, (128, 96), boxes, np.array([1]))
    assert label_text(one) == "1 0.37500000 0.50000000 0.25000000 0.50000000\n"
    stage(tmp_path / "data", Split((one,), (one,), "camera"))
    link = tmp_path / "data" / "images" / "val" / f"{'c' * 64}.jpg"
    assert link.resolve() == picture
    assert (tmp_path / "data" / "labels" / "val" / f"{'c' * 64}.txt").read_text() == label_text(one)


def test_the_command_imports_nothing_heavy() -> None:
    heavy = ("numpy", "cv2", "onnx", "onnxruntime", "pydantic", "torch", "ultralytics")
    code = f"import sys, models.training.command; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

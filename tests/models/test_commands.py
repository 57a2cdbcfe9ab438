import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.commands import models
from models.detector import Detector, load_detector
from models.errors import ModelError
from models.registry.entries import load_registry


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(models, arguments)
    if isinstance(result.exception, ModelError):
        raise result.exception
    return result.exit_code, result.output


def test_list_pull_and_verify(yolov8n: Detector) -> None:
    assert yolov8n.provider == "cpu"
    code, table = run("list")
    assert code == 0
    lines = [line.split() for line in table.splitlines()]
    assert lines[0] == ["name", "family", "input", "px", "licence", "pulled"]
    assert ["yolov8n", "yolov8", "640", "AGPL-3.0", "yes"] in lines
    code, path = run("pull", "yolov8n")
    assert code == 0
    assert Path(path.strip()).is_file()
    assert run("verify", "yolov8n") == (0, "yolov8n: sha256 is right\n")
    with pytest.raises(ModelError, match="unknown model 'nobody'; known: yolov8n, yolox_nano"):
        run("pull", "yolov8n", "nobody")


def test_add_a_checkpoint(checkpoint_file: Path, own_models: Path) -> None:
    own_models.mkdir()
    (own_models / "registry.yaml").write_text("classes: {two: [car, stall]}\n")
    code, said = run("add", str(checkpoint_file), "--name", "mine")
    assert code == 0
    assert said.startswith("mine: yolov8, 80 classes; roles: person = person")
    assert "AGPL-3.0" in load_registry().model("mine").entry.licence  # as the checkpoint says
    assert load_registry().classes["two"] == ("car", "stall")  # what was there stays
    assert load_detector("mine", provider="cpu").names[2] == "car"
    assert sorted(path.name for path in own_models.iterdir() if path.suffix) == [
        ".registry.yaml.lock",
        "mine.onnx",
        "registry.yaml",
    ]

    with pytest.raises(ModelError, match="a model 'mine' is known already"):
        run("add", str(checkpoint_file), "--name", "mine")
    file = own_models / "mine.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    assert run("verify", "mine") == (1, "mine: sha256 is WRONG\n")
    with pytest.raises(ModelError, match=r"mine\.onnx: sha256 is .*, expected .* \(model 'mine'\)"):
        load_detector("mine")
    file.unlink()
    assert run("verify", "mine") == (1, "mine: not pulled\n")
    with pytest.raises(ModelError, match=r"mine\.onnx: no such file \(model 'mine'\)"):
        load_detector("mine")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "x", "--family", "ssd"], "unknown family 'ssd'; known: yolov8, yolox"),
        (["--name", "../x"], r"model name '\.\./x': letters"),
        (["--name", "x", "--classes", "nowhere.txt"], r"classes 'nowhere\.txt': neither a list of the registry"),
        (["--name", "x", "--classes", "CLASSES"], r"\(N, 4 \+ 2 classes, anchors\) is expected"),
        (["--name", "x", "--input-size", "100"], "input size 100 px: multiples of 32"),
    ],
)
def test_add_refuses_and_leaves_nothing(
    arguments: list[str], message: str, checkpoint_file: Path, own_models: Path, tmp_path: Path
) -> None:
    (tmp_path / "classes.txt").write_text("car\nstall\n")
    arguments = [argument.replace("CLASSES", str(tmp_path / "classes.txt")) for argument in arguments]
    with pytest.raises(ModelError, match=message):
        run("add", str(checkpoint_file), *arguments)
    assert not own_models.exists()


def test_add_of_a_file_that_is_not_there(own_models: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: no such file"):
        run("add", "gone.onnx", "--name", "x")
    assert not own_models.exists()


def test_the_commands_import_nothing_heavy() -> None:
    heavy = ("numpy", "cv2", "onnx", "onnxruntime", "httpx", "pydantic")
    code = f"import sys, models.commands; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.commands import models
from models.detector import Detector, load_detector
from models.errors import ModelError
from models.files import whole_file
from models.registry.entries import load_registry
from models.registry.variants import add_variant
from tests.models.web import CONTENT, Server


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
    with pytest.raises(ModelError, match="unknown model 'nobody'; known: dfine_n, "):
        run("pull", "yolov8n", "nobody")


def test_list_and_card_for_programs(yolov8n: Detector) -> None:
    code, text = run("list", "--json")
    assert code == 0
    listed = {model["name"]: model for model in json.loads(text)}
    assert listed["yolov8n"] == {
        "name": "yolov8n",
        "family": "yolov8",
        "input_px": 640,
        "licence": "AGPL-3.0",
        "copyleft": True,
        "pulled": True,
        "condition": "sha256 is right",
    }
    assert not listed["yolox_s"]["copyleft"]
    code, text = run("card", yolov8n.name, "--json")
    assert code == 0
    assert json.loads(text)["file"]["condition"] == "sha256 is right"
    code, text = run("card", yolov8n.name)
    assert text.startswith("# yolov8n\n")
    with pytest.raises(ModelError, match="unknown model 'nobody'"):
        run("card", "nobody")


def test_variants_are_listed_and_verified(own_models: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(b"a graph")
    add_variant("yolox_s", "int8", graph, {})
    _, table = run("list")
    assert ["yolox_s:int8", "yolox", "640", "Apache-2.0", "yes"] in [line.split() for line in table.splitlines()]
    assert run("verify", "yolox_s:int8") == (0, "yolox_s:int8: sha256 is right\n")
    assert "yolox_s:int8: sha256 is right\n" in run("verify")[1]
    (installed,) = own_models.glob("*.onnx")
    assert run("pull", "yolox_s:int8") == (0, f"{installed}\n")
    installed.write_bytes(b"another")
    assert run("verify")[0] == 1
    assert run("verify", "yolox_s:int8") == (1, "yolox_s:int8: sha256 is WRONG\n")
    with pytest.raises(ModelError, match=r"sha256 is .*, expected .* \(model 'yolox_s:int8'\)"):
        run("pull", "yolox_s:int8")


def test_a_digest_by_hand(server: Server, own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREETWARDEN_CACHE", str(tmp_path / "cache"))
    own_models.mkdir()
    source = f"{{name: a.onnx, sources: [{{url: '{server.url}/file'}}]}}"
    (own_models / "registry.yaml").write_text(
        f"models: {{mine: {{family: yolov8, classes: [car], licence: MIT, unpinned: {source}}}}}\n"
    )
    assert "mine        yolov8   640       MIT         no: no digest known\n" in run("list")[1]
    assert run("verify")[0] == 0
    assert run("verify", "mine") == (1, "mine: no digest known\n")
    with pytest.raises(ModelError, match="model 'mine': nobody has established the digest of http://127"):
        run("pull", "mine")
    code, path = run("pull", "mine", "--sha256", hashlib.sha256(CONTENT).hexdigest())
    assert code == 0
    assert Path(path.strip()).read_bytes() == CONTENT
    assert run("pull", "mine") == (0, path)
    code, said = run("pull", "mine", "yolov8n", "--sha256", "0" * 64)
    assert code == 2
    assert "--sha256 belongs to one model" in said


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
        (["--name", "x", "--family", "ssd"], "unknown family 'ssd'; known: .*yolov8"),
        (["--name", "../x"], r"model name '\.\./x': letters"),
        (["--name", "x", "--classes", "nowhere.txt"], r"classes 'nowhere\.txt': neither a list of the registry"),
        (["--name", "x", "--classes", "CLASSES"], "looks like yolov8 for 80 classes, but the list of classes has 2"),
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


def test_whoever_the_umask_lets_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with whole_file(tmp_path / "a") as temporary:
            temporary.write_bytes(b"a")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["a"]

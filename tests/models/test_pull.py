"""Licence and digest: what is said before a file comes, and what a person vouches for."""

import errno
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import ModelError
from models.registry.entries import Model, load_registry, read_registry_file
from models.registry.pull import Condition, condition, pull, pull_vouched
from tests.models.web import CONTENT, Server

SHA = hashlib.sha256(CONTENT).hexdigest()
WRONG = "0" * 64


def model(folder: Path, origin: str, *, licence: str = "AGPL-3.0") -> Model:
    folder.mkdir(exist_ok=True)
    entry = f"{{family: yolov8, classes: [car], licence: {licence}, {origin}}}"
    (folder / "registry.yaml").write_text(f"models: {{mine: {entry}}}\n")
    return load_registry().model("mine")


def known(url: str) -> str:
    return f"onnx: {{name: a.onnx, sha256: {SHA}, sources: [{{url: '{url}'}}]}}"


def unknown(url: str) -> str:
    return f"unpinned: {{name: a.onnx, sources: [{{url: '{url}'}}]}}"


def test_copyleft_is_said_once_and_before(
    server: Server, own_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match="HTTP 404"):
        pull(model(own_models, known(f"{server.url}/missing")), tmp_path)
    said = capsys.readouterr()
    assert said.err.startswith(
        "NOTICE: the weights of mine come under AGPL-3.0, a copyleft licence."
    )  # before it failed
    assert said.out == ""

    mine = model(own_models, known(f"{server.url}/file"))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: pull(mine, tmp_path), range(4)))) == 1
    assert capsys.readouterr().err.count("NOTICE") == 1
    pull(mine, tmp_path)
    assert capsys.readouterr().err == ""


def test_nothing_is_said_of_others(
    server: Server, own_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pull(model(own_models, known(f"{server.url}/file"), licence="Apache-2.0"), tmp_path)
    assert capsys.readouterr().err == ""


def test_nobody_knows_its_digest(server: Server, own_models: Path, tmp_path: Path) -> None:
    url = f"{server.url}/file"
    mine = model(own_models, unknown(url))
    assert condition(mine, tmp_path) is Condition.UNPINNED
    with pytest.raises(ModelError) as refused:
        pull(mine, tmp_path)
    line = str(refused.value)
    assert "\n" not in line
    assert url in line
    assert "models pull mine --sha256 HEX" in line
    assert "models add FILE" in line
    assert server.requests == []
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_person_vouches(server: Server, own_models: Path, tmp_path: Path) -> None:
    mine = model(own_models, unknown(f"{server.url}/file"))
    registry = own_models / "registry.yaml"
    before = registry.read_text()
    for digest, reason in (
        (WRONG, f"sha256 is {SHA}, expected {WRONG}"),
        ("abc", "64 hexadecimal digits are expected"),
    ):
        with pytest.raises(ModelError, match=reason):
            pull_vouched("mine", digest, tmp_path)
    assert registry.read_text() == before
    assert not list(tmp_path.rglob("a.onnx*"))

    path = pull_vouched("mine", SHA.upper(), tmp_path)  # as some programs print it
    assert path.read_bytes() == CONTENT
    assert read_registry_file(registry).vouched == {"mine": SHA}
    mine = load_registry().model("mine")
    assert condition(mine, tmp_path) is Condition.RIGHT
    assert pull(mine, tmp_path) == path
    assert pull_vouched("mine", SHA, tmp_path) == path
    with pytest.raises(ModelError, match=f"model 'mine' is known by sha256 {SHA}, not {WRONG}"):
        pull_vouched("mine", WRONG, tmp_path)


def test_an_unpinned_checkpoint_is_converted(
    server: Server, own_models: Path, checkpoint_file: Path, tmp_path: Path
) -> None:
    server.content = checkpoint_file.read_bytes()
    model(own_models, f"{unknown(f'{server.url}/file')}, convert: ultralytics")
    path = pull_vouched("mine", hashlib.sha256(server.content).hexdigest(), tmp_path)
    assert path.parent == tmp_path / "converted"
    assert path.read_bytes()[:2] == b"\x08\x08"  # field 1 of an ONNX file: its IR version, 8


def test_what_cannot_be_converted_leaves_no_model(server: Server, own_models: Path, tmp_path: Path) -> None:
    model(own_models, f"{unknown(f'{server.url}/file')}, convert: ultralytics")
    with pytest.raises(ModelError, match=r"a\.onnx: not a checkpoint"):
        pull_vouched("mine", SHA, tmp_path)
    assert read_registry_file(own_models / "registry.yaml").vouched == {}
    assert not list((tmp_path / "converted").glob("*.onnx"))


def test_a_converted_file_that_was_damaged_is_seen_and_written_again(checkpoint_file: Path, tmp_path: Path) -> None:
    yolov8n = load_registry().model("yolov8n")
    copied = tmp_path / checkpoint_file.relative_to(checkpoint_file.parents[2])
    copied.parent.mkdir(parents=True)
    copied.write_bytes(checkpoint_file.read_bytes())
    converted = pull(yolov8n, tmp_path)
    content = converted.read_bytes()
    assert condition(yolov8n, tmp_path) is Condition.RIGHT
    converted.write_bytes(content[:5_000_000] + bytes(1000) + content[5_001_000:])
    assert condition(yolov8n, tmp_path) is Condition.WRONG
    assert pull(yolov8n, tmp_path).read_bytes() == content
    assert condition(yolov8n, tmp_path) is Condition.RIGHT


def test_a_file_that_cannot_be_read(own_models: Path) -> None:
    mine = model(own_models, f"file: {{path: a.onnx, sha256: {SHA}}}")
    (own_models / "a.onnx").write_bytes(CONTENT)

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "open", refused)
        assert condition(mine) is Condition.UNREADABLE  # one file, and the others are still listed
        with pytest.raises(ModelError, match=r"a\.onnx: cannot be read: Permission denied"):
            pull(mine)
    assert condition(mine) is Condition.RIGHT

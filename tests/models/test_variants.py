"""A variant stands beside its model, in the user's registry."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.detector import load_detector
from models.errors import ModelError
from models.files import sha256_of
from models.registry.entries import load_registry, read_registry_file
from models.registry.pull import Condition, condition, pull
from models.registry.variants import add_variant


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Any file: a variant is not opened when it is added."""
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"first")
    return path


def test_beside_a_shipped_model(own_models: Path, graph: Path) -> None:
    added = add_variant("yolov8n", "int8", graph, {"metrics": {"ap50": 0.5}, "created": "2026-11-25"})
    digest = sha256_of(graph)
    installed = own_models / f"yolov8n-int8-{digest[:12]}.onnx"
    assert (added.name, added.precision) == ("yolov8n:int8", "int8")
    assert pull(added) == installed
    assert installed.read_bytes() == b"first"
    base = load_registry().model("yolov8n").entry.artifact
    assert base
    assert added.entry.card.trained_from == f"yolov8n (sha256 {base.sha256})"
    assert added.entry.card.metrics == {"ap50": 0.5}
    assert condition(added) is Condition.RIGHT
    installed.write_bytes(b"other")
    assert condition(added) is Condition.WRONG
    with pytest.raises(ModelError, match=rf"sha256 is .*, expected {digest} \(model 'yolov8n:int8'\)"):
        pull(added)


def test_again_replaces_and_others_stay(own_models: Path, graph: Path) -> None:
    add_variant("yolov8n", "fp16", graph, {})
    add_variant("yolov8n", "int8", graph, {})
    graph.write_bytes(b"second")
    again = add_variant("yolov8n", "int8", graph, {"trained_from": "elsewhere"})
    assert pull(again).read_bytes() == b"second"
    assert again.entry.card.trained_from == "elsewhere"
    assert pull(load_registry().model("yolov8n:fp16")).read_bytes() == b"first"
    assert sorted(path.name.rsplit("-", 1)[0] for path in own_models.glob("*.onnx")) == ["yolov8n-fp16", "yolov8n-int8"]


@pytest.mark.parametrize(
    ("name", "precision", "card", "message"),
    [
        ("nobody", "int8", {}, "unknown model 'nobody'"),
        ("yolov8n", "INT8", {}, "precision 'INT8': small letters"),
        ("yolov8n", "../a", {}, r"precision '\.\./a'"),
        ("yolov8n", "int8", {"colour": "red"}, "card of yolov8n:int8: colour: unknown key"),
    ],
)
def test_refused_and_nothing_left(
    name: str, precision: str, card: dict[str, object], message: str, own_models: Path, graph: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        add_variant(name, precision, graph, card)
    assert not own_models.exists()
    with pytest.raises(ModelError, match=r"gone\.onnx: no such file"):
        add_variant("yolov8n", "int8", graph.with_name("gone.onnx"), {})


def test_no_variant_of_a_variant(graph: Path) -> None:
    add_variant("yolov8n", "int8", graph, {})
    with pytest.raises(ModelError, match="'yolov8n:int8' is a variant itself"):
        add_variant("yolov8n:int8", "fp16", graph, {})


def test_a_registry_that_is_wrong_already(own_models: Path, graph: Path) -> None:
    own_models.mkdir()
    (own_models / "registry.yaml").write_text("modles: {}\n")
    with pytest.raises(ModelError, match="modles: unknown key"):
        add_variant("yolov8n", "int8", graph, {})
    assert [path.name for path in own_models.iterdir()] == ["registry.yaml"]


def test_several_at_once(graph: Path) -> None:
    precisions = ["int8", "fp16", "int4", "bf16"]
    with ThreadPoolExecutor(len(precisions)) as pool:
        list(pool.map(lambda precision: add_variant("yolov8n", precision, graph, {}), precisions))
    assert set(load_registry().model("yolov8n").variants) == set(precisions)


def test_it_is_loaded_by_its_name(own_models: Path) -> None:
    own_models.mkdir()
    (own_models / "registry.yaml").write_text("classes: {two: [car, stall]}\n")
    add_variant("yolov8n", "copy", pull(load_registry().model("yolov8n")), {})
    detector = load_detector("yolov8n:copy", provider="cpu")
    assert (detector.name, detector.names[2], detector.roles["car"]) == ("yolov8n:copy", "car", "vehicle")
    assert read_registry_file(own_models / "registry.yaml").classes == {"two": ("car", "stall")}  # what was there stays

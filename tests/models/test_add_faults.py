"""What goes wrong around `models add`: full disks, files in the way, odd files; nothing of a person's is ever lost."""

import errno
from pathlib import Path

import numpy as np
import onnx
import pytest

from models.detector import load_detector
from models.errors import ModelError
from models.registry.add import add_model
from models.registry.entries import load_registry
from models.registry.variants import add_variant
from tests.models.test_families_add import METADATA, NAMES, yolov8
from tests.models.tiny_graphs import OPEN, tiny_graph


def test_beside_an_own_model_with_a_variant(own_models: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(tiny_graph(yolov8(), metadata=METADATA))
    own_models.mkdir()
    (own_models / "registry.yaml").write_text("# nothing yet\n")
    add_model(graph, "first")
    add_variant("first", "int8", graph, {})
    assert add_model(graph, "second").class_names == NAMES
    assert set(load_registry().model("first").variants) == {"int8"}


def test_a_file_of_this_name_in_the_models_folder(own_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_models.mkdir()
    graph = own_models / "stalls.onnx"
    graph.write_bytes(tiny_graph(yolov8(), metadata=METADATA))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("models.registry.own._write", full)
        with pytest.raises(ModelError, match="cannot be written: No space left"):
            add_model(graph, "stalls")
        with pytest.raises(ModelError, match="cannot be written: No space left"):
            add_model(graph, "others")
    assert sorted(own_models.glob("*.onnx")) == [graph]  # not deleted, and nothing new
    assert add_model(graph, "stalls").class_names == NAMES  # its own file may be added under its own name
    other = own_models / "other.onnx"
    other.write_bytes(b"another file")
    with pytest.raises(ModelError, match=r"other\.onnx is there already"):
        add_model(graph, "other")
    assert other.read_bytes() == b"another file"


def test_a_models_folder_that_is_a_file(own_models: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(tiny_graph(yolov8(), metadata=METADATA))
    own_models.write_text("a file")
    with pytest.raises(ModelError, match="own-models: cannot be written"):
        add_model(graph, "stalls")


@pytest.mark.parametrize("suffix", [".onnx", ".pt"])
def test_no_room_to_try_it(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("models.registry.add.shutil.copyfile", full)
    monkeypatch.setattr("models.registry.add.convert_file", full)
    graph = tmp_path / f"graph{suffix}"
    graph.write_bytes(b"any")
    with pytest.raises(ModelError, match=r"graph\..*: cannot be copied to .* to be tried: No space left on device"):
        add_model(graph, "stalls")


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="at most 100"):
        add_model(tmp_path / "graph.onnx", "x" * 101)


def test_a_checkpoint_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "A.PT").write_bytes(b"any")
    with pytest.raises(ModelError, match=r"A\.PT: not a checkpoint"):
        add_model(tmp_path / "A.PT", "stalls")


def test_a_list_of_classes_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("\n".join(NAMES), "utf-8-sig")
    (tmp_path / "graph.onnx").write_bytes(tiny_graph(yolov8()))
    model = add_model(tmp_path / "graph.onnx", "marked", classes=str(tmp_path / "classes.txt"))
    assert model.class_names == NAMES
    assert model.roles["bus"] == "vehicle"


def test_weights_in_a_second_file(own_models: Path, tmp_path: Path) -> None:
    graph = onnx.load_from_string(tiny_graph(yolov8(), metadata=METADATA))
    path = tmp_path / "graph.onnx"
    onnx.save(graph, path, save_as_external_data=True, location="graph.onnx.data", size_threshold=0)
    with pytest.raises(
        ModelError, match=r"graph\.onnx: its weights lie in a second file, graph\.onnx\.data, and one file"
    ):
        add_model(path, "two")
    assert not list(own_models.glob("*.onnx"))
    onnx.save(onnx.load(path), tmp_path / "one.onnx")
    assert add_model(tmp_path / "one.onnx", "one").class_names == NAMES


def test_a_model_that_gives_no_numbers(tmp_path: Path) -> None:
    graph = tiny_graph({"output0": np.full((1, 7, 84), np.nan, np.float32)}, metadata=METADATA)
    (tmp_path / "graph.onnx").write_bytes(graph)
    with pytest.raises(ModelError, match="gives no numbers"):
        add_model(tmp_path / "graph.onnx", "nan")


def test_an_entry_of_an_input_size_that_it_cannot_take(own_models: Path, tmp_path: Path) -> None:
    (tmp_path / "graph.onnx").write_bytes(tiny_graph(yolov8(), shape_in=OPEN, metadata=METADATA))
    add_model(tmp_path / "graph.onnx", "open", family="yolov8", input_px=64)
    registry = own_models / "registry.yaml"
    registry.write_text(registry.read_text("utf-8").replace("input_size: 64", "input_size: 65"), "utf-8")
    with pytest.raises(ModelError, match="model 'open': letterbox: input size 65 px is no multiple"):
        load_detector("open", provider="cpu")

"""A checkpoint is data: whatever its pickle names, nothing runs."""

import builtins
import collections
import io
import os
import pickle
import subprocess
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from models.convert.checkpoint import read_checkpoint
from models.errors import ModelError

MARK = "ran"


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def write(path: Path, data: bytes, *, storages: dict[str, bytes] | None = None, compress: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        archive.writestr("m/data.pkl", data)
        for key, raw in (storages or {}).items():
            archive.writestr(f"m/data/{key}", raw)
    return path


def payloads() -> dict[str, object]:
    touch = f"touch {MARK}"
    code = f"__import__('os').mkdir({MARK!r})"
    return {
        "posix.system": Calls(os.system, touch),
        "subprocess.Popen": Calls(subprocess.Popen, ["touch", MARK]),
        "exec": Calls(builtins.exec, code),
        "eval": Calls(builtins.eval, code),
        "getattr": Calls(builtins.getattr, (), "__class__"),
        "__import__": Calls(builtins.__import__, "os"),
        "_io.open": Calls(io.open, MARK, "w"),
        "inside": {"model": {"deep": [Calls(os.system, touch)]}},
    }


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", payloads())
def test_a_payload_is_refused_by_name_and_not_run(
    name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "evil.pt", pickle.dumps(payloads()[name], protocol))
    with pytest.raises(ModelError, match=r"evil\.pt: the checkpoint asks for .+ nothing was executed") as refused:
        read_checkpoint(file)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / MARK).exists()


@pytest.mark.parametrize("name", ["posix.system", "exec", "eval", "inside"])
def test_the_payloads_are_real(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(payloads()[name], 2))
    assert (tmp_path / MARK).exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"ccollections\nOrderedDict.fromkeys\n.",  # a dotted name, protocol 0: refused as a name of its own
        b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93.",  # the same, protocol 4, which would follow the dot
        b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
        b"(S'touch ran'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch ran'\no.",  # OBJ
        b"\x82\x01.",  # EXT1: a name by number
        b"Psomething\n.",  # a reference that is no storage
    ],
)
def test_other_ways_to_a_name(stream: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"evil\.pt: "):
        read_checkpoint(write(tmp_path / "evil.pt", stream))
    assert not (tmp_path / MARK).exists()


@pytest.mark.parametrize(
    "function", [b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch.nn.modules.conv\nConv2d\n", b"c__builtin__\nset\n"]
)
@pytest.mark.parametrize("state", [b"(S'__call__'\nS'x'\nd", b"(N(S'__call__'\nS'x'\ndt"])
def test_a_stand_in_cannot_be_altered(function: bytes, state: bytes, tmp_path: Path) -> None:
    # BUILD on the stand-in itself: with a dict as its state, and with attributes to set.
    with pytest.raises(ModelError, match=r"evil\.pt: not a readable checkpoint"):
        read_checkpoint(write(tmp_path / "evil.pt", function + state + b"b."))


class _Storage:
    """Stands for `torch.HalfStorage` when it is pickled."""


class _Pickler(pickle._Pickler):  # the Python one: it lets a class be written by any name
    def persistent_id(self, obj: object) -> object:
        return obj.reference if isinstance(obj, _Reference) else None

    def save_global(self, obj: Any, **_: object) -> None:
        known = {_Storage: b"ctorch\nHalfStorage\n", _rebuild: b"ctorch._utils\n_rebuild_tensor_v2\n"}
        self.write(known[obj])

    dispatch: ClassVar = {**pickle._Pickler.dispatch, type(lambda: 0): save_global, type: save_global}


class _Reference:
    def __init__(self, count: int) -> None:
        self.reference = ("storage", _Storage, "0", "cpu", count)


def _rebuild() -> None: ...


class _Tensor:
    def __init__(self, count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self._arguments = _Reference(count), offset, shape, strides

    def __reduce__(self) -> Any:
        return _rebuild, self._arguments


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "count"),
    [
        (0, (7,), (1,), 6),  # 7 of 6
        (4, (3,), (1,), 6),  # 4 + 2 = 6 is one behind the last
        (0, (2, 2), (5, 1), 6),  # 5 + 1 = 6
        (-1, (2,), (1,), 6),
        (0, (2,), (-1,), 6),
        (0, (2, 3), (1,), 6),
        (0, (1 << 40,), (0,), 6),  # a stride of nothing makes any number of elements out of one
        (0, (2,), (1,), 99),  # more than the file holds
    ],
)
def test_a_tensor_stays_inside_its_storage(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], count: int, tmp_path: Path
) -> None:
    stream = io.BytesIO()
    _Pickler(stream, 2).dump({"model": _Tensor(count, offset, shape, strides)})
    raw = np.arange(6, dtype=np.float16).tobytes()
    with pytest.raises(ModelError, match=r"evil\.pt: not a readable checkpoint"):
        read_checkpoint(write(tmp_path / "evil.pt", stream.getvalue(), storages={"0": raw}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be opened"),
        (b"not a zip", "not a checkpoint: a PyTorch zip"),
    ],
)
def test_no_checkpoint_at_all(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError, match=rf"model\.pt: {message}"):
        read_checkpoint(file)


def test_zips_of_another_kind(tmp_path: Path) -> None:
    empty = pickle.dumps(collections.OrderedDict(), 2)
    with pytest.raises(ModelError, match="holds no 'model'"):
        read_checkpoint(write(tmp_path / "state.pt", empty))
    results = pickle.dumps({"best_fitness": np.float64(0.5)}, 2)  # as training leaves it
    with pytest.raises(ModelError, match="holds no 'model'"):
        read_checkpoint(write(tmp_path / "results.pt", results))
    with pytest.raises(ModelError, match="without compression"):
        read_checkpoint(write(tmp_path / "packed.pt", empty, compress=True))
    with pytest.raises(ModelError, match="not a readable checkpoint"):
        read_checkpoint(write(tmp_path / "cut.pt", empty[:-1]))


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        (
            "ultralytics.nn.modules.head.Segment",
            b"cultralytics.nn.modules.head\nSegment\n.",
        ),  # YOLO11 that draws outlines
        ("ultralytics.nn.modules.head.v10Detect", b"cultralytics.nn.modules.head\nv10Detect\n."),  # YOLOv10
        ("ultralytics.nn.modules.block.A2C2f", b"cultralytics.nn.modules.block\nA2C2f\n."),  # YOLO12
        ("ultralytics.nn.tasks.RTDETRDetectionModel", b"cultralytics.nn.tasks\nRTDETRDetectionModel\n."),
        ("models.yolo.Model", b"cmodels.yolo\nModel\n."),  # YOLOv5 of its own repository
        ("__torch__.Net", b"c__torch__\nNet\n."),  # TorchScript
        ("argparse.Namespace", b"cargparse\nNamespace\n."),  # RF-DETR
        ("builtins.getattr", b"cbuiltins\ngetattr\n."),  # a fused model that was saved with its bound methods
    ],
)
def test_other_generations_are_named(name: str, stream: bytes, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=rf"asks for {name}, which is not .*YOLOv8, YOLO11 or YOLO26 .* nothing was executed"
    ):
        read_checkpoint(write(tmp_path / "other.pt", stream))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_the_real_one_cut_off(share: float, checkpoint_file: Path, tmp_path: Path) -> None:
    content = checkpoint_file.read_bytes()
    cut = tmp_path / "cut.pt"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"cut\.pt: not a checkpoint: a PyTorch zip file"):
        read_checkpoint(cut)


def test_the_real_one_damaged(checkpoint_file: Path, tmp_path: Path) -> None:
    content = bytearray(checkpoint_file.read_bytes())
    middle = len(content) // 2  # in the raw numbers of some tensor, so that only its checksum tells
    content[middle] ^= 1
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged\.pt: a damaged checkpoint: Bad CRC-32"):
        read_checkpoint(damaged)


def test_of_a_pytorch_before_1_6(tmp_path: Path) -> None:
    old = tmp_path / "old.pt"
    old.write_bytes(
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    )  # its magic number and version, no zip
    with pytest.raises(ModelError, match=r"old\.pt: not a checkpoint: a PyTorch zip"):
        read_checkpoint(old)


def test_the_real_one(checkpoint_file: Path) -> None:
    checkpoint = read_checkpoint(checkpoint_file)
    layers = checkpoint.model.child("model").children
    assert len(layers) == 23
    assert layers["22"].name == "Detect"
    weight = layers["0"].child("conv").tensor("weight")
    assert (weight.shape, weight.dtype) == ((16, 3, 3, 3), np.float32)
    assert checkpoint.license.startswith("AGPL-3.0")
    with pytest.raises(ModelError, match="Conv has no module 'cv9', only conv, bn, act"):
        layers["0"].child("cv9")

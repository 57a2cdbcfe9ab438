"""Reads an Ultralytics checkpoint (`.pt`) without PyTorch and without running anything in it.

Such a file is a zip: `NAME/data.pkl` pickles the tree of modules, `NAME/data/KEY` are the raw storages of its tensors. A pickle
can call any function it names, so this reader knows a short list of names and gives each an inert stand-in; a name off
the list ends the reading. Format: `torch.save`, zip layout (PyTorch 1.6 and later).
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError

MODULES = frozenset(
    {
        ("torch.nn.modules.activation", "SiLU"),
        ("torch.nn.modules.batchnorm", "BatchNorm2d"),
        ("torch.nn.modules.container", "ModuleList"),
        ("torch.nn.modules.container", "Sequential"),
        ("torch.nn.modules.conv", "Conv2d"),
        ("torch.nn.modules.linear", "Identity"),
        ("torch.nn.modules.pooling", "MaxPool2d"),
        ("torch.nn.modules.upsampling", "Upsample"),
        ("ultralytics.nn.modules.block", "Attention"),
        ("ultralytics.nn.modules.block", "Bottleneck"),
        ("ultralytics.nn.modules.block", "C2PSA"),
        ("ultralytics.nn.modules.block", "C2f"),
        ("ultralytics.nn.modules.block", "C3k"),
        ("ultralytics.nn.modules.block", "C3k2"),
        ("ultralytics.nn.modules.block", "DFL"),
        ("ultralytics.nn.modules.block", "PSABlock"),
        ("ultralytics.nn.modules.block", "SPPF"),
        ("ultralytics.nn.modules.conv", "Concat"),
        ("ultralytics.nn.modules.conv", "Conv"),
        ("ultralytics.nn.modules.conv", "DWConv"),
        ("ultralytics.nn.modules.head", "Detect"),
        ("ultralytics.nn.tasks", "DetectionModel"),
        ("numpy", "dtype"),  # of a number among the training results
        # Settings and losses that a model keeps from its training; read as bags of attributes, never used.
        ("torch.nn.modules.loss", "BCEWithLogitsLoss"),
        ("ultralytics.utils", "IterableSimpleNamespace"),
        ("ultralytics.utils.loss", "BboxLoss"),
        ("ultralytics.utils.loss", "DFLoss"),
        ("ultralytics.utils.loss", "v8DetectionLoss"),
        ("ultralytics.utils.tal", "TaskAlignedAssigner"),
    }
)

# Calls whose results no converter asks for; the first three write a NumPy number, such as a training result.
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_IGNORED = (("_codecs", "encode"), *((module, "scalar") for module in _MULTIARRAY), ("torch", "device"))

_PLAIN_STORAGES = {
    "BoolStorage": "?",
    "ByteStorage": "u1",
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
}
_BFLOAT16 = "BFloat16Storage"  # the upper half of a float32; numpy has no such type
_STORAGE_PARTS = 5


class Module:
    """One module of the tree: what it is called and the attributes it was saved with.

    Attributes:
        kind: the class that was pickled, such as `ultralytics.nn.modules.conv.Conv`.
        state: its attributes by name; parameters, buffers and children lie in `_parameters`, `_buffers` and `_modules`.
    """

    __slots__ = ("state",)
    kind: ClassVar[str] = "module"

    def __new__(cls, *_arguments: object) -> "Module":
        """Make an empty one, whatever the pickle says its arguments are."""
        module = super().__new__(cls)
        module.state = {}
        return module

    state: dict[str, Any]

    def __setstate__(self, state: object) -> None:
        self.state = dict(state) if isinstance(state, Mapping) else {}

    @property
    def name(self) -> str:
        """The class name alone, such as `Conv`."""
        return self.kind.rpartition(".")[2]

    @property
    def children(self) -> dict[str, "Module"]:
        """The modules inside, in their order."""
        inside = self.state.get("_modules") or {}
        return {name: child for name, child in inside.items() if isinstance(child, Module)}

    def child(self, name: str) -> "Module":
        """The module of this name.

        Raises:
            ModelError: there is none.
        """
        try:
            return self.children[name]
        except KeyError:
            raise ModelError(
                f"checkpoint: {self.name} has no module {name!r}, only {', '.join(self.children)}"
            ) from None

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The parameter or buffer of this name as float32.

        Raises:
            ModelError: there is none.
        """
        for store in ("_parameters", "_buffers"):
            found = (self.state.get(store) or {}).get(name)
            if isinstance(found, np.ndarray):
                return found.astype(np.float32)
        raise ModelError(f"checkpoint: {self.name} has no tensor {name!r}")

    def has_tensor(self, name: str) -> bool:
        """Whether a parameter or buffer of this name was saved."""
        return any(isinstance((self.state.get(s) or {}).get(name), np.ndarray) for s in ("_parameters", "_buffers"))

    def setting(self, name: str) -> Any:
        """The plain attribute of this name.

        Raises:
            ModelError: there is none.
        """
        try:
            return self.state[name]
        except KeyError:
            raise ModelError(f"checkpoint: {self.name} has no attribute {name!r}") from None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint holds that a converter needs.

    Attributes:
        model: the tree of modules (the averaged weights where training kept both).
        license: as the file states it, or an empty string.
    """

    model: Module
    license: str


def read_checkpoint(path: Path) -> Checkpoint:
    """Read an Ultralytics detection checkpoint.

    Args:
        path: a `.pt` file.

    Returns:
        The tree of modules with tensors as numpy arrays.

    Raises:
        ModelError: the file is missing, is no such checkpoint, or its pickle names anything that is not on the list.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            saved = _unpickle(archive)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be opened: {error.strerror or error}") from None
    except zipfile.BadZipFile:
        raise ModelError(f"{path}: not a checkpoint: a PyTorch zip file (.pt) is expected") from None
    model = (saved.get("ema") or saved.get("model")) if isinstance(saved, dict) else None
    if not isinstance(model, Module):
        raise ModelError(f"{path}: not an Ultralytics checkpoint: it holds no 'model'")
    return Checkpoint(model=model, license=str(saved.get("license") or ""))


def _unpickle(archive: zipfile.ZipFile) -> Any:
    names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(names) != 1:
        raise ModelError("not a checkpoint: it holds no data.pkl")
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise ModelError("not a checkpoint: PyTorch stores its files without compression")
    prefix = names[0].removesuffix("data.pkl")
    try:
        with archive.open(names[0]) as stream:
            return _Reader(stream, archive, prefix).load()
    except ModelError:
        raise
    except zipfile.BadZipFile as error:
        raise ModelError(f"a damaged checkpoint: {error}") from None
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AssertionError,
        AttributeError,
        EOFError,
        ImportError,
        LookupError,
        MemoryError,
        RuntimeError,  # an encrypted member; a nesting that is too deep
        TypeError,
        ValueError,
    ) as error:
        raise ModelError(f"not a readable checkpoint: {type(error).__name__}: {error}") from None


class _Function:
    """A callable that nothing inside the pickle can alter: no attributes, no state."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, _state: object) -> None:
        raise ModelError("not a readable checkpoint: it sets the state of a function")


class _Reader(pickle.Unpickler):
    """An unpickler whose every name leads to something inert."""

    def __init__(self, stream: Any, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(stream)
        self._archive = archive
        self._prefix = prefix
        self._storages: dict[str, NDArray[Any]] = {}
        self._known: dict[tuple[str, str], object] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("__builtin__", "set"): set,
            ("builtins", "set"): set,
            ("torch", "Size"): _Function(_size),
            **{key: _Function(_nothing) for key in _IGNORED},
            ("torch._utils", "_rebuild_tensor_v2"): _Function(_tensor),
            ("torch._utils", "_rebuild_parameter"): _Function(_parameter),
        }
        # A fresh class per reading: whatever a pickle does to it ends with the reading.
        self._known |= {key: type(key[1], (Module,), {"__slots__": (), "kind": ".".join(key)}) for key in MODULES}
        self._known |= {("torch", name): name for name in (*_PLAIN_STORAGES, _BFLOAT16)}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return self._known[module_name, global_name]
        except KeyError:
            raise ModelError(
                f"the checkpoint asks for {module_name}.{global_name}, which is not on the list of what a YOLOv8, "
                "YOLO11 or YOLO26 detector consists of; nothing was executed"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) != _STORAGE_PARTS or pid[0] != "storage":
            raise ModelError("not a readable checkpoint: a reference that is no storage")
        _, storage_type, key, _location, count = pid
        if key not in self._storages:
            self._storages[key] = self._storage(str(storage_type), str(key), int(count))
        return self._storages[key]

    def _storage(self, storage_type: str, key: str, count: int) -> NDArray[Any]:
        raw = self._archive.read(f"{self._prefix}data/{key}")
        if storage_type == _BFLOAT16:
            halves = np.frombuffer(raw, "<u2", count)
            return cast("NDArray[Any]", (halves.astype(np.uint32) << 16).view(np.float32))
        return np.frombuffer(raw, _PLAIN_STORAGES[storage_type], count)


def _tensor(storage: NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> object:
    """A tensor is a window over its storage; strides count elements. A window that leaves the storage is refused."""
    if (
        any(size < 0 for size in shape)
        or any(stride < 0 for stride in strides)
        or len(shape) != len(strides)
        or offset < 0
    ):
        raise ModelError(f"not a readable checkpoint: a tensor of shape {shape} with strides {strides}")
    if 0 in shape:
        return np.zeros(shape, storage.dtype)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if last >= storage.size or np.prod(shape, dtype=np.float64) > storage.size:
        raise ModelError(
            f"not a readable checkpoint: a tensor of shape {shape} in a storage of {storage.size} elements"
        )
    window = np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [stride * storage.itemsize for stride in strides], writeable=False
    )
    return np.ascontiguousarray(window)


def _parameter(tensor: object, *_: object) -> object:
    return tensor


def _size(sizes: object = ()) -> object:
    return tuple(cast("Any", sizes))


def _nothing(*_: object) -> None: ...

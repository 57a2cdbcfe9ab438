"""What ONNX Runtime needs to know of an NVIDIA machine: its libraries, its device, where engines that were built for it lie."""

import contextlib
import importlib
import io
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import onnxruntime as ort

from models.files import sha256_of
from models.runtime.providers import engine_folder

_FATAL, _WARNING = 4, 2  # ONNX Runtime's levels; the second is its default
_DRIVER = Path("/proc/driver/nvidia/gpus")


@contextlib.contextmanager
def loaded_libraries(*, tensorrt: bool) -> Iterator[list[str]]:
    """Load CUDA's libraries, and TensorRT's, where they came as packages; those of the system are found anyway.

    Yields:
        Names of the libraries that were found nowhere. Meanwhile the runtime says nothing by itself of what it misses.
    """
    if tensorrt:
        with contextlib.suppress(ImportError, OSError):
            importlib.import_module("tensorrt")  # loads its libraries
    with contextlib.redirect_stdout(io.StringIO()) as said:  # it prints what it does not find, where results belong
        ort.preload_dlls()
    ort.set_default_logger_severity(_FATAL)
    try:
        yield re.findall(r"Failed to load (\S+?):", said.getvalue())
    finally:
        ort.set_default_logger_severity(_WARNING)


def engines_of(path: Path, cache_dir: Path) -> Path:
    """The folder, made if missing, for what TensorRT builds out of a file on this machine."""
    folder = engine_folder(cache_dir, model_sha256=sha256_of(path), runtime=_versions(), device=device_name())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def device_name(driver: Path = _DRIVER) -> str:
    """Name of the first GPU, as its driver says; `gpu` where it says nothing."""
    for path in sorted(driver.glob("*/information")):
        found = re.search(r"^Model:\s*(.+?)\s*$", path.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return "gpu"


def _versions() -> str:
    """Of ONNX Runtime, and of TensorRT where it came as a package."""
    try:
        return f"{ort.__version__}-trt{metadata.version('tensorrt')}"
    except metadata.PackageNotFoundError:
        return str(ort.__version__)

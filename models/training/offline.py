"""Loads Ultralytics so that it stays at home: no telemetry, no downloads, no installing, no code out of checkpoints."""

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from models.errors import ModelError

_EXTRA = ("torch", "ultralytics")
# Read once, when it is imported.
_ENVIRONMENT = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
}


def require_extra() -> None:
    """Raise `ModelError` unless the extra `train` is installed."""
    if not all(find_spec(name) for name in _EXTRA):
        raise ModelError("fine-tuning needs PyTorch and Ultralytics, which are not installed here: ./run setup train")


def load_offline(home: Path) -> None:
    """Import Ultralytics with all that reaches out switched off; whoever imports it in this process gets it so.

    Args:
        home: folder for the settings that it writes.

    Raises:
        ModelError: the extra `train` is not installed.
    """
    require_extra()
    before = dict(os.environ)
    os.environ |= _ENVIRONMENT | {"YOLO_CONFIG_DIR": str(home)}
    try:
        from ultralytics.nn import tasks  # noqa: PLC0415 - the environment has to be set first
        from ultralytics.utils import LOGGER  # noqa: PLC0415
        from ultralytics.utils.events import events  # noqa: PLC0415
    finally:
        os.environ.clear()
        os.environ |= before
    # Again, for a process that had it imported already.
    tasks.SAFE_LOAD = True  # only classes of models are built out of a checkpoint, whatever else it names
    events.enabled = False
    LOGGER.setLevel("WARNING")
    for handler in LOGGER.handlers:  # a silent import leaves them at errors; its warnings are for who trains
        handler.setLevel("WARNING")


@contextlib.contextmanager
def torchvision_importable() -> Iterator[None]:
    """Let `import torchvision` pass where the package is missing or was built for another PyTorch.

    Ultralytics imports it for its NMS and has one of its own for a process that has no torchvision. PyPI's torchvision does not
    load beside a PyTorch without CUDA.
    """
    try:
        import_module("torchvision")
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # what a failed import left behind
        sys.modules["torchvision"] = ModuleType("torchvision")
        try:
            yield
        finally:
            del sys.modules["torchvision"]  # else its NMS would be used
    else:
        yield

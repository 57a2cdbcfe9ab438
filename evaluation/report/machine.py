"""What a run ran on: processor, versions, provider. It changes from machine to machine, so it is in no report.json."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

_PACKAGES: Final = ("streetwarden", "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "av", "numpy")
"""What moves a result or its speed; those that are not installed are not named."""
_CPUINFO: Final = Path("/proc/cpuinfo")


def machine(*, provider: str | None = None) -> dict[str, Any]:
    """Processor, cores, system, Python, packages and provider.

    Args:
        provider: word of the execution provider that the model ran on; None if it is not known.
    """
    known: dict[str, Any] = {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if provider is not None:
        known["provider"] = provider
    for package in _PACKAGES:
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            continue
    return known


def _cpu() -> str:
    """The processor by the name that it gives itself."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"

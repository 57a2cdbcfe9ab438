"""Memory of this side that a CUDA device reads and writes by itself, and the two copies between the sides."""

import contextlib
import ctypes
import functools
import os
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

_TO_DEVICE, _TO_HOST = 1, 2  # cudaMemcpyKind
COPIERS = 4
"""Threads that copy one batch: 32 pictures of 640 x 384 are 94 MB, and beside an H200 one thread copied 8 GB a second."""

Pair = tuple[NDArray[Any], NDArray[Any]]
"""Where to, and where from."""


def page_locked(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, kept from being swapped out so that the device fetches it by itself; as it is where that fails."""
    if (cuda := _runtime()) is not None:
        address = ctypes.c_void_p(array.ctypes.data)
        if cuda.cudaHostRegister(address, ctypes.c_size_t(array.nbytes), 0) == 0:
            weakref.finalize(array, cuda.cudaHostUnregister, address)
    return array


def upload(array: NDArray[Any], value: ort.OrtValue, rows: int) -> None:
    """Copy the first rows of an array to its value on the device.

    Raises:
        RuntimeError: the device failed.
    """
    if value.device_name() == "cpu" or (cuda := _runtime()) is None:
        value.update_inplace(array)
        return
    part = array[:rows]
    _checked(cuda.cudaMemcpy(_there(value), _here(part), ctypes.c_size_t(part.nbytes), _TO_DEVICE))


def download(value: ort.OrtValue, array: NDArray[Any], rows: int) -> None:
    """Copy the first rows of a value on the device to its array.

    Raises:
        RuntimeError: the device failed.
    """
    part = array[:rows]
    if value.device_name() == "cpu" or (cuda := _runtime()) is None:
        np.copyto(part, value.numpy()[:rows])
        return
    _checked(cuda.cudaMemcpy(_here(part), _there(value), ctypes.c_size_t(part.nbytes), _TO_HOST))


def copy_all(pairs: Sequence[Pair]) -> None:
    """Copy arrays of equal shapes, on several threads at once where that pays."""
    threads = min(COPIERS, os.cpu_count() or 1, len(pairs))
    if threads < 2:  # noqa: PLR2004 - one thread is the one that calls
        _copy(pairs)
    else:
        list(_copiers().map(_copy, [pairs[first::threads] for first in range(threads)]))


def _copy(pairs: Sequence[Pair]) -> None:
    for target, source in pairs:
        np.copyto(target, source)


@functools.cache
def _copiers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(COPIERS, thread_name_prefix="batch-copy")


@functools.cache
def _runtime() -> ctypes.CDLL | None:
    """CUDA's runtime library, which ONNX Runtime has loaded before; None where there is none."""
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL(f"libcudart.so.{str(ort.cuda_version).partition('.')[0]}")
    return None


def _here(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _there(value: ort.OrtValue) -> ctypes.c_void_p:
    return ctypes.c_void_p(value.data_ptr())


def _checked(status: int) -> None:
    if status != 0:
        raise RuntimeError(f"CUDA failure {status}: copying between memory and device")

"""Where a job's pictures come from: the address that it names, or the one that this worker has for a camera."""

import os
from collections.abc import Mapping
from dataclasses import replace

from detector.jobs.task import JobError, Task
from detector.zoning.cameras_file import Camera
from streams.source.address import Address

SCHEMES = ("rtsp", "rtsps", "http", "https")
"""The event system has checked where an address leads; that it is none of a file, each worker sees to itself."""


def camera_of(task: Task, cameras: Mapping[str, Camera]) -> Camera:
    """The camera, with the job's address where it names one. Its zones are those that this worker knows.

    Raises:
        JobError: The address is not allowed, its login is not here, or the camera is not known.
    """
    known = cameras.get(task.camera or "")
    target = task.spec.get("address")
    if target is None:
        if known is None:
            raise JobError(f"this worker does not know a camera {task.camera}")
        return known
    address = _address(str(target), task.spec.get("login_env"))
    if known is not None:
        return replace(known, address=address)
    return Camera(id=task.camera or "new", address=address, zones=())


def _address(target: str, login_env: str | None) -> Address:
    try:
        address = Address(target)
    except ValueError as error:
        raise JobError(str(error), final=True) from None
    if address.scheme not in SCHEMES:
        allowed = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise JobError(f"{address}: has scheme {address.scheme!r}: allowed are {allowed}", final=True)
    if login_env is None:
        return address
    login = os.environ.get(login_env) if "LOGIN" in login_env else None
    if login is None:
        raise JobError(f"this worker has no login in {login_env!r}")
    try:
        return address.with_login(login)
    except ValueError:
        raise JobError(f"{login_env}: allowed is user:password", final=True) from None

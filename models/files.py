"""Small file habits of this room: where the cache is, digests, writes that are whole or not there, one writer at a time."""

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from models.errors import ModelError

CACHE_VARIABLE = "STREETWARDEN_CACHE"
MODELS_VARIABLE = "STREETWARDEN_MODELS"


def cache_folder() -> Path:
    """Where fetched and converted files are kept: `STREETWARDEN_CACHE`, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("streetwarden")


def models_folder() -> Path:
    """Where the user's own models and their registry are kept: `STREETWARDEN_MODELS`, else the user's data folder."""
    chosen = os.environ.get(MODELS_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_data_path("streetwarden") / "models"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hex.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and goes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `mkstemp`: what it makes only its owner may read, and a model that one person adds is run by a service.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock that belongs to `path`; a second process waits. The system frees it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield

"""Evidence in a folder. Until a file is published it lies in `incoming/`; then it moves to its place in one step."""

import os
import secrets
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from api.errors import ApiError, StoreUnavailableError
from api.storage.evidence_store import StagedFile

ABANDONED_S = 86_400.0
"""What a crash has left in `incoming/` is removed at the next start after a day: no upload takes that long."""

PIECE_BYTES = 1024 * 1024
"""Read at once: with 64 KiB, handing pieces from thread to thread took as long as reading them."""


class _FileOnDisk(StagedFile):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _append(self, chunk: bytes) -> None:
        with _told():
            self._file.write(chunk)

    def sync(self) -> None:
        """Brings the bytes to the disk and closes the file."""
        with _told():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def discard(self) -> None:
        """Closes and removes the file, if it is still here."""
        with suppress(OSError):  # on a full disk what could not be flushed is not wanted any more
            self._file.close()
        self.path.unlink(missing_ok=True)


class EvidenceFolder:
    """A content-addressed folder; several processes may share it.

    Args:
        root: The folder; it is made if missing.
        group_may_read: A front server of the same group sends the files.

    Raises:
        ApiError: The folder can't be made or read.
    """

    def __init__(self, root: Path, *, group_may_read: bool = False) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._file_mode, self._folder_mode = (0o440, 0o750) if group_may_read else (0o400, 0o700)
        try:
            root.mkdir(mode=self._folder_mode, parents=True, exist_ok=True)
            self._incoming.mkdir(mode=0o700, exist_ok=True)
            self._remove_abandoned()
        except OSError as error:
            raise ApiError(
                f"evidence folder {root}: {error.strerror or error}; a folder that can be written to"
            ) from None

    @contextmanager
    def stage(self, sha256: str) -> Generator[StagedFile]:  # noqa: ARG002 - a name is needed only in the end
        """A new file on its way in; it is gone afterwards unless it has been published."""
        with _told():
            staged = _FileOnDisk(self._incoming / secrets.token_hex(16))
        try:
            yield staged
        finally:
            staged.discard()

    def publish(self, staged: StagedFile) -> None:
        """Moves a synced file to its place. The same content twice is one file."""
        if not isinstance(staged, _FileOnDisk):
            raise TypeError(f"{staged!r} is not of this store")
        target = self.path(staged.sha256)
        with _told():
            target.parent.mkdir(mode=self._folder_mode, exist_ok=True)
            staged.path.chmod(self._file_mode)
            staged.path.replace(target)
            _sync_folder(target.parent)

    def remove(self, sha256: str) -> None:
        """Removes a file for good; harmless if there is none."""
        with _told():
            self.path(sha256).unlink(missing_ok=True)

    def pieces(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, piece by piece."""
        with _told(passing=FileNotFoundError):
            file = self.path(sha256).open("rb", buffering=0)
        with file:
            left = (os.fstat(file.fileno()).st_size if end is None else end) - file.seek(start)
            while left > 0:
                with _told():
                    piece = file.read(min(PIECE_BYTES, left))
                if not piece:
                    return
                left -= len(piece)
                yield piece

    def size_bytes(self, sha256: str) -> int | None:
        """The size of a stored file; None if there is none with this digest."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def path(self, sha256: str) -> Path:
        """Where a file with this digest lies, or would lie."""
        return self._root / sha256[:2] / sha256

    def probe(self) -> None:
        """Writes and removes a file."""
        with self.stage("") as staged:
            staged.write(b"probe")
            staged.sync()

    def _remove_abandoned(self) -> None:
        for path in self._incoming.iterdir():
            try:
                age_s = time.time() - path.stat().st_mtime
            except FileNotFoundError:  # another process has finished with it
                continue
            if age_s > ABANDONED_S:
                path.unlink(missing_ok=True)


@contextmanager
def _told(passing: type[OSError] | tuple[()] = ()) -> Generator[None]:
    """What the system says about the disk becomes the store's error, but for what passes as it is."""
    try:
        yield
    except passing:
        raise
    except OSError as error:
        raise StoreUnavailableError(error.errno, f"the evidence folder: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

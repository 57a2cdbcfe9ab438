"""The files of evidence: one folder, every file under the SHA-256 of its content.

A file becomes visible in one step, after its digest has been checked and its bytes are on the disk; until then it lies
in `incoming/`, and a wrong or broken one leaves nothing.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from api.media_types import HEAD_BYTES

ABANDONED_S = 86_400.0
"""What a crash has left in `incoming/` is removed at the next start after a day: no upload takes that long."""


class StagedFile:
    """A file on its way in.

    Attributes:
        head: Its first bytes.
        size_bytes: Bytes written so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = b""
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    @property
    def sha256(self) -> str:
        """Hex digest of what has been written so far."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Appends bytes."""
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        self.size_bytes += len(chunk)
        self._hash.update(chunk)
        self._file.write(chunk)

    def sync(self) -> None:
        """Brings the bytes to the disk and closes the file; nothing can be written afterwards."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Closes and removes the file, if it is still here."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class EvidenceStore:
    """A content-addressed folder.

    Args:
        root: The folder; it is made if missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_abandoned()

    @contextmanager
    def stage(self) -> Generator[StagedFile]:
        """A new file on its way in; it is gone afterwards unless it has been published."""
        staged = StagedFile(self._incoming / secrets.token_hex(16))
        try:
            yield staged
        finally:
            staged.discard()

    def publish(self, staged: StagedFile) -> None:
        """Moves a synced file to its place. The same content twice is one file."""
        target = self.path(staged.sha256)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        staged.path.chmod(0o400)
        staged.path.replace(target)
        _sync_folder(target.parent)

    def path(self, sha256: str) -> Path:
        """Where a file with this digest lies, or would lie."""
        return self._root / sha256[:2] / sha256

    def probe(self) -> None:
        """Writes and removes a file.

        Raises:
            OSError: The folder can't be written to.
        """
        with self.stage() as staged:
            staged.write(b"probe")
            staged.sync()

    def _remove_abandoned(self) -> None:
        for path in self._incoming.iterdir():
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

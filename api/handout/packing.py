"""Evidence packs: a ZIP that is written while it is sent, so that a long clip needs no memory."""

import hashlib
import json
import zipfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.storage.evidence_store import EvidenceStore


class DamagedEvidenceError(Exception):
    """A stored file is not what its digest says. The download breaks off: half a pack is better than a false one."""


@dataclass(frozen=True)
class PackedFile:
    """A file of evidence on its way into a pack."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Pack:
    """What goes into one pack.

    Attributes:
        folder: The one folder in the ZIP.
        documents: Written as readable JSON, by name.
        texts: Written as they are, by name.
        readme: The text that a person reads first.
        files: The evidence.
        made_at: When the pack was asked for; stamped on its entries.
    """

    folder: str
    documents: dict[str, dict[str, Any] | list[dict[str, Any]]]
    texts: dict[str, str]
    readme: str
    files: tuple[PackedFile, ...]
    made_at: datetime


class _Pipe:
    """What `zipfile` writes to; the bytes are taken away as they come."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> Iterator[bytes]:
        chunks, self._chunks = self._chunks, []
        yield from chunks


def stream_zip(pack: Pack, store: EvidenceStore) -> Generator[bytes]:
    """Yields the bytes of the ZIP.

    `SHA256SUMS` comes last and covers every other file; `sha256sum --check SHA256SUMS` verifies it.

    Raises:
        DamagedEvidenceError: A stored file does not have the digest it is kept under.
    """
    pipe = _Pipe()
    sums: dict[str, str] = {}
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _texts(pack):
            archive.writestr(_entry(pack, name), content)
            sums[name] = hashlib.sha256(content).hexdigest()
            yield from pipe.take()
        for file in pack.files:
            with archive.open(_entry(pack, file.name), "w", force_zip64=True) as target:
                for piece in _checked_pieces(file, store):
                    target.write(piece)
                    yield from pipe.take()
            sums[file.name] = file.sha256
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
        archive.writestr(_entry(pack, "SHA256SUMS"), lines)
    yield from pipe.take()


def _texts(pack: Pack) -> Iterable[tuple[str, bytes]]:
    yield "README.txt", pack.readme.encode()
    for name, document in pack.documents.items():
        yield name, json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n"
    for name, text in pack.texts.items():
        yield name, text.encode()


def _entry(pack: Pack, name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{pack.folder}/{name}", pack.made_at.timetuple()[:6])
    entry.external_attr = 0o644 << 16
    return entry


def _checked_pieces(file: PackedFile, store: EvidenceStore) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for piece in store.pieces(file.sha256):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != file.sha256:
        raise DamagedEvidenceError(f"{file.name}: the stored bytes are not {file.sha256}")

"""Restoring a backup: into a fresh folder or an empty database, with every digest checked on the way."""

import hashlib
import logging
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.exc import DatabaseError

from api.errors import ApiError
from api.settings import SETTINGS_FILE, Settings, load_settings
from api.storage.backup import (
    DUMP_FILE,
    EVIDENCE,
    MANIFEST,
    EvidenceEntry,
    Manifest,
    digest_of,
    evidence_path,
    files_named,
    read_manifest,
)
from api.storage.data_folder import DATABASE_FILE, connect_database, make_data_folder, open_database, open_store
from api.storage.database import Database
from api.storage.evidence_store import EvidenceStore
from api.storage.postgresql_tools import restore_postgresql
from api.storage.tables import JobFile

_LOG = logging.getLogger(__name__)

COPY_BYTES = 1024 * 1024
_NAMES = "|".join(map(re.escape, (MANIFEST, DATABASE_FILE, DUMP_FILE, SETTINGS_FILE)))
_MEMBER = re.compile(rf"{_NAMES}|{EVIDENCE}/[0-9a-f]{{2}}/[0-9a-f]{{64}}")


@dataclass(frozen=True)
class Restored:
    """What a restore has done.

    Attributes:
        manifest: Of the backup.
        missing: Digests of evidence that the database names and that neither the backup nor the store has.
    """

    manifest: Manifest
    missing: tuple[str, ...]


def restore(source: Path, data_dir: Path) -> Restored:
    """Restores a backup.

    Where it goes is what the backup's settings say, and before them the environment (`STREETWARDEN_DATABASE`, …): so a
    copy can be restored beside the original. Evidence that the store has already is left alone.

    Args:
        source: What `backup` has written: a folder, or a `.tar`.
        data_dir: A folder that is empty or not there yet.

    Raises:
        ApiError: The folder or the database is not empty, a file of the backup is damaged or missing, or it is a backup
            of another kind of database.
    """
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise ApiError(f"--data {data_dir}: is not empty; allowed is a folder that is empty or not there yet")
    with _opened(source, data_dir.parent) as folder:
        manifest = read_manifest(folder)
        _verify(folder, manifest)
        make_data_folder(data_dir)
        try:
            return _restore(folder, manifest, data_dir)
        except BaseException:
            _empty(data_dir)
            raise


def _restore(folder: Path, manifest: Manifest, data_dir: Path) -> Restored:
    if SETTINGS_FILE in manifest.files:
        _copy(folder / SETTINGS_FILE, data_dir / SETTINGS_FILE)
    settings = load_settings(data_dir)
    kind = "sqlite" if settings.storage.database is None else "postgresql"
    if kind != manifest.database:
        raise ApiError(
            f"--from: is a backup of a {manifest.database} database, and the settings name a {kind} one;"
            " set `database` or STREETWARDEN_DATABASE accordingly"
        )
    with closing(connect_database(data_dir, settings)) as database:
        _check_empty(database)
        # The database comes last: evidence is content-addressed, so whatever broke off here can simply be done again.
        store = open_store(data_dir, settings)
        if manifest.evidence_included:
            for entry in manifest.evidence:
                if entry.sha256 not in manifest.missing:
                    _put(store, entry, evidence_path(folder, entry.sha256))
        if database.is_sqlite:
            _copy(folder / DATABASE_FILE, data_dir / DATABASE_FILE)
        else:
            restore_postgresql(database.url, folder / DUMP_FILE)
    return Restored(manifest, _missing(data_dir, settings, store))


def _check_empty(database: Database) -> None:
    """SQLite's file is not there yet, as the folder is empty.

    Raises:
        ApiError: The PostgreSQL database has tables, or is away.
    """
    if database.is_sqlite:
        return
    try:
        is_empty = database.is_empty()
    except DatabaseError as error:
        raise ApiError(f"database {database.name} can't be used: {' '.join(str(error.orig).split())}") from None
    if not is_empty:
        raise ApiError(f"database {database.name}: is not empty; allowed is one without tables")


def _missing(data_dir: Path, settings: Settings, store: EvidenceStore) -> tuple[str, ...]:
    """Brings the database to the newest form and looks whether all files that it names are there with their digest.

    A job's result that is not is forgotten: the job is done anew, or says that it is gone.
    """
    with closing(open_database(data_dir, settings)) as database, database.write() as session:
        named = files_named(session.connection())
        gone = [entry.sha256 for entry in named.results if _digest_in(store, entry.sha256) != entry.sha256]
        session.execute(delete(JobFile).where(JobFile.sha256.in_(gone)))
    if gone:
        _LOG.warning("restore: %d results of jobs are not there, and are forgotten", len(gone))
    return tuple(entry.sha256 for entry in named.evidence if _digest_in(store, entry.sha256) != entry.sha256)


def _digest_in(store: EvidenceStore, sha256: str) -> str | None:
    digest = hashlib.sha256()
    try:
        for piece in store.pieces(sha256):
            digest.update(piece)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def _verify(folder: Path, manifest: Manifest) -> None:
    """Checks the database's copy and the settings, and that all files of evidence are there in their size.

    Their digests are checked while they are copied.

    Raises:
        ApiError: Something is damaged or missing.
    """
    for name, digest in manifest.files.items():
        path = folder / name
        if name not in (DATABASE_FILE, DUMP_FILE, SETTINGS_FILE) or not path.is_file():
            raise ApiError(f"--from: {name} is missing from the backup")
        if digest_of(path) != digest:
            raise ApiError(f"--from: {name} is damaged: it has not the SHA-256 {digest}")
    if not manifest.evidence_included:
        return
    for entry in manifest.evidence:
        path = evidence_path(folder, entry.sha256)
        if entry.sha256 not in manifest.missing and (not path.is_file() or path.stat().st_size != entry.size_bytes):
            raise ApiError(f"--from: evidence {entry.sha256} is missing from the backup, or cut short")


def _put(store: EvidenceStore, entry: EvidenceEntry, path: Path) -> None:
    if store.size_bytes(entry.sha256) == entry.size_bytes:
        return
    with store.stage(entry.sha256) as staged:
        with path.open("rb") as file:
            while piece := file.read(COPY_BYTES):
                staged.write(piece)
        if staged.sha256 != entry.sha256:
            raise ApiError(f"--from: evidence {entry.sha256} is damaged: its bytes have the SHA-256 {staged.sha256}")
        staged.sync()
        store.publish(staged)


@contextmanager
def _opened(source: Path, workspace: Path) -> Generator[Path]:
    """The backup as a folder; a tar file is unpacked beside the place it goes to, where there is room for it.

    Raises:
        ApiError: The file is no tar file of a backup.
    """
    if source.is_dir():
        yield source
        return
    workspace.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".streetwarden-restore-", dir=workspace) as folder:
        try:
            with tarfile.open(source) as tar:
                _unpack(tar, Path(folder))
        except (OSError, tarfile.TarError) as error:
            raise ApiError(
                f"--from {source}: can't be read: {error}; allowed is a folder or a .tar of `backup`"
            ) from None
        yield Path(folder)


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Takes out the files that a backup has, and nothing else: a tar file can name any path."""
    for member in tar:
        if not member.isfile() or not _MEMBER.fullmatch(member.name):
            continue
        content = tar.extractfile(member)
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            with content, target.open("wb") as sink:
                shutil.copyfileobj(content, sink, COPY_BYTES)


def _copy(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as sink, source.open("rb") as file:
        shutil.copyfileobj(file, sink, COPY_BYTES)
        sink.flush()
        os.fsync(sink.fileno())


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

"""Backups: everything an event system keeps, in one folder or tar file, with the digest of every file in it.

    backup.json            what is in it: kind of database, digests, and what was missing
    streetwarden.db        SQLite: a copy by its own backup call; or streetwarden.pgdump: by pg_dump
    settings.yaml          if there is one
    evidence/ab/abcd…      each file of evidence under its SHA-256, unless it was left out

The event system may run on. The database is copied first, in one consistent state; a file of evidence is stored before the
row that names it and never changed, so every file that the copy names is there. What a job has sent and what is no evidence
yet comes along as well: the copy may be of the moment before it becomes so.
"""

import hashlib
import json
import logging
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import URL, Connection, create_engine, inspect
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from api.clock import now
from api.errors import ApiError, StoreUnavailableError
from api.records.audit import Deed, append
from api.records.operators import operator
from api.schema import Sha256Hex, as_utc_text
from api.settings import SETTINGS_FILE, load_settings
from api.storage.data_folder import DATABASE_FILE, connect_database, open_store
from api.storage.database import Database
from api.storage.evidence_store import EvidenceStore
from api.storage.postgresql_tools import dump_postgresql
from api.storage.tables import AuditEntry

MANIFEST = "backup.json"
DUMP_FILE = "streetwarden.pgdump"
EVIDENCE = "evidence"

_LOG = logging.getLogger(__name__)


class EvidenceEntry(BaseModel):
    """One file of evidence in a backup."""

    model_config = ConfigDict(frozen=True)

    sha256: Sha256Hex
    size_bytes: int = Field(ge=0)


@dataclass(frozen=True)
class Named:
    """Files that a database names.

    Attributes:
        evidence: Of its cases.
        results: What jobs have sent beside that: to become evidence, or to be kept for some hours.
    """

    evidence: list[EvidenceEntry]
    results: list[EvidenceEntry]


class Manifest(BaseModel):
    """What a backup holds.

    Attributes:
        database: Which kind; it says what the copy can be restored into.
        files: SHA-256 of the database's copy and of the settings, by name.
        evidence: Every file that the database names, results of jobs included.
        evidence_included: Whether the files are in the backup; else they lie where they were (a bucket with copies of its
            own) and a restore checks that they do.
        missing: Of `evidence`, what the store did not have, or not with this digest.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = Field(alias="schema")
    made_at: str
    database: Literal["sqlite", "postgresql"]
    files: dict[str, Sha256Hex]
    evidence: tuple[EvidenceEntry, ...]
    evidence_included: bool
    missing: tuple[Sha256Hex, ...] = ()


def back_up(data_dir: Path, target: Path, moment: datetime, *, with_evidence: bool = True) -> Manifest:
    """Makes a backup of a data folder and of what its settings name; the event system may be running.

    Args:
        data_dir: The data folder.
        target: A folder that is empty or not there yet, or a file whose name ends in `.tar`.
        moment: The time; written down.
        with_evidence: Take the files along; else only their digests.

    Returns:
        What has been written. `missing` is not empty when evidence has been lost: the backup holds the rest.

    Raises:
        ApiError: There is no event system in the folder, the target is taken, or the database can't be read.
    """
    settings = load_settings(data_dir)
    if settings.storage.database is None and not (data_dir / DATABASE_FILE).is_file():
        raise ApiError(f"--data {data_dir}: there is no {DATABASE_FILE}; allowed is the data folder of an event system")
    with _written_to(target) as folder, closing(connect_database(data_dir, settings)) as database:
        what = "with evidence" if with_evidence else "without evidence"
        _write_down(database, Deed("backup", str(target.absolute()), reason=what))
        copy = folder / (DATABASE_FILE if database.is_sqlite else DUMP_FILE)
        # PostgreSQL: rows are read after the dump, so they name at least the files that the dump does.
        named = _copy_sqlite(database, copy) if database.is_sqlite else _dump(database, copy)
        kept = [copy]
        if (data_dir / SETTINGS_FILE).is_file():
            kept.append(Path(shutil.copyfile(data_dir / SETTINGS_FILE, folder / SETTINGS_FILE)))
        missing: list[str] = []
        results = named.results
        if with_evidence:
            store = open_store(data_dir, settings)
            # Results first: they go soonest. One that has gone meanwhile is no loss, a restore knows of it no more.
            results = [entry for entry in results if _copy_file(store, entry, folder)]
            missing = [entry.sha256 for entry in named.evidence if not _copy_file(store, entry, folder)]
            if gone := len(named.results) - len(results):
                _LOG.warning("backup: %d results of jobs are not there any more, and are left out", gone)
        manifest = Manifest(
            schema=1,
            made_at=as_utc_text(moment),
            database="sqlite" if database.is_sqlite else "postgresql",
            files={path.name: digest_of(path) for path in kept},
            evidence=tuple(sorted([*named.evidence, *results], key=lambda entry: entry.sha256)),
            evidence_included=with_evidence,
            missing=tuple(missing),
        )
        text = json.dumps(manifest.model_dump(by_alias=True), indent=1) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Reads what a backup says about itself.

    Raises:
        ApiError: There is none, or it is not one of ours.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise ApiError(f"--from: there is no {MANIFEST} in it; allowed is what `backup` has written") from None
    except (OSError, ValidationError) as error:
        said = (
            f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}" if isinstance(error, ValidationError) else error
        )
        raise ApiError(f"--from: {MANIFEST} can't be read: {said}") from None


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def evidence_path(folder: Path, sha256: str) -> Path:
    """Where a file of evidence lies in a backup."""
    return folder / EVIDENCE / sha256[:2] / sha256


def files_named(connection: Connection) -> Named:
    """Every file that the database names and no retention rule has deleted, once, in the order of digests."""
    # A database of an older version, copied before an upgrade, knows no deletion, or no jobs.
    columns = {column["name"] for column in inspect(connection).get_columns("evidence_files")}
    evidence = _entries(connection, "evidence_files", "WHERE deleted_at IS NULL" if "deleted_at" in columns else "")
    known = {entry.sha256 for entry in evidence}
    has_jobs = inspect(connection).has_table("job_files")
    results = _entries(connection, "job_files") if has_jobs else []
    return Named(evidence, [entry for entry in results if entry.sha256 not in known])


def _entries(connection: Connection, table: str, which: str = "") -> list[EvidenceEntry]:
    rows = connection.exec_driver_sql(f"SELECT DISTINCT sha256, size_bytes FROM {table} {which} ORDER BY sha256")  # noqa: S608 - our own words
    return [EvidenceEntry(sha256=sha256, size_bytes=size_bytes) for sha256, size_bytes in rows]


def _write_down(database: Database, deed: Deed) -> None:
    """Says in the log that everything is read, before it is; on a full disk, a copy is wanted all the more.

    A database of an older version may have no log yet.
    """
    try:
        if inspect(database.engine).has_table(AuditEntry.__tablename__):
            with database.write() as session:
                append(session, operator(), deed, now())
    except DatabaseError as error:
        why = " ".join(str(error.orig).split())
        _LOG.warning("backup: the audit log can't be written to, and does not tell of this copy: %s", why)


def _copy_sqlite(database: Database, copy: Path) -> Named:
    try:
        with closing(sqlite3.connect(database.name)) as source, closing(sqlite3.connect(copy)) as sink:
            source.backup(sink)
            sink.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise ApiError(f"{database.name} can't be copied: {error}") from None
    engine = create_engine(URL.create("sqlite", database=str(copy)))
    try:
        with engine.connect() as connection:
            return files_named(connection)
    except SQLAlchemyError as error:
        raise ApiError(f"{database.name} is no database of ours: {error}") from None
    finally:
        engine.dispose()


def _dump(database: Database, copy: Path) -> Named:
    dump_postgresql(database.url, copy)
    with database.read() as session:
        return files_named(session.connection())


def _copy_file(store: EvidenceStore, entry: EvidenceEntry, folder: Path) -> bool:
    """Copies one file; False if the store does not have it as it should be, and then the backup doesn't either."""
    path = evidence_path(folder, entry.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with path.open("wb") as sink:
            for piece in store.pieces(entry.sha256):
                digest.update(piece)
                sink.write(piece)
    except FileNotFoundError:
        pass
    except StoreUnavailableError as error:
        raise ApiError(f"evidence can't be read: {error}") from None
    if digest.hexdigest() == entry.sha256:
        return True
    path.unlink(missing_ok=True)
    return False


@contextmanager
def _written_to(target: Path) -> Generator[Path]:
    """A private folder to write into, which becomes the target in one step when all of it is there.

    Raises:
        ApiError: The target is taken, or can't be written.
    """
    is_file = target.suffix == ".tar"
    if target.exists() and (is_file or not target.is_dir() or any(target.iterdir())):
        raise ApiError(
            f"--to {target}: is there already; allowed is a new folder, an empty one, or a new file ending in .tar"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as unfinished:
            folder = Path(unfinished) / "backup"
            folder.mkdir(mode=0o700)
            yield folder
            if is_file:
                _pack(folder, Path(unfinished) / target.name)
                (Path(unfinished) / target.name).replace(target)
            else:
                folder.replace(target)
    except OSError as error:
        raise ApiError(f"--to {target}: {error.strerror or error}") from None


def _pack(folder: Path, archive: Path) -> None:
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder), recursive=False)

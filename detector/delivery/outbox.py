"""The outbox: what the event system has to be told, on disk before anything is sent.

One SQLite database and a folder of files for each worker. Shards write, the courier reads; a message leaves the outbox only
when the event system has acknowledged it, or when it has refused it for good: then it stays as a dead letter, with the
reason. The event system being away costs disk, and nothing else.
"""

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

log = logging.getLogger(__name__)

SCHEMA_SQL = (
    """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('revision', 'evidence')),
    name TEXT NOT NULL,
    body TEXT,
    path TEXT,
    sha256 TEXT,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    taken_at INTEGER,
    UNIQUE (incident, kind, name)
)""",
    "CREATE INDEX IF NOT EXISTS waiting ON messages (state, seq)",
)
BUSY_S = 30.0
SENT_KEPT = 10_000
"""Sent messages are remembered, so that a file is sent once, but not for ever: an incident is forgotten whole, when so many
others have come since its newest."""
FORGET_EVERY = 100
"""Not with each message: it looks at all that is old."""

FORGET_SQL = """
DELETE FROM messages WHERE state = 'sent' AND seq < :before AND NOT EXISTS (
    SELECT 1 FROM messages AS newer WHERE newer.incident = messages.incident AND newer.seq >= :before
)"""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to send: a revision (JSON) or a file of evidence."""

    seq: int
    incident: str
    kind: Literal["revision", "evidence"]
    name: str
    body: str | None
    path: Path | None
    sha256: str | None
    attempts: int


class Outbox:
    """Durable, ordered per incident. Several processes and threads may use one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / "outbox.db"
        self._local = threading.local()
        with self._transaction() as db:
            for statement in SCHEMA_SQL:
                db.execute(statement)
            if "taken_at" not in {row[1] for row in db.execute("PRAGMA table_info(messages)")}:  # of 0.1.0
                db.execute("ALTER TABLE messages ADD COLUMN taken_at INTEGER")

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "db"):
            db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            self._local.db = db
        connection: sqlite3.Connection = self._local.db
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def post(self, revision: dict[str, Any], folder: Path) -> None:
        """Takes a revision and the files that it names; those that were taken before are not taken again.

        Where the revision before is not known here, another worker told it, or it was forgotten: a file that is not on this
        disk then counts as sent.

        Args:
            revision: The incident as the wire has it.
            folder: Where its files of evidence lie, synced.
        """
        incident = revision["id"]
        insert = (
            "INSERT INTO messages (incident, kind, name, body, path, sha256, taken_at) "
            "VALUES (?, ?, ?, ?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER)) "
            "ON CONFLICT (incident, kind, name) DO NOTHING"
        )
        with self._transaction() as db:
            body = json.dumps(revision, ensure_ascii=False)
            name, digest = f"{revision['revision']:06d}", hashlib.sha256(body.encode()).hexdigest()
            if not db.execute(insert, (incident, "revision", name, body, None, digest)).rowcount:
                _check_same(db, incident, name, digest)
            new = [
                item["name"]
                for item in revision["evidence"]
                if db.execute(
                    insert,
                    (incident, "evidence", item["name"], None, str(folder / item["name"]), item["sha256"]),
                ).rowcount
            ]
            if not _knows(db, incident, revision["revision"] - 1):
                _mark_sent(db, incident, [name for name in new if not (folder / name).exists()])

    def next_messages(self, limit: int, skip: Collection[str] = ()) -> list[Message]:
        """The oldest waiting message of each incident but those in `skip`; oldest first."""
        rows = self._connection().execute(
            "SELECT min(seq), incident, kind, name, body, path, sha256, attempts FROM messages "
            "WHERE state = 'waiting' GROUP BY incident ORDER BY min(seq)"
        )
        messages = (
            Message(seq, incident, kind, name, body, Path(path) if path else None, sha256, attempts)
            for seq, incident, kind, name, body, path, sha256, attempts in rows
            if incident not in skip
        )
        return list(islice(messages, limit))

    def sent(self, message: Message) -> None:
        """The event system has it: the local copy is freed."""
        with self._transaction() as db:
            db.execute("UPDATE messages SET state = 'sent', body = NULL WHERE seq = ?", (message.seq,))
            if message.seq % FORGET_EVERY == 0:
                db.execute(FORGET_SQL, {"before": message.seq - SENT_KEPT})
        if message.path is not None:
            message.path.unlink(missing_ok=True)

    def failed(self, message: Message) -> None:
        """Not delivered this time."""
        with self._transaction() as db:
            db.execute("UPDATE messages SET attempts = attempts + 1 WHERE seq = ?", (message.seq,))

    def refused(self, message: Message, reason: str) -> None:
        """Refused for good: kept, file and all, as a dead letter."""
        with self._transaction() as db:
            db.execute("UPDATE messages SET state = 'dead', reason = ? WHERE seq = ?", (reason, message.seq))

    def incidents_waiting(self) -> set[str]:
        """Incidents of which something has not been delivered, dead letters included."""
        rows = self._connection().execute("SELECT DISTINCT incident FROM messages WHERE state != 'sent'")
        return {row[0] for row in rows}

    def counts(self) -> dict[str, int]:
        """How many messages are `waiting`, `sent` and `dead`."""
        rows = self._connection().execute("SELECT state, count(*) FROM messages GROUP BY state")
        return {"waiting": 0, "sent": 0, "dead": 0} | dict(rows)

    def oldest_taken_at(self) -> datetime | None:
        """Since when the oldest waiting message waits; None: nothing does."""
        query = "SELECT min(taken_at) FROM messages WHERE state = 'waiting'"
        taken_at: int | None = self._connection().execute(query).fetchone()[0]
        return None if taken_at is None else datetime.fromtimestamp(taken_at, UTC)

    def close(self) -> None:
        """Closes this thread's connection."""
        if hasattr(self._local, "db"):
            self._local.db.close()
            del self._local.db


def _check_same(db: sqlite3.Connection, incident: str, name: str, digest: str) -> None:
    """Says so where another body goes by a number that was used: what was posted first counts."""
    query = "SELECT sha256 FROM messages WHERE incident = ? AND kind = 'revision' AND name = ?"
    (known,) = db.execute(query, (incident, name)).fetchone()
    if known not in (None, digest):  # outboxes used to write none down
        log.error("incident %s, revision %s: another body was posted before: this one is not told", incident, name)


def _knows(db: sqlite3.Connection, incident: str, number: int) -> bool:
    """Whether a revision was posted here; of the first one there is none before."""
    query = "SELECT 1 FROM messages WHERE incident = ? AND kind = 'revision' AND name = ?"
    return number < 1 or db.execute(query, (incident, f"{number:06d}")).fetchone() is not None


def _mark_sent(db: sqlite3.Connection, incident: str, names: Sequence[str]) -> None:
    if not names:
        return
    update = "UPDATE messages SET state = 'sent' WHERE incident = ? AND kind = 'evidence' AND name = ?"
    db.executemany(update, [(incident, name) for name in names])
    log.info(
        "incident %s: files of earlier revisions are not on this disk, and count as sent: %s",
        incident,
        ", ".join(names),
    )

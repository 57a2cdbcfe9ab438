"""An event system on a real port, who talks to it, and what they send."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
from obstore.store import S3Store
from sqlalchemy import inspect

from api.provision import create_token, create_user
from api.settings import load_settings
from api.storage.data_folder import connect_database
from api.storage.places import Bucket

BEGAN = datetime(2026, 3, 2, 8, 0, 0, tzinfo=UTC)


def repr_digest(content: bytes) -> str:
    """The header that goes along with these bytes."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def text_of(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def incident(incident_id: str = "case-1", **changes: Any) -> dict[str, Any]:
    """A confirmed incident: began at 08:00:00, alarm a minute later."""
    return {
        "schema": 1,
        "id": incident_id,
        "revision": 1,
        "state": "confirmed",
        "camera": "gate-3",
        "zone": "kerb",
        "type": "illegal_parking",
        "onset_at": text_of(BEGAN),
        "confirmed_at": text_of(BEGAN + timedelta(seconds=60)),
        "box": [0.3, 0.4, 0.6, 0.8],
        "score": 0.9,
        "dwell_s": 60.0,
        "why": {"summary": "A car stood 60 s of 60 s allowed.", "dwell_s": 60.0, "looks": 31, "looks_seen": 30},
        **changes,
    }


def entry(name: str, content: bytes, **changes: Any) -> dict[str, Any]:
    """What an incident says about one of its files."""
    kind = name.split("-", maxsplit=1)[0].split(".", maxsplit=1)[0]
    return {
        "name": name,
        "kind": kind,
        "sha256": hashlib.sha256(content).hexdigest(),
        "start_at": text_of(BEGAN),
        "end_at": text_of(BEGAN),
        **changes,
    }


@dataclass
class System:
    """A running event system."""

    data_dir: Path
    url: str
    clients: list[httpx.Client] = field(default_factory=list)

    def with_token(self, **options: Any) -> httpx.Client:
        """A program with a token."""
        token = create_token(self.data_dir, options.pop("role", "worker"), **options)
        return self.anybody(headers={"Authorization": f"Bearer {token}"})

    def signed_in(self, name: str, role: str) -> httpx.Client:
        """A person with a session, whose client sends the CSRF token along."""
        password = create_user(self.data_dir, name, role)
        client = self.anybody()
        answer = client.post("/v1/session", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return client

    def anybody(self, **options: Any) -> httpx.Client:
        """Somebody without a token or session."""
        client = httpx.Client(base_url=self.url, timeout=20, **options)
        self.clients.append(client)
        return client

    def close(self) -> None:
        """Ends all their connections."""
        for client in self.clients:
            client.close()

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Runs SQL past the event system, and returns the rows of the last statement."""
        database = connect_database(self.data_dir, load_settings(self.data_dir))
        rows: list[tuple[Any, ...]] = []
        with database.engine.begin() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
                rows = [tuple(row) for row in result] if result.returns_rows else []
        database.close()
        return rows

    def dump(self) -> str:
        """Everything in the database, as text."""
        database = connect_database(self.data_dir, load_settings(self.data_dir))
        tables = inspect(database.engine).get_table_names()
        database.close()
        assert "incidents" in tables
        return "\n".join(str(self.execute(f"SELECT * FROM {table}")) for table in tables)

    def stored(self) -> set[str]:
        """The names of all files in the evidence store, also of those on their way in."""
        place = load_settings(self.data_dir).storage.evidence
        if isinstance(place, Bucket):
            bucket = S3Store(place.name, prefix=place.prefix, client_options={"allow_http": True})
            return {str(item["path"]) for page in obstore.list(bucket) for item in page}
        folder = self.data_dir / "evidence"
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def put(worker: httpx.Client, document: dict[str, Any]) -> httpx.Response:
    return worker.put(f"/v1/incidents/{document['id']}", json=document)


def put_file(worker: httpx.Client, incident_id: str, name: str, content: bytes) -> httpx.Response:
    return worker.put(
        f"/v1/incidents/{incident_id}/evidence/{name}", content=content, headers={"Repr-Digest": repr_digest(content)}
    )

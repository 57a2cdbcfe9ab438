"""A flood of sign-ins: slow hashes go a few at a time, a few wait, and the rest is told to come back."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from api.identity import credentials
from api.provision import create_user
from api.settings import load_settings
from api.storage.data_folder import connect_database
from tests.api.events import System

PASSWORD = "a password of theirs"
FLOOD = 30
"""More than have a turn or wait for one, fewer than the server has threads."""


@dataclass
class Hasher:
    """The real one, for whose time something else happens; it counts how many are at it at once."""

    meanwhile: Callable[[], object]
    real: PasswordHasher = field(default_factory=PasswordHasher)
    lock: Any = field(default_factory=threading.Lock)
    now: int = 0
    most: int = 0

    def hash(self, password: str) -> str:
        return str(self._slowly(lambda: self.real.hash(password)))

    def verify(self, password_hash: str, password: str) -> bool:
        return bool(self._slowly(lambda: self.real.verify(password_hash, password)))

    def _slowly(self, work: Callable[[], object]) -> object:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.meanwhile()
            return work()
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def hasher(system: System, monkeypatch: pytest.MonkeyPatch) -> Hasher:
    slow = Hasher(lambda: time.sleep(0.2))
    monkeypatch.setattr(credentials, "_HASHER", slow)
    return slow


def sign_in(system: System, name: str, path: str = "/v1/session") -> httpx.Response:
    said = {"name": name, "password": PASSWORD}
    how: dict[str, Any] = {"json": said} if path.startswith("/v1") else {"data": said}
    return httpx.post(f"{system.url}{path}", **how, timeout=60, trust_env=False)


@pytest.mark.parametrize("path", ["/v1/session", "/sign-in"])
def test_a_flood_takes_turns(system: System, hasher: Hasher, path: str) -> None:
    with ThreadPoolExecutor(FLOOD) as many:
        answers = list(many.map(lambda number: sign_in(system, f"nobody-{number}", path), range(FLOOD)))
    assert hasher.most == credentials.HASHES_AT_ONCE
    assert {answer.status_code for answer in answers} == {401, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            assert "Too many are signing in" in answer.text
            assert answer.headers["content-type"].startswith("application/problem" if "/v1" in path else "text/html")


@pytest.fixture
def flood(system: System, hasher: Hasher) -> Iterator[threading.Event]:
    """All turns are taken, and all places in the line, until the event is set."""
    create_user(system.data_dir, "unlucky", "viewer", PASSWORD)
    over = threading.Event()
    hasher.meanwhile = lambda: over.wait(60)
    with ThreadPoolExecutor(FLOOD) as many:
        answers = [many.submit(sign_in, system, f"flood-{number}") for number in range(FLOOD)]
        try:
            while not any(answer.done() and answer.result().status_code == 503 for answer in answers):
                time.sleep(0.01)
            yield over
        finally:
            over.set()


def test_whose_password_nobody_looked_at_has_not_guessed(system: System, flood: threading.Event) -> None:
    assert [sign_in(system, "unlucky").status_code for _ in range(7)] == [503] * 7
    flood.set()
    while (answer := sign_in(system, "unlucky")).status_code == 503:
        time.sleep(0.1)
    assert answer.status_code == 201, answer.text  # and has not to wait as after seven wrong ones


def test_a_hash_holds_up_no_writer(system: System, hasher: Hasher) -> None:
    """The database is never held for as long as a hash takes: anybody can write meanwhile."""
    chief, person = system.signed_in("chief", "administrator"), system.signed_in("changes", "viewer")
    database = connect_database(system.data_dir, load_settings(system.data_dir))

    def write() -> None:
        with database.write():
            hashes.append("made")

    hashes: list[str] = []
    hasher.meanwhile = write
    assert person.put("/v1/account/password", json={"old": "wrong", "new": PASSWORD}).status_code == 422
    assert chief.post("/v1/users", json={"name": "made", "role": "viewer"}).status_code == 201
    answer = chief.post("/v1/users/made/password")
    assert answer.status_code == 200
    hasher.meanwhile = lambda: None
    old = answer.json()["one_time_password"]
    made = system.anybody()
    opened = made.post("/v1/session", json={"name": "made", "password": old}).json()
    hasher.meanwhile = write
    made.headers["X-CSRF-Token"] = opened["csrf_token"]
    assert made.put("/v1/account/password", json={"old": old, "new": PASSWORD}).status_code == 204
    database.close()
    assert len(hashes) == 5

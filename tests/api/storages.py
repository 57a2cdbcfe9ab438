"""Real servers to store things in: a PostgreSQL cluster of its own, and an S3 server, both on this machine only."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

START_S = 60.0
OWNER = "streetwarden"
S3_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@dataclass
class PostgreSQL:
    """A running cluster.

    Attributes:
        port: On 127.0.0.1.
        process: Its first process.
    """

    port: int
    process: subprocess.Popen[bytes]
    made: int = 0

    def new_database(self) -> str:
        """Makes an empty database and returns its address."""
        self.made += 1
        name = f"events_{self.made}"
        with psycopg.connect(self.url("postgres", driver="postgresql"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def url(self, name: str, driver: str = "postgresql+psycopg") -> str:
        return f"{driver}://{OWNER}:secret@127.0.0.1:{self.port}/{name}"


@dataclass
class S3:
    """A running S3 server."""

    endpoint: str
    made: int = 0

    def new_bucket(self) -> str:
        """Makes an empty bucket and returns its name."""
        self.made += 1
        name = f"events-{self.made}"
        httpx.put(f"{self.endpoint}/{name}", headers=SIGNED).raise_for_status()
        return name

    def unfinished_uploads(self, bucket: str) -> int:
        """How many uploads in parts have been begun and neither completed nor given up."""
        return httpx.get(f"{self.endpoint}/{bucket}?uploads", headers=SIGNED).text.count("<UploadId>")


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}
"""The test server looks at the service that a signature names, and not at the signature."""


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A cluster in a folder of its own, owned by nobody important, sorting as English does; gone afterwards."""
    programs = _postgresql_programs()
    folder = Path(tempfile.mkdtemp(prefix="streetwarden-postgresql-"))
    try:
        folder.chmod(0o755)
        data, account = folder / "data", _unprivileged_account(folder)
        (folder / "password").write_text("secret")
        initdb = [programs / "initdb", "-D", data, "-U", OWNER, "--pwfile", folder / "password", "-A", "scram-sha-256"]
        # A city's database sorts by its language; answers must not depend on it.
        initdb += ["-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
        port = _free_port()
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "port": port}
        command = [programs / "postgres", "-D", data, *(f"--{key}={value}" for key, value in settings.items())]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **account)
        try:
            server = PostgreSQL(port, process)
            _await(lambda: psycopg.connect(server.url("postgres", driver="postgresql")).close(), process)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing has to be kept
            process.wait(START_S)
    finally:
        shutil.rmtree(folder)


@contextmanager
def s3() -> Iterator[S3]:
    """A server in a process of its own, and what clients need to know in the environment."""
    server = S3(f"http://127.0.0.1:{_free_port()}")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", server.endpoint.rpartition(":")[2]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = dict(os.environ)
    try:
        _await(lambda: httpx.get(server.endpoint), process)
        os.environ.update(S3_ENVIRONMENT, AWS_ENDPOINT_URL=server.endpoint)
        yield server
    finally:
        for name in (*S3_ENVIRONMENT, "AWS_ENDPOINT_URL"):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]
        process.kill()  # told to end, it would wait for the idle connections of its clients
        process.wait(START_S)


def _postgresql_programs() -> Path:
    found = [Path(name).parent for name in (shutil.which("postgres"),) if name]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = [folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()]
    if not programs:
        message = "needs PostgreSQL (on Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return programs[-1]


def _unprivileged_account(folder: Path) -> dict[str, object]:
    """PostgreSQL refuses to run as root: then another account owns the folder and runs the programs."""
    if os.getuid() != 0:
        return {}
    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = accounts.get("postgres") or accounts["nobody"]
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _await(attempt: object, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            attempt()  # type: ignore[operator]
        except (psycopg.OperationalError, httpx.TransportError):
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])

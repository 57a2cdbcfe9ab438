"""The data folder, migrations, settings and commands."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import create_engine

from api.commands import serve, token, user
from api.errors import ApiError
from api.server import EmbeddedServer
from api.settings import load_settings
from api.storage.data_folder import open_database
from api.storage.tables import Base


def test_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    for _ in range(2):  # a second time changes nothing
        open_database(tmp_path / "data").close()
    engine = create_engine(f"sqlite:///{tmp_path}/data/streetwarden.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


def test_data_folder_is_private(tmp_path: Path) -> None:
    open_database(tmp_path / "a" / "data").close()
    assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700


def test_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ApiError, match="--data"):
        open_database(tmp_path / "file")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "streetwarden.db").write_text("no database at all, but long enough to be looked at")
    with pytest.raises(ApiError, match="not a database"):
        open_database(tmp_path / "data")


def test_settings_over_defaults(tmp_path: Path) -> None:
    written = "reject_reasons: {wet: {en: Too wet}}\nlimits: {session_hours: 1}\n"
    (tmp_path / "settings.yaml").write_text(written)
    settings = load_settings(tmp_path)
    assert list(settings.reject_reasons) == ["wet"]  # a table is replaced as a whole
    assert settings.limits.session_hours == 1
    assert settings.limits.sign_in_attempts == 5  # limits one by one
    assert settings.event_codes["0505"].zh == "机动车乱停放"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("colour: red", "colour: unknown key; allowed are event_codes, reject_reasons, limits"),
        ("limits: {speed: 3}", "limits.speed: unknown key; allowed are evidence_file_bytes"),
        ("limits: {session_hours: -1}", "limits.session_hours: Input should be greater than 0, not -1"),
        ("limits: 3", "limits: allowed is a mapping"),
        ("reject_reasons: {}", "reject_reasons"),
        ("reject_reasons: {x: {de: nein}}", "reject_reasons.x"),
        ("data_dir: /", "data_dir: unknown key"),
        ("- 1", "allowed is a mapping"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_wrong_settings(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / "settings.yaml").write_text(written)
    with pytest.raises(ApiError) as caught:
        load_settings(tmp_path)
    assert told in str(caught.value)
    assert str(tmp_path / "settings.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_commands_print_only_the_secret(tmp_path: Path) -> None:
    run = CliRunner().invoke
    data = str(tmp_path / "data")
    made = run(token, ["create", "--data", data, "--role", "worker", "--camera", "a", "--camera", "b"])
    password = run(user, ["create", "--data", data, "--role", "reviewer", "anna"])
    assert (made.exit_code, password.exit_code) == (0, 0)
    assert len(made.output.split()) == len(password.output.split()) == 1
    assert run(user, ["list", "--data", data]).output == "anna\treviewer\n"
    with EmbeddedServer(tmp_path / "data") as server:
        headers = {"Authorization": f"Bearer {made.output.strip()}"}
        assert httpx.get(f"{server.url}/v1/whoami", headers=headers).json()["cameras"] == ["a", "b"]
        signed = httpx.post(f"{server.url}/v1/session", json={"name": "anna", "password": password.output.strip()})
        assert signed.status_code == 201
    assert run(token, ["revoke", "--data", data, made.output.strip()]).exit_code == 0


def test_port_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = CliRunner().invoke(serve, ["--data", str(tmp_path / "data"), "--port", str(port)])
    assert isinstance(answer.exception, ApiError)
    assert f"127.0.0.1 port {port}: Address already in use" in str(answer.exception)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_until_told_to_stop(tmp_path: Path, stop: signal.Signals) -> None:
    script = "from api.commands import serve; serve()"
    command = [sys.executable, "-c", script, "--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            assert httpx.get(f"{url}/readyz").status_code == 200
            process.send_signal(stop)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_commands_import_no_server() -> None:
    code = "import sys, api.commands, api.schema; print([m for m in ('fastapi', 'sqlalchemy', 'uvicorn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

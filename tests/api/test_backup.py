"""Backups: taken while incidents arrive, restored elsewhere, every digest compared."""

import hashlib
import json
import shutil
import subprocess
import tarfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from api.clock import now
from api.commands import backup as backup_command
from api.commands import restore as restore_command
from api.errors import ApiError
from api.server import EmbeddedServer
from api.storage.backup import back_up, evidence_path, read_manifest
from api.storage.data_folder import open_database
from api.storage.restore import restore
from tests.api.conftest import LARGE, SMALL
from tests.api.events import System, entry, incident, put, put_file

FILES = {f"still-{number}.jpg": b"\xff\xd8\xff" + bytes([number]) * 50_000 for number in range(4)}


@pytest.fixture(scope="module", autouse=True)
def case(worker: httpx.Client, reviewer: httpx.Client) -> None:
    evidence = [entry(name, content, kind="snapshot") for name, content in FILES.items()]
    put(worker, incident("kept", evidence=evidence))
    for name, content in FILES.items():
        assert put_file(worker, "kept", name, content).status_code == 201
    reviewer.post("/v1/incidents/kept/review", json={"verdict": "confirm"})


@pytest.fixture
def elsewhere(storage: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Where a restore goes: a fresh database and bucket, named by the environment, so that the original is left alone."""
    if storage == LARGE:
        postgresql, s3 = request.getfixturevalue("postgresql"), request.getfixturevalue("s3")
        monkeypatch.setenv("STREETWARDEN_DATABASE", postgresql.new_database())
        monkeypatch.setenv("STREETWARDEN_EVIDENCE", f"s3://{s3.new_bucket()}")


def check_case(data_dir: Path) -> None:
    """What was there is there: incident, verdict, accounts, and every file as it was."""
    with EmbeddedServer(data_dir) as server:
        restored = System(data_dir, server.url)
        reader = restored.with_token(role="viewer")
        case = reader.get("/v1/incidents/kept").json()
        assert (case["review"]["verdict"], case["review"]["reviewer"]) == ("confirm", "anna")
        for name, content in FILES.items():
            assert reader.get(f"/v1/incidents/kept/evidence/{name}").content == content
        reader.close()


@pytest.mark.parametrize("form", ["folder", "tar"])
@pytest.mark.usefixtures("elsewhere")
def test_there_and_back(system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str) -> None:
    target = tmp_path / ("copy.tar" if form == "tar" else "copy")
    with monkeypatch.context() as here:
        for variable in ("STREETWARDEN_DATABASE", "STREETWARDEN_EVIDENCE"):
            here.delenv(variable, raising=False)
        made = CliRunner().invoke(backup_command, ["--data", str(system.data_dir), "--to", str(target)])
    assert made.exit_code == 0, made.output
    assert json.loads(made.output)["evidence_files"] == len(FILES)
    assert target.stat().st_mode & 0o077 == 0
    back = tmp_path / "back"
    done = CliRunner().invoke(restore_command, ["--from", str(target), "--data", str(back)])
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.output)["missing"] == []
    check_case(back)
    # Not twice: neither over the folder nor over the database.
    with pytest.raises(ApiError, match="not empty"):
        restore(target, back)


def test_taken_while_incidents_arrive(system: System, worker: httpx.Client, tmp_path: Path) -> None:
    """Whatever the copy of the database names is in the copy, and every incident in it is whole."""
    ended = threading.Event()
    began = threading.Event()

    def post() -> None:
        number = 0
        while not ended.is_set():
            content = b"\xff\xd8\xff" + number.to_bytes(4, "big")
            put(worker, incident(f"busy-{number}", evidence=[entry("still.jpg", content, kind="snapshot")]))
            assert put_file(worker, f"busy-{number}", "still.jpg", content).status_code == 201
            number += 1
            began.set()

    thread = threading.Thread(target=post)
    thread.start()
    began.wait(10)
    try:
        manifest = back_up(system.data_dir, tmp_path / "copy", now())
    finally:
        ended.set()
        thread.join()
    assert manifest.missing == ()
    assert len(manifest.evidence) > len(FILES)
    for kept in manifest.evidence:
        content = evidence_path(tmp_path / "copy", kept.sha256).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (kept.sha256, kept.size_bytes)
    assert read_manifest(tmp_path / "copy") == manifest


@pytest.mark.sqlite_only
def test_without_evidence(system: System, tmp_path: Path) -> None:
    """Only digests: a restore says which files are not where they should be, and is content once they are."""
    back_up(system.data_dir, tmp_path / "copy", now(), with_evidence=False)
    assert not (tmp_path / "copy" / "evidence").exists()
    done = CliRunner().invoke(restore_command, ["--from", str(tmp_path / "copy"), "--data", str(tmp_path / "back")])
    assert done.exit_code == 1
    expected = {hashlib.sha256(content).hexdigest() for content in FILES.values()}
    assert set(json.loads(done.stdout)["missing"]) >= expected
    shutil.copytree(system.data_dir / "evidence", tmp_path / "elsewhere")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STREETWARDEN_EVIDENCE", str(tmp_path / "elsewhere"))
        assert restore(tmp_path / "copy", tmp_path / "again").missing == ()


@pytest.mark.sqlite_only
def test_lost_evidence_is_told_and_the_rest_is_kept(system: System, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(system.data_dir, data_dir)
    lost, damaged = (hashlib.sha256(content).hexdigest() for content in list(FILES.values())[:2])
    (data_dir / "evidence" / lost[:2] / lost).unlink()
    path = data_dir / "evidence" / damaged[:2] / damaged
    path.chmod(0o600)
    path.write_bytes(b"something else")
    made = CliRunner().invoke(backup_command, ["--data", str(data_dir), "--to", str(tmp_path / "copy")])
    assert made.exit_code == 1
    assert set(json.loads(made.stdout)["missing"]) == {lost, damaged}
    assert set(restore(tmp_path / "copy", tmp_path / "back").missing) == {lost, damaged}


@pytest.fixture(scope="module")
def copy(storage: str, system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("backup") / "copy"
    back_up(system.data_dir, target, now())
    return target


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if how == "flipped":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    if how == "short":
        path.write_bytes(content[:-2])


@pytest.mark.sqlite_only
def test_a_copy_is_made_although_nothing_more_can_be_written(
    system: System, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk it is wanted most."""
    system.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    try:
        back_up(system.data_dir, tmp_path / "copy", now())
    finally:
        system.execute("DROP TRIGGER full")
    assert "does not tell of this copy" in caplog.text
    assert read_manifest(tmp_path / "copy").missing == ()


@pytest.mark.sqlite_only
@pytest.mark.parametrize("how", ["flipped", "short", "gone"])
@pytest.mark.parametrize("what", ["streetwarden.db", "evidence", "backup.json"])
def test_damaged_backups_leave_nothing(copy: Path, tmp_path: Path, what: str, how: str) -> None:
    damaged = tmp_path / "copy"
    shutil.copytree(copy, damaged)
    sha256 = hashlib.sha256(FILES["still-2.jpg"]).hexdigest()
    damage(evidence_path(damaged, sha256) if what == "evidence" else damaged / what, how)
    with pytest.raises(ApiError, match=sha256 if what == "evidence" else what):
        restore(damaged, tmp_path / "back")
    assert not (tmp_path / "back").exists() or not any((tmp_path / "back").iterdir())


@pytest.mark.sqlite_only
def test_a_tar_that_reaches_elsewhere(copy: Path, tmp_path: Path) -> None:
    """What no backup has is not unpacked; what is then missing is said."""
    (tmp_path / "evil").write_text("evil")
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.add(copy / "backup.json", "backup.json")
        tar.add(tmp_path / "evil", "../escaped")
        tar.add(tmp_path / "evil", "evidence/../../escaped")
    with pytest.raises(ApiError, match="missing from the backup"):
        restore(tmp_path / "evil.tar", tmp_path / "deep" / "back")
    assert not list(tmp_path.rglob("escaped"))
    (tmp_path / "not.tar").write_text("no tar")
    with pytest.raises(ApiError, match=r"not\.tar: can't be read"):
        restore(tmp_path / "not.tar", tmp_path / "back")


@pytest.mark.sqlite_only
def test_where_a_backup_may_go(system: System, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("")
    (tmp_path / "file.tar").write_text("")
    for target in ("taken", "file.tar", "taken/file"):
        with pytest.raises(ApiError, match="is there already"):
            back_up(system.data_dir, tmp_path / target, now())
    (tmp_path / "empty").mkdir()
    with pytest.raises(ApiError, match=r"there is no streetwarden\.db"):
        back_up(tmp_path / "empty", tmp_path / "copy", now())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file.tar", "taken"]


def test_the_other_kind_of_database(
    storage: str, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if storage == SMALL:
        monkeypatch.setenv("STREETWARDEN_DATABASE", request.getfixturevalue("postgresql").new_database())
    else:
        (tmp_path / "copy").mkdir()
        manifest: dict[str, Any] = json.loads((copy / "backup.json").read_text())
        manifest["files"].pop("settings.yaml")  # so nothing names a PostgreSQL database
        (tmp_path / "copy" / "backup.json").write_text(json.dumps(manifest | {"evidence_included": False}))
        shutil.copyfile(copy / "streetwarden.pgdump", tmp_path / "copy" / "streetwarden.pgdump")
        copy = tmp_path / "copy"
    with pytest.raises(ApiError, match="is a backup of a"):
        restore(copy, tmp_path / "back")
    assert not any((tmp_path / "back").iterdir())


@pytest.mark.usefixtures("elsewhere")
def test_a_database_in_use_is_not_restored_over(copy: Path, storage: str, tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "data")):
        pass
    if storage == SMALL:
        with pytest.raises(ApiError, match="not empty"):
            restore(copy, tmp_path / "data")
        return
    with pytest.raises(ApiError, match="is not empty; allowed is one without tables"):
        restore(copy, tmp_path / "back")


def test_no_password_on_a_command_line(
    storage: str, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    really = subprocess.run

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.append(command)
        return really(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    back_up(system.data_dir, tmp_path / "copy", now(), with_evidence=False)
    assert len(seen) == (1 if storage == LARGE else 0)
    assert "secret" not in str(seen)
    monkeypatch.setenv("PATH", "")
    if storage == LARGE:
        with pytest.raises(ApiError, match="pg_dump is needed and not installed"):
            back_up(system.data_dir, tmp_path / "again", now())

"""What an operator installs: units, the install script, the image, the front server."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.conftest import ROOT
from tests.rtsp import free_port
from tests.whole.house import running, wait_for

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
INSTALL = DEPLOY / "install.sh"
EXPOSURE_MAX = 2.5
"""Of 10, as `systemd-analyze security` counts: a service that nobody has thought about has 9.6."""


def sh(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("needs systemd-analyze")
    return found


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as the install script writes them, for a prefix whose program is there."""
    folder = tmp_path_factory.mktemp("units")
    prefix = folder / "prefix"
    (prefix / ".venv" / "bin").mkdir(parents=True)
    (prefix / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for unit in UNITS:
        (folder / unit.name).write_text(unit.read_text().replace("/opt/streetwarden", str(prefix)))
    return folder


def test_systemd_finds_no_fault_in_the_units(analyze: str, units: Path) -> None:
    answer = sh(analyze, "verify", "--man=no", *(units / unit.name for unit in UNITS))
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("name", [unit.name for unit in UNITS if unit.suffix == ".service"])
def test_services_have_few_rights(analyze: str, units: Path, name: str) -> None:
    answer = sh(analyze, "security", "--offline=true", "--no-pager", units / name)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert exposure is not None, answer.stderr
    assert float(exposure[1]) <= (EXPOSURE_MAX if "events" in name or "worker" in name else 5.0)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_commands_of_the_units_are_ones_that_there_are(unit: Path) -> None:
    (started,) = re.findall(r"^ExecStart=.*-m streetwarden (\w+) (.*)$", unit.read_text(), re.MULTILINE)
    command, arguments = started
    told = sh(sys.executable, "-m", "streetwarden", command, "--help", cwd=ROOT).stdout
    for option in re.findall(r"--[a-z-]+", arguments):
        assert option in told, f"{command} knows no {option}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role", "camera"], "--role camera: allowed are events, worker, both"),
        (["--runtime", "tpu"], "--runtime tpu: allowed are cpu, gpu, openvino"),
        (["--prefix", "here"], "--prefix here: allowed is an absolute folder"),
        (["--prefix", "/etc"], "--prefix /etc: is not a folder of our own"),
        (["--start"], "--start: unknown; allowed are uninstall, --role, --prefix, --runtime, --no-units"),
    ],
)
def test_wrong_arguments_of_the_install_script_are_one_line(arguments: list[str], said: str) -> None:
    answer = sh("sh", INSTALL, *arguments)
    assert (answer.returncode, answer.stdout, answer.stderr) == (2, "", f"streetwarden: {said}\n")


def test_an_installation_never_goes_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    answer = sh("sh", INSTALL, "--prefix", tmp_path, "--no-units")
    said = f"streetwarden: --prefix {tmp_path}: holds something else\n"
    assert (answer.returncode, answer.stderr) == (
        2,
        said if os.geteuid() == 0 else "streetwarden: has to run as root\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_the_image_is_made_by_the_same_script() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "RUN /src/deploy/install.sh --no-units" in text
    assert re.search(r"^USER streetwarden$", text, re.MULTILINE)
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services) == {"postgres", "events", "worker"}
    assert services["events"]["ports"] == ["127.0.0.1:8000:8000"]  # nobody else reaches it without a front server
    for path in services["worker"]["volumes"]:
        assert path.split(":")[0] in ("./cameras.yaml", "worker", "models")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[str]:
    """The sample configuration of nginx before an event system, with a certificate of its own; its address."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        pytest.skip("needs nginx")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
              "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)  # fmt: skip
    assert made.returncode == 0, made.stderr
    port, events = free_port(), free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:8000", f"127.0.0.1:{events}"),
        ("/etc/ssl/certs/streetwarden.pem", str(certificate)),
        ("/etc/ssl/private/streetwarden.key", str(key)),
        ("/var/lib/streetwarden/events/evidence/", f"{tmp_path}/data/evidence/"),
    ):
        assert old in text
        text = text.replace(old, new)
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"user root;\npid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{text}\n}}\n"
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "settings.yaml").write_text("accel_redirect: /evidence-files\n")
    log = tmp_path / "log"
    with running("serve", "--data", tmp_path / "data", "--port", str(events), log=log):
        process = subprocess.Popen([nginx, "-e", tmp_path / "error.log", "-c", main, "-g", "daemon off;"])
        try:
            wait_for(lambda: "listens on" in log.read_text(), 30, "the event system listens", log)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def test_the_front_server_lets_all_through_that_is_needed(front: str, tmp_path: Path) -> None:
    from api.provision import create_token  # noqa: PLC0415
    from tests.api.events import entry, incident, put, put_file  # noqa: PLC0415

    clip = b"\x00\x00\x00\x20ftypisom" + bytes(3_000_000)
    options = {"base_url": front, "verify": str(tmp_path / "certificate.pem"), "trust_env": False, "timeout": 20}
    said = {"Authorization": f"Bearer {create_token(tmp_path / 'data', 'worker')}"}
    with httpx.Client(headers=said, **options) as worker:
        assert put(worker, incident("behind", evidence=[entry("clip.mp4", clip)])).status_code == 201
        assert put_file(worker, "behind", "clip.mp4", clip).status_code == 201
        fetched = worker.get("/v1/incidents/behind/evidence/clip.mp4", headers={"Range": "bytes=4-11"})
        assert (fetched.status_code, fetched.content) == (206, b"ftypisom")
        assert fetched.headers["server"].startswith("nginx")
        assert worker.get("/evidence-files/").status_code == 404  # not for anybody outside
        began = time.monotonic()
        with worker.stream("GET", "/v1/stream") as stream:
            first = next(stream.iter_lines())
        assert first
        assert time.monotonic() - began < 5  # nothing is held back


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_script_installs_upgrades_and_takes_away_in_a_clean_root(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("needs root and debootstrap")
    root = tmp_path / "root"
    made = sh("debootstrap", "--variant=minbase", "bookworm", root, "http://deb.debian.org/debian")
    assert made.returncode == 0, made.stdout[-2000:]
    shutil.copytree(ROOT, root / "src", symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__"))
    for path in pip_sources():
        parent = (root / path.relative_to("/")).parent
        parent.mkdir(parents=True, exist_ok=True)
        # Folders of packages are linked where that is possible: they may be gigabytes.
        if not path.is_dir() or sh("cp", "-alL", path, parent).returncode:
            assert sh("cp", "-aL", path, parent).returncode == 0
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "authorities.crt")

    environment = ("PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PIP_CERT=/authorities.crt")

    def inside(*command: str) -> subprocess.CompletedProcess[str]:
        return sh("chroot", root, "/usr/bin/env", "-i", *environment, *command)

    installed = inside("sh", "/src/deploy/install.sh")
    assert installed.returncode == 0, installed.stderr[-3000:]
    assert inside("streetwarden", "--help").returncode == 0
    data = "/var/lib/streetwarden/events"
    created = inside(
        "su", "-s", "/bin/sh", "streetwarden", "-c", f"streetwarden user create --data {data} --role reviewer anna"
    )
    assert created.returncode == 0, created.stderr
    port = free_port()
    serving = subprocess.Popen(
        [
            "chroot",
            root,
            "su",
            "-s",
            "/bin/sh",
            "streetwarden",
            "-c",
            f"exec streetwarden serve --data {data} --port {port}",
        ]
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60, "it is ready")
    finally:
        serving.terminate()
        serving.wait(20)
    again = inside("sh", "/src/deploy/install.sh", "--role", "events")
    assert again.returncode == 0, again.stderr[-3000:]
    assert "anna" in inside("streetwarden", "user", "list", "--data", data).stdout
    assert inside("sh", "/src/deploy/install.sh", "uninstall").returncode == 0
    assert not (root / "opt/streetwarden").exists()
    assert (root / f"{data[1:]}/streetwarden.db").exists()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def pip_sources() -> list[Path]:
    """Where this machine's pip takes packages from, as far as that is files, and what says so: a clean root has none of it."""
    listed = sh(sys.executable, "-m", "pip", "config", "list").stdout.replace("file://", "")
    places = [Path(place) for place in re.findall(r"(?<![\w.])/[\w./-]+", listed)]
    configured = [Path("/etc/pip.conf"), Path("/etc/xdg/pip/pip.conf"), Path.home() / ".config/pip/pip.conf"]
    # An index that is a folder lies beside its files.
    places = [place.parent if place.name == "simple" else place for place in places]
    return [path for path in dict.fromkeys([*configured, *places]) if path.exists()]

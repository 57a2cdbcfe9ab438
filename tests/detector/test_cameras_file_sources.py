"""How a camera is reached: transport, login by reference, certificates."""

import logging
import subprocess
from pathlib import Path

import pytest

from detector.errors import ConfigError
from detector.zoning.cameras_file import read_cameras
from streams.source.address import Address

ZONE = "zones: [{id: kerb, kind: no_parking, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}]"


def address_of(folder: Path, **keys: str) -> Address:
    lines = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    path = folder / "cameras.yaml"
    path.write_text(f"cameras:\n  - id: gate-3\n    {ZONE}\n{lines}", encoding="utf-8")
    (camera,) = read_cameras(path)
    return camera.address


def refusal_of(folder: Path, **keys: str) -> str:
    with pytest.raises(ConfigError) as raised:
        address_of(folder, **keys)
    return str(raised.value).removeprefix(f"{folder / 'cameras.yaml'}: ")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "gate3.login"
    path.write_text("viewer:p@ss/word\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cam", "-keyout", "key.pem"]
    subprocess.run([*made, "-out", "cam.pem"], cwd=folder, check=True, capture_output=True)
    return folder / "cam.pem"


def test_a_login_comes_from_a_file(tmp_path: Path, secret: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = address_of(tmp_path, source="rtsp://10.0.0.5/live", login_file="gate3.login", transport="udp")
    assert address == Address("rtsp://viewer:p%40ss%2Fword@10.0.0.5/live", transport="udp")
    assert address_of(tmp_path, source="rtsp://10.0.0.5/live", login_file=str(secret), transport="udp") == address
    assert not caplog.records


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_login_that_others_can_read_is_used_and_said(
    tmp_path: Path, secret: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    secret.chmod(mode)
    with caplog.at_level(logging.WARNING):
        address = address_of(tmp_path, source="rtsp://10.0.0.5/live", login_file="gate3.login")
    assert address.target.startswith("rtsp://viewer:")
    assert caplog.messages == [f"login_file {secret}: others can read it: chmod 600 takes that away"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has 0 lines: allowed is one, user:password"),
        ("viewer:s3cret\nviewer:s3cret\n", "has 2 lines"),
        ("s3cret\n", "allowed is user:password"),
        (":s3cret\n", "allowed is user:password"),
    ],
)
def test_what_is_no_login_is_refused_unseen(tmp_path: Path, secret: Path, content: str, message: str) -> None:
    secret.write_text(content, encoding="utf-8")
    said = refusal_of(tmp_path, source="rtsp://10.0.0.5/live", login_file="gate3.login")
    assert said.startswith("camera gate-3: login_")
    assert message in said
    assert "s3cret" not in said


def test_mistakes_are_named(tmp_path: Path, secret: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_LOGIN", "a:b")
    rtsp, rtsps = "rtsp://10.0.0.5/live", "rtsps://10.0.0.5/live"
    (tmp_path / "words.pem").write_text("hello")
    table = [
        ({"source": rtsp, "login_file": "none"}, "camera gate-3: login_file: "),
        ({"source": rtsp, "login_file": secret.name, "login_env": "GATE_LOGIN"}, "camera gate-3: login_env, login_file: both"),
        ({"source": "udp://239.1.1.1:5000", "login_env": "GATE_LOGIN"}, "camera gate-3: login_env, login_file: are for"),
        ({"source": rtsp, "transport": "quic"}, "cameras[0].transport: Input should be 'tcp', 'udp' or 'http' (given: 'quic')"),
        ({"source": "a.mp4", "transport": "udp"}, "camera gate-3: transport: udp and http are for rtsp://"),
        ({"source": rtsps, "ca_file": "none.pem"}, "camera gate-3: ca_file: "),
        ({"source": rtsps, "ca_file": "words.pem"}, "camera gate-3: ca_file: "),
        ({"source": rtsp, "ca_file": str(certificate)}, "camera gate-3: verify_certificate, ca_file, certificate_name: "),
    ]  # fmt: skip
    for keys, message in table:
        assert refusal_of(tmp_path, **keys).startswith(message)


def test_certificates(tmp_path: Path, certificate: Path) -> None:
    (tmp_path / "cam.pem").write_bytes(certificate.read_bytes())
    source = "rtsps://10.0.0.5/live"
    assert address_of(tmp_path, source=source).verify_certificate
    assert not address_of(tmp_path, source=source, verify_certificate="false").verify_certificate
    address = address_of(tmp_path, source=source, ca_file="cam.pem", certificate_name="cam")
    assert address == Address(source, ca_file=tmp_path / "cam.pem", certificate_name="cam")

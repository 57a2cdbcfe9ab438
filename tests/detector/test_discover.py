from pathlib import Path

import pytest
from click.testing import CliRunner

from detector.commands import cameras
from detector.discover import parse_host
from detector.errors import ConfigError
from detector.zoning.cameras_file import read_cameras
from tests.rtsp import free_port
from tests.streams.onvif_device import PASSWORD, USER, device


def test_what_is_found_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA_LOGIN", f"{USER}:{PASSWORD}")
    with device() as server:
        host = f"127.0.0.1:{server.server_port}"
        done = CliRunner().invoke(cameras, ["discover", "--host", host, "--login-env", "CAMERA_LOGIN"])
    assert (done.exit_code, done.stderr) == (0, "1 devices found, 1 described themselves\n")
    assert PASSWORD not in done.output
    assert "# mainStream: H264 2560x1440, 25 fps" in done.stdout
    assert "# or subStream: H264 640x360, 10 fps: rtsp://127.0.0.1:554/sub?" in done.stdout
    # The model's name has a line break and a terminal sequence in it.
    assert f"  # Acme Dome # 31m4, firmware 1.2, {host}\n" in done.stdout
    path = tmp_path / "cameras.yaml"
    path.write_text(done.stdout, encoding="utf-8")
    (camera,) = read_cameras(path)
    assert camera.id == "dome-31m4-127-0-0-1"
    assert camera.address.target == f"rtsp://{USER}:{PASSWORD}@127.0.0.1:554/main?unicast=true&proto=Onvif"


def test_who_does_not_tell_is_named() -> None:
    with device() as server:
        refusing, absent = f"127.0.0.1:{server.server_port}", f"127.0.0.1:{free_port()}"
        done = CliRunner().invoke(cameras, ["discover", "--host", refusing, "--host", absent])
    assert (done.exit_code, done.stdout) == (1, "")
    first, second, total = done.stderr.splitlines()
    assert first.startswith(f"{refusing}: does not describe itself over ONVIF: ")
    assert second.startswith(f"{absent}: does not describe itself over ONVIF: ")
    assert total == "2 devices found, 0 described themselves"


def test_a_login_that_is_not_there() -> None:
    done = CliRunner().invoke(cameras, ["discover", "--login-env", "NO_SUCH_LOGIN"])
    assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize(
    ("text", "host"), [("cam", ("cam", 80)), ("10.0.0.5:8000", ("10.0.0.5", 8000)), (":80", None), ("cam:x", None)]
)
def test_hosts(text: str, host: tuple[str, int] | None) -> None:
    if host is not None:
        assert parse_host(text) == host
        return
    with pytest.raises(ValueError, match="allowed is HOST or HOST:PORT"):
        parse_host(text)

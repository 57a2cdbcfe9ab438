"""GStreamer's RTSP server as a camera: plays an MP4, can be killed and brought back on the same port."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

SYSTEM_PYTHON = "/usr/bin/python3"  # the server's bindings come from Debian, not from the virtual environment
SCRIPT = Path(__file__).with_name("rtsp_camera.py")
START_S = 20.0


class RtspServer:
    def __init__(self, clip: Path) -> None:
        if shutil.which("gst-launch-1.0") is None:
            pytest.fail("needs GStreamer's RTSP server: ./run test installs it")
        self.clip = clip
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """Starts, or comes back; returns when it answers."""
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(SCRIPT), str(self.port), str(self.clip)], stdout=subprocess.PIPE, text=True
        )
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                pytest.fail(f"the RTSP server exited with {self._process.returncode}")
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail(f"the RTSP server did not answer within {START_S} s")

    def stop(self) -> None:
        """Dies at once, as a camera does that loses its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

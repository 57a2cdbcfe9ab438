"""A simulated camera that plays an MP4 once, can be killed and brought back on the same port."""

import socket
from pathlib import Path

from evaluation.simulate import Simulator


class RtspServer:
    """One camera; the film begins anew at each start, for the first client that comes."""

    def __init__(self, clip: Path) -> None:
        self.clip = clip
        self.port = free_port()
        self._simulator: Simulator | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam-0"

    def start(self) -> None:
        """Starts, or comes back; returns when it answers."""
        self._simulator = Simulator([self.clip], port=self.port, loop=False)
        self._simulator.start()

    def stop(self) -> None:
        """Dies at once, as a camera does that loses its power."""
        if self._simulator is not None:
            self._simulator.stop()
            self._simulator = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

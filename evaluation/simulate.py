"""Serves recorded clips as live RTSP cameras that can be made to misbehave."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

from evaluation.errors import EvaluationError
from evaluation.simulator.faults import checked
from evaluation.simulator.prepare import prepare
from evaluation.simulator.reel import Reel

SYSTEM_PYTHON = "/usr/bin/python3"
"""The server's bindings come from the distribution, not from the virtual environment."""
DEBIAN_PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0",
    "gir1.2-gst-plugins-base-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "python3-gi",
)
START_S = 20.0
"""A server that can't answer within this time on a busy machine will not (0.3 s measured on an idle one)."""
ANSWER_S = 10.0
CERTIFICATE_DAYS = 30
"""Longer than any run."""
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Access:
    """How clients get at the cameras.

    Raises:
        EvaluationError: The login has no user or no password.
    """

    login: str | None = field(default=None, repr=False)
    """`user:password` that clients have to give."""
    auth: Literal["digest", "basic"] = "digest"
    """How they have to give it."""
    tls: bool = False
    """rtsps, with a certificate that the server signs itself."""
    transport: Literal["any", "tcp", "udp"] = "any"
    """What cameras offer; RTSP over HTTP comes with TCP."""

    def __post_init__(self) -> None:
        if self.login is not None and not all(self.login.partition(":")):
            raise EvaluationError("a login is USER:PASSWORD: neither may be empty")


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What the server counts for one camera."""

    clients: int
    pictures: int
    """Pictures that the camera has made while it was watched, those shed included."""
    shed: int
    """Pictures dropped because clients did not fetch them fast enough."""


class Simulator:
    """N cameras at rtsp://127.0.0.1:PORT/cam-0 …; starts with `with` or `start`, and always has to be stopped.

    Camera n plays clip n modulo the number of clips. Looped cameras of one clip are spread over its length, so that their
    keyframes don't come in step; camera 0 begins at its clip's start. Not safe to use from several threads at once.

    Args:
        clips: Files with H.264 or H.265.
        cameras: How many; one for each clip if None.
        port: 0 takes a free one, and keeps it.
        loop: Clips go round and round in real time, whether anybody watches or not, and time stamps go on. Otherwise a clip
            is played once, from its start, for whoever comes first, and then the stream ends.
        access: Login, TLS and transports.
        seed: For the chance in faults.

    Raises:
        EvaluationError: A clip can't be used, or options make no sense.
    """

    def __init__(
        self,
        clips: Sequence[Path],
        *,
        cameras: int | None = None,
        port: int = 0,
        loop: bool = True,
        access: Access | None = None,
        seed: int = 0,
    ) -> None:
        if not clips:
            raise EvaluationError("a simulator needs at least one clip")
        self.cameras = len(clips) if cameras is None else cameras
        if self.cameras < 1:
            raise EvaluationError(f"{self.cameras} cameras: at least one is needed")
        self.clips = list(clips)
        self.port = port
        self._access = access or Access()
        self._home = tempfile.TemporaryDirectory(prefix="streetwarden-simulator-")
        self._server: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        try:
            self._config = self._configuration(loop=loop, seed=seed)
        except BaseException:
            self._home.cleanup()
            raise

    def _configuration(self, *, loop: bool, seed: int) -> dict[str, Any]:
        access = self._access
        home = Path(self._home.name)
        reels = [prepare(clip, home / f"{number}.reel") for number, clip in enumerate(self.clips)]
        cameras = _spread(reels, self.cameras)
        self.same_codec = [
            [number for number, reel in enumerate(reels) if reel.codec == reels[clip].codec] for clip, _ in cameras
        ]
        """For each camera the clips that it can change to."""
        return {
            "reels": [str(reel.path) for reel in reels],
            "cameras": [{"clip": clip, "phase_s": phase_s} for clip, phase_s in cameras],
            "loop": loop,
            "seed": seed,
            "epoch_s": time.monotonic(),  # one clock for all processes of a machine
            "login": access.login,
            "auth": access.auth,
            "certificate": str(_certificate(home)) if access.tls else None,
            "transports": ["tcp", "udp"] if access.transport == "any" else [access.transport],
        }

    def url(self, camera: int = 0, *, login: str | None = None) -> str:
        """Address of a camera, with a login if one is given."""
        user, _, password = (login or "").partition(":")
        userinfo = f"{quote(user, safe='')}:{quote(password, safe='')}@" if login else ""
        return f"rtsp{'s' if self._access.tls else ''}://{userinfo}127.0.0.1:{self.port}/cam-{camera}"

    def clip_of(self, camera: int) -> Path:
        """The clip that a camera plays."""
        return self.clips[camera % len(self.clips)]

    def start(self) -> None:
        """Starts, or comes back on the same port; returns when the cameras can be reached.

        Raises:
            EvaluationError: The server can't run here, or its port is taken.
        """
        if self._server is not None:
            return
        log = Path(self._home.name) / "server.log"
        try:
            with log.open("w") as words:
                self._server = subprocess.Popen(  # noqa: S603 - our own program
                    [SYSTEM_PYTHON, "-m", "evaluation.simulator"],
                    cwd=_ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=words,
                    text=True,
                    start_new_session=True,  # Ctrl-C is for us: the server ends when we have ended the faults
                )
        except OSError as error:
            raise EvaluationError(f"simulate runs under {SYSTEM_PYTHON}, which can't be started: {error}") from error
        self._lines = queue.SimpleQueue()
        self._reader = threading.Thread(target=_read_lines, args=(self._server.stdout, self._lines), daemon=True)
        self._reader.start()
        try:
            self.port = int(self._ask(self._config | {"port": self.port}, START_S)["port"])
        except EvaluationError:
            self.kill()
            raise EvaluationError(_why(log.read_text(encoding="utf-8"))) from None

    def _ask(self, line: dict[str, Any], limit_s: float = ANSWER_S) -> dict[str, Any]:
        if self._server is None or self._server.stdin is None:
            raise EvaluationError("the simulator is not running")
        try:
            self._server.stdin.write(json.dumps(line) + "\n")
            self._server.stdin.flush()
            said = self._lines.get(timeout=limit_s)
        except (OSError, queue.Empty):
            said = ""
        if not said:
            raise EvaluationError(f"the simulator's server has gone, or did not answer within {limit_s:g} s")
        answer: dict[str, Any] = json.loads(said)
        return answer

    def fault(self, camera: int, name: str, **options: float) -> None:
        """A fault begins and lasts until `heal`; see `FAULTS` for names and options.

        Raises:
            EvaluationError: There is no such camera, fault or option, or the server is not running.
        """
        self._check_camera(camera)
        try:
            filled = checked(name, options, self.same_codec[camera])
        except ValueError as error:
            raise EvaluationError(str(error)) from error
        self._ask({"do": "start", "camera": camera, "fault": name, "options": filled})

    def heal(self, camera: int, name: str) -> None:
        """A fault ends; that it had not begun does no harm.

        Raises:
            EvaluationError: There is no such camera, or the server is not running.
        """
        self._check_camera(camera)
        self._ask({"do": "end", "camera": camera, "fault": name})

    def status(self) -> list[CameraStatus]:
        """What the server has counted since it started, camera by camera."""
        return [CameraStatus(**camera) for camera in self._ask({"do": "status"})["cameras"]]

    @property
    def running(self) -> bool:
        """False after `kill`, and when the server has died by itself."""
        return self._server is not None and self._server.poll() is None

    def _check_camera(self, camera: int) -> None:
        if not 0 <= camera < self.cameras:
            raise EvaluationError(f"there is no camera {camera}: allowed is 0 to {self.cameras - 1}")

    def kill(self) -> None:
        """All cameras die at once, as if the power failed; `start` brings them back, healthy, on the same port."""
        server, self._server = self._server, None
        if server is None:
            return
        server.kill()
        server.wait()
        if self._reader is not None:
            self._reader.join()
        if server.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # a line that it never read
                server.stdin.close()

    def stop(self) -> None:
        """Ends the server and removes what was prepared."""
        self.kill()
        self._home.cleanup()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _spread(reels: Sequence[Reel], cameras: int) -> list[tuple[int, float]]:
    """Clip and phase of each camera."""
    clips = [number % len(reels) for number in range(cameras)]
    total, seen, spread = Counter(clips), Counter[int](), []
    for clip in clips:
        spread.append((clip, reels[clip].duration_s * seen[clip] / total[clip]))
        seen[clip] += 1
    return spread


def _read_lines(pipe: Any, lines: queue.SimpleQueue[str]) -> None:
    """Until the server ends; an empty line says so."""
    with pipe:
        for line in pipe:
            lines.put(line)
    lines.put("")


def _why(log: str) -> str:
    """What a server that did not start has said last, as one line for people."""
    last = log.strip().rpartition("\n")[2]
    kind, _, detail = last.partition(": ")
    if kind == "missing":
        return (
            f"simulate needs GStreamer's RTSP server ({detail}); on Debian: apt-get install {' '.join(DEBIAN_PACKAGES)}"
        )
    return f"the simulator's server did not start: {detail if kind == 'refused' else last or 'it said nothing'}"


def _certificate(folder: Path) -> Path:
    """Key and self-signed certificate in one file."""
    key, certificate, both = (folder / name for name in ("key.pem", "certificate.pem", "both.pem"))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-days", str(CERTIFICATE_DAYS), "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - fixed words and our own paths
    except (OSError, subprocess.CalledProcessError) as error:
        raise EvaluationError(f"a certificate for TLS needs the command `openssl`: {error}") from error
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both

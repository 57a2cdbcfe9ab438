"""What all tests share: the folder of real footage, clips made on the spot, a real RTSP server."""

import os
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.rtsp import RtspServer
from tests.whole.warm import RunWarm, Warm

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the slow suites, too")


FIRST = (
    "tests/whole/test_worker",
    "tests/whole/test_demo",
    "tests/streams/test_faults",
    "tests/whole",
    "tests/streams",
)
"""Files that mostly wait, and look at the clock. Two processes that both wait disturb each other least; and begun last, one
would sit over them when the other has nothing left to do."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:  # files are handed out in this order
        items.sort(
            key=lambda item: next((n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))
        )
    if not config.getoption("--all"):
        skip = pytest.mark.skip(reason="slow: runs with --all")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage beside the repository; tests that need it skip without it, but not in CI."""
    folder = Path(os.environ.get("STREETWARDEN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        message = f"needs real footage in {folder} (or in the folder that STREETWARDEN_SHARED names)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same one in all its processes."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def run_warm() -> Iterator[RunWarm]:
    """Runs the command as `tests.whole.house.run` does, without the seconds that starting and importing takes."""
    with Warm() as warm:
        yield warm.run


MakeClip = Callable[..., Path]


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Makes the clips of `make_clip`, each once; nobody writes to them."""
    folder = tmp_path_factory.mktemp("encoded")
    made: dict[str, Path] = {}

    def once(suffix: str, **how: Any) -> Path:
        key = repr((suffix, sorted(how.items())))
        if key not in made:
            made[key] = encode(folder / f"{len(made)}{suffix}", **how)
        return made[key]

    return once


@pytest.fixture
def make_clip(tmp_path: Path, encoded: MakeClip) -> MakeClip:
    """Makes small clips: a white square moves a pixel per picture over a textured ground."""

    def make(
        name: str = "clip.mp4",
        *,
        seconds: float = 4.0,
        fps: int = 25,
        gop: int = 25,
        codec: str = "libx264",
        size: tuple[int, int] = (320, 240),
        options: dict[str, str] | None = None,
    ) -> Path:
        how = {"seconds": seconds, "fps": fps, "gop": gop, "codec": codec, "size": size, "options": options or {}}
        return Path(shutil.copyfile(encoded(Path(name).suffix, **how), tmp_path / name))

    return make


def encode(
    path: Path, *, seconds: float, fps: int, gop: int, codec: str, size: tuple[int, int], options: dict[str, str]
) -> Path:
    width, height = size
    ground = np.random.default_rng(1).integers(60, 120, (height, width, 3), dtype=np.uint8)
    with av.open(path, "w") as out:
        stream = out.add_stream(
            codec,
            rate=fps,
            options={"x264-params": "scenecut=0", "x265-params": "log-level=none", **options},
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = gop
        for number in range(round(seconds * fps)):
            image = ground.copy()
            image[100:140, number % 200 : number % 200 + 40] = 255
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def rtsp_server() -> Iterator[Callable[[Path], RtspServer]]:
    """Starts real RTSP servers that play a file; stops them, also when the test fails."""
    started: list[RtspServer] = []

    def start(clip: Path) -> RtspServer:
        server = RtspServer(clip)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()

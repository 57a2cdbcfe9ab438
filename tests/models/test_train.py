"""Fine-tuning as a person does it, in a process of its own, with everything that leaves the machine written down."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from models.commands import models
from models.detector import load_detector
from models.registry.entries import load_registry
from tests.models.training_data import shapes

pytestmark = [pytest.mark.train, pytest.mark.timeout(1200)]

SECONDS_MAX = 500.0
RUN = """
import os, sys
with open(sys.argv.pop(1), "a", buffering=1) as log:
    def heard(event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request"):
            print(event, str(arguments)[:200], file=log)
        elif event in ("subprocess.Popen", "os.system", "os.posix_spawn") and "pip" in str(arguments):
            print(event, str(arguments)[:200], file=log)
    sys.addaudithook(heard)
    import streetwarden
    streetwarden.main()
"""


@pytest.fixture(scope="module", autouse=True)
def _extra() -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("ultralytics", reason="needs the extra `train`")


@pytest.fixture
def cases(bus: NDArray[np.uint8], tmp_path: Path) -> Path:
    """Sixteen cases of four cameras, which look at four parts of a street photograph."""
    halves = [bus[y : y + 540, x : x + 405, ::-1] for y in (0, 540) for x in (0, 405)]
    return shapes(tmp_path / "cases", halves).parent


class Process:
    """`models train` in a process of its own."""

    def __init__(self, folder: Path, own_models: Path, arguments: list[str]) -> None:
        self.outward = folder / "outward.log"
        self.said = folder / "said.log"
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(self.outward), "models", "train", *arguments],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=os.environ | {"STREETWARDEN_MODELS": str(own_models), "ULTRALYTICS_API_KEY": "ul_not_to_be_used"},
            )

    def await_line(self, pattern: str) -> None:
        until = time.monotonic() + SECONDS_MAX
        while time.monotonic() < until and self.process.poll() is None:
            if re.search(pattern, self.said.read_text()):
                return
            time.sleep(0.2)
        raise AssertionError(f"{pattern!r} was not said: {self.said.read_text()}")

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode, out

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[..., Process]


@pytest.fixture
def start(own_models: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts such processes; ends them, also when the test fails."""
    started: list[Process] = []

    def one(*arguments: str) -> Process:
        started.append(Process(tmp_path, own_models, list(arguments)))
        return started[-1]

    yield one
    for process in started:
        process.close()


@pytest.mark.usefixtures("checkpoint_file")  # in the cache, so that nothing has to be fetched
def test_stopped_resumed_installed(start: Start, cases: Path, own_models: Path) -> None:
    arguments = [
        str(cases),
        "--name",
        "stalls",
        "--epochs",
        "3",
        "--input-size",
        "64",
        "--batch",
        "4",
        "--device",
        "cpu",
    ]
    arguments += ["--role", "stall=stall", "--role", "pile=waste"]
    first = start(*arguments)
    first.await_line(r"epoch 1 of 3: box_loss")
    first.process.send_signal(signal.SIGINT)
    code, out = first.end()
    assert (code, out) == (130, ""), first.said.read_text()
    assert re.search(r"stopped after epoch [12]: the same command with --resume goes on", first.said.read_text())
    assert not (own_models / "registry.yaml").exists()  # nothing is known of a model that is half done

    second = start(*arguments, "--resume")
    code, out = second.end()
    said = second.said.read_text()
    assert code == 0, said
    assert "epoch 1 of 3" not in said
    assert "epoch 3 of 3" in said
    assert "stalls comes under AGPL-3.0, inherited from yolov8n (sha256 f59b3d83" in said
    assert re.fullmatch(r"stalls: val mAP50 \d\.\d+, mAP50-95 \d\.\d+; roles: stall = stall, pile = waste\n", out)
    assert second.outward.read_text() == ""  # neither run asked anybody for anything

    result = CliRunner().invoke(models, ["verify", "stalls"])
    assert (result.exit_code, result.output) == (0, "stalls: sha256 is right\n")
    assert "stalls" in CliRunner().invoke(models, ["list"]).output
    model = load_registry().model("stalls")
    assert model.class_names == ("pile", "stall")
    assert model.roles == {"stall": "stall", "pile": "waste"}
    card = model.entry.card
    assert card.trained_from == f"yolov8n (sha256 {load_registry().model('yolov8n').entry.checkpoint.sha256})"
    assert isinstance(card.data, dict)
    assert card.data["training"]["epochs"] == 3
    train, val = card.data["train"], card.data["val"]
    assert train["pictures"] + val["pictures"] == 16
    assert not set(train["cameras"]) & set(val["cameras"])
    assert card.metrics["difference_from_pytorch"]["score_max"] <= 1e-4

    detector = load_detector("stalls", provider="cpu")
    picture = cv2.imread(str(next((cases / "pictures").glob("*.jpg"))))
    assert picture is not None
    seen = detector.detect(picture[:, :, ::-1].copy(), detector.plan(128, 96), score_min=1e-6)
    assert len(seen)  # three epochs on eight pictures: it answers; what it has learnt is measured elsewhere
    assert seen.names == ("pile", "stall")


@pytest.mark.usefixtures("checkpoint_file")
def test_a_device_that_is_not_there(start: Start, cases: Path) -> None:
    run = start(str(cases), "--name", "x", "--input-size", "64", "--device", "tpu")
    code, out = run.end()
    assert (code, out) == (2, "")
    assert run.said.read_text().splitlines()[-1] == (
        "streetwarden: device 'tpu': auto, cpu, mps, cuda and cuda:N are allowed"
    )

"""What the tests of this room share. What is fetched goes into the user's cache, as it would for anybody."""

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Detector, load_detector
from models.errors import ModelError
from models.registry.entries import load_registry
from models.registry.fetch import fetch
from tests.models.web import Server


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the user's own models, so that no test sees or touches the real one."""
    folder = tmp_path / "own-models"
    monkeypatch.setenv("STREETWARDEN_MODELS", str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on 127.0.0.1."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def yolov8n() -> Detector:
    """The default model on the CPU."""
    return load_detector("yolov8n", provider="cpu")


@pytest.fixture(scope="session")
def checkpoint_file() -> Path:
    """The checkpoint that the default model is converted from."""
    checkpoint = load_registry().model("yolov8n").entry.checkpoint
    assert checkpoint
    return fetch(checkpoint)


@pytest.fixture(scope="session")
def bus() -> NDArray[np.uint8]:
    """A street photograph, uint8 (1080, 810, 3), RGB."""
    return read_rgb(fetch(load_registry().picture("bus")))


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """A picture file as uint8 (height, width, 3), RGB."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise ModelError(f"{path}: not a picture")
    return np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8)

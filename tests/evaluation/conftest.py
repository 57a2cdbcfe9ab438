"""The sample camera, composed once for all tests, and simulated cameras, a new server for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.sample.compose import Sample, compose_sample
from evaluation.simulate import Simulator
from models.registry.entries import load_registry
from models.registry.fetch import fetch
from tests.evaluation.live import encode_clips


@pytest.fixture(scope="session")
def photo() -> Path:
    return fetch(load_registry().picture("bus"))


@pytest.fixture(scope="session")
def sample(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return compose_sample(photo, tmp_path_factory.mktemp("sample") / "new" / "street.mp4")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What `LARGE`, `SMALL` and `HEVC` count."""
    return encode_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def simulator(clips: list[Path]) -> Iterator[Simulator]:
    with Simulator(clips, cameras=3) as running:
        yield running

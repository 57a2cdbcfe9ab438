"""The sample camera, composed once for all tests, and simulated cameras, a new server for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.sample.compose import Sample, compose_sample, sample_at
from evaluation.simulate import Simulator
from models.files import only_one
from models.registry.entries import load_registry
from models.registry.fetch import fetch
from tests.evaluation.live import encode_clips


@pytest.fixture(scope="session")
def photo() -> Path:
    return fetch(load_registry().picture("bus"))


@pytest.fixture(scope="session")
def sample(photo: Path, run_folder: Path) -> Sample:
    film = run_folder / "sample" / "street.mp4"
    with only_one(film.parent):  # twenty seconds of a processor: once, however many processes run tests
        return sample_at(film) if film.is_file() else compose_sample(photo, film)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What `LARGE`, `SMALL` and `HEVC` count."""
    return encode_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def simulator(clips: list[Path]) -> Iterator[Simulator]:
    with Simulator(clips, cameras=3) as running:
        yield running

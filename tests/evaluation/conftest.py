"""The sample camera, composed once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.sample import Sample, compose_sample
from models.fetch import fetch
from models.registry import load_registry


@pytest.fixture(scope="session")
def photo() -> Path:
    return fetch(load_registry().picture("bus"))


@pytest.fixture(scope="session")
def sample(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return compose_sample(photo, tmp_path_factory.mktemp("sample") / "new" / "street.mp4")

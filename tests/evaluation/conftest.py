"""The sample camera, composed once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.sample import Sample, compose_sample
from evaluation.sample_photo import fetch_photo
from models.errors import ModelError


@pytest.fixture(scope="session")
def photo() -> Path:
    try:
        return fetch_photo()
    except ModelError as error:
        pytest.skip(f"the photograph can't be had: {error}")


@pytest.fixture(scope="session")
def sample(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return compose_sample(photo, tmp_path_factory.mktemp("sample") / "new" / "street.mp4")

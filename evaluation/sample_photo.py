"""Where the photograph of the sample camera comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from models.artifacts import Artifact, PackageSource
from models.fetch import fetch

PHOTO: Final = Artifact(
    name="bus.jpg",
    size_bytes=137_419,
    sha256="c02019c4979c191eb739ddd944445ef408dad5679acab6fd520ef9d434bfbc63",
    sources=[PackageSource(package="ultralytics==8.4.190", member="ultralytics/assets/bus.jpg")],
)
"""The one photograph that the hand-drawn outlines fit."""


def fetch_photo(cache_dir: Path | None = None) -> Path:
    """The photograph, from the cache or out of the package that brings it.

    Raises:
        models.errors.ModelError: it can't be had.
    """
    return fetch(PHOTO, cache_dir)

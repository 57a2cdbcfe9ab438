"""The material of the sample camera: its photograph out of the registry, its film out of the cache."""

import logging

from evaluation.sample.compose import FILM_VERSION, Sample, compose_sample, sample_at
from models.files import cache_folder, only_one
from models.registry.entries import load_registry
from models.registry.fetch import fetch

log = logging.getLogger(__name__)

PHOTO_NAME = "bus"


def cached_sample() -> Sample:
    """The sample camera's film with its truth; the first call fetches the photograph and composes it.

    Raises:
        models.errors.ModelError: The photograph can't be had.
        EvaluationError: It is another picture than the film is made of.
    """
    film = cache_folder() / f"sample-street-{FILM_VERSION}.mp4"
    with only_one(film):
        if film.is_file():
            return sample_at(film)
        photo = fetch(load_registry().picture(PHOTO_NAME))
        log.info("composing the sample camera's film from %s (once) …", photo.name)
        return compose_sample(photo, film)

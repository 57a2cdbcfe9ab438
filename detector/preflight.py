"""Before the first camera starts, all of them are checked: what is wrong is said in one go, and nothing is written."""

import logging
from collections.abc import Sequence

from detector.errors import ConfigError
from detector.rules import rule_for
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import overlap_warnings
from models.detector import Detector
from streams.errors import SourceError
from streams.source.probe import first_picture

log = logging.getLogger(__name__)


def check_files(cameras: Sequence[Camera]) -> None:
    """Opens every recorded file and decodes its first picture. Live cameras may be away for now, files may not.

    Raises:
        ConfigError: A line for each file that can't be opened or is not video.
    """
    wrong: list[str] = []
    for camera in cameras:
        if camera.address.live:
            continue
        try:
            first_picture(camera.address)
        except SourceError as error:
            wrong.append(f"camera {camera.id}: source {error}")
    if wrong:
        raise ConfigError("\n".join(wrong))


def check_classes(cameras: Sequence[Camera], model: str, names: Sequence[str]) -> None:
    """Zones may name only classes that the model knows.

    Args:
        cameras: Whose zones.
        model: Its name, for people.
        names: Its classes.

    Raises:
        ConfigError: A line for each zone that names another one.
    """
    wrong = [
        f"camera {camera.id}, zone {zone.id}: {key}: {', '.join(sorted(classes - set(names)))}: the model "
        f"{model} knows no such class; allowed are {', '.join(names)}"
        for camera in cameras
        for zone in camera.zones
        for key, classes in (("classes", zone.classes or frozenset()), ("exempt", zone.exempt))
        if classes - set(names)
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))


def say_what_is_off(cameras: Sequence[Camera], detector: Detector) -> None:
    """Says which zones nobody watches, and why: a rule that is silently off looks like a quiet street."""
    for camera in cameras:
        for warning in overlap_warnings(camera.zones):
            log.warning("camera %s: %s", camera.id, warning)
        for zone in camera.zones:
            rule = rule_for(zone.kind)
            if rule is None:
                log.warning(
                    "camera %s, zone %s: no rule for %s in this version: it is not watched",
                    camera.id,
                    zone.id,
                    zone.kind,
                )
            elif missing := rule.needs - set(detector.roles.values()):
                log.warning(
                    "camera %s, zone %s: the model %s has no class of role %s: it is not watched",
                    camera.id, zone.id, detector.name, ", ".join(sorted(missing)),
                )  # fmt: skip

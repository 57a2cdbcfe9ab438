"""The word that switches a camera to its zones; in a file that loads nothing, because files of cameras are read everywhere."""

from enum import StrEnum


class Mode(StrEnum):
    """What of its pictures a camera's detector is shown."""

    WHOLE = "whole"
    ZONES = "zones"
    AUTO = "auto"

"""The file formats of others, one to a module; each is read into `Annotations`, and some are written from them."""

from typing import Final

from evaluation.datasets.formats.actev import ACTEV
from evaluation.datasets.formats.canal import CANAL
from evaluation.datasets.formats.coco import COCO
from evaluation.datasets.formats.cvat import CVAT
from evaluation.datasets.formats.layout import Format
from evaluation.datasets.formats.mot import MOT

FORMATS: Final[dict[str, Format]] = {format_.name: format_ for format_ in (MOT, COCO, CVAT, ACTEV, CANAL)}
"""By the name on the command line."""

"""How a picture goes in and boxes come out, one module per detector family."""

from collections.abc import Mapping

from models.families.family import Family
from models.families.yolov8 import YoloV8
from models.families.yolox import YoloX

FAMILIES: Mapping[str, Family] = {"yolov8": YoloV8(), "yolox": YoloX()}

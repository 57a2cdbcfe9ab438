"""How a picture goes in and boxes come out, one module per detector family."""

from collections.abc import Mapping

from models.families.family import Family
from models.families.nms import Nms
from models.families.rfdetr import RfDetr
from models.families.rtdetr import RtDetr
from models.families.yolov5 import YoloV5
from models.families.yolov8 import YoloV8
from models.families.yolov10 import YoloV10
from models.families.yolox import YoloX

FAMILIES: Mapping[str, Family] = {
    "yolov5": YoloV5(),
    "yolov8": YoloV8(),
    "yolov10": YoloV10(),
    "yolox": YoloX(),
    "rtdetr": RtDetr(),
    "rfdetr": RfDetr(),
    "nms": Nms(),
}

"""A short film of one car that parks at a kerb, a detector that knows it by its looks, and a watch over the two."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detector.delivery.wire import recorded
from detector.following.template import patch_at, similarity
from detector.lifecycle.incidents import Incident
from detector.watching.watch import CameraWatch
from detector.watching.watch_plan import WatchPlan
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import Zone, ZoneKind
from models.detections import Detections
from models.detector import Detector
from models.letterbox import Letterbox
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed
from tests.detector.street import HEIGHT_PX, KERB, WIDTH_PX, Car, picture

FPS = 10
PARKED = Car(KERB, seed=1)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
ZONE = Zone("kerb", ZoneKind.NO_PARKING, WHOLE, dwell_s=6.0)


Luma = NDArray[np.uint8]


def as_it_is(luma: Luma, _time_s: float) -> Luma:
    return luma


def shoot(
    path: Path,
    cars_at: Callable[[float], list[Car]],
    ends_s: float,
    camera: Callable[[Luma, float], Luma] = as_it_is,
) -> Path:
    """Encodes a film of the street, a keyframe each second; `camera` may do something to its pictures."""
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"x264-params": "scenecut=0", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.codec_context.gop_size = FPS
        for number in range(round(ends_s * FPS)):
            luma = camera(picture(cars_at(number / FPS)), number / FPS)
            frame = av.VideoFrame.from_ndarray(cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


class KnowsOneCar:
    """A detector of this film's one car, by its looks; says the names that it is given, one picture after the other."""

    name = "knows-one-car"
    names = ("person", "car", "truck")
    roles = {"car": "vehicle", "truck": "vehicle"}  # noqa: RUF012 - never changed

    def __init__(self, says: Callable[[int], tuple[str, ...]] = lambda _: ("car",)) -> None:
        self.says = says
        self.calls = 0
        self._looks = patch_at(picture([PARKED]), KERB)

    def plan(self, width_px: int, height_px: int) -> Letterbox:
        return Letterbox.plan(width_px, height_px, input_px=WIDTH_PX)

    def detect(self, image_rgb: NDArray[np.uint8], _plan: Letterbox, **_: float) -> Detections:
        luma = cast("NDArray[np.uint8]", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY))
        if similarity(self._looks, patch_at(luma, KERB)) < 0.7:
            return Detections.none(self.names)
        said = self.says(self.calls)
        self.calls += 1
        box_px = [v * s for v, s in zip(KERB, (WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX), strict=True)]
        return Detections(
            np.array([box_px] * len(said), np.float32).reshape(-1, 4),
            np.array([self.names.index(name) for name in said], np.int64),
            np.full(len(said), 0.8, np.float32),
            self.names,
        )


@dataclass
class Watched:
    revisions: list[Incident]
    folder: Path
    watch: CameraWatch
    newest: dict[str, Incident] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.newest = {incident.id: incident for incident in self.revisions}


def watched(
    film: Path,
    folder: Path,
    *,
    zone: Zone = ZONE,
    beside: tuple[Zone, ...] = (),
    until_s: float = 99.0,
    detector: KnowsOneCar | None = None,
    at: Mapping[float, Callable[[CameraWatch], None]] | None = None,
    starts_at: datetime | None = None,
    for_good: bool = True,
    **plan: Any,
) -> Watched:
    """Watches a film as `analyze` does; `at` holds what is done to the watch from outside, and when.

    With `for_good` false the watch stops as a worker does that will be started again.
    """
    waiting = dict(at or {})
    revisions: list[Incident] = []
    feed = Feed(Address(str(film)), starts_at=starts_at)
    ring = PacketRing(30.0, 2**24)
    whole_plan = WatchPlan(
        detector=cast("Detector", detector or KnowsOneCar()),
        folder=folder,
        publish=lambda _camera, _zone, _clock, incident: revisions.append(incident),
        record_of=lambda _camera, _zone, _clock, incident: recorded(incident),
    )
    camera = Camera("gate", feed.address, (zone, *beside), starts_at=starts_at)
    watch = CameraWatch(camera, ring, feed.clock, replace(whole_plan, **plan))
    patrol, decoder = Patrol(), PatrolDecoder()
    for packet in feed.packets():
        if packet.time_s > until_s:
            feed.close()
            break
        for due_s in [due_s for due_s in waiting if due_s <= packet.time_s]:
            waiting.pop(due_s)(watch)
        ring.push(packet)
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample else None
        if frame is not None:
            watch.look(frame)
    watch.finish(for_good=for_good)
    return Watched(revisions, folder, watch)

"""What a camera goes through, stage by stage, and which of the product's functions each stage is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any

import streams.lookback
from detector.delivery.outbox import Outbox
from detector.evidence.maker import EvidenceMaker
from detector.lifecycle.pin import Pin
from detector.watching.attention import Attention
from detector.watching.slots import Slots
from detector.watching.viewpoint import Viewpoint
from detector.watching.watch import CameraWatch
from evaluation.benches.stage_timer import Function, StageTimer
from models.detector import Detector
from models.letterbox import Letterbox
from streams.frame import Frame
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.feed import Feed


class Stage(StrEnum):
    """Where the CPU time of a camera goes."""

    DEMUX = "demux"
    """Reading packets, keeping them in the ring, choosing samples."""
    DECODE = "decode"
    """Patrol's pictures."""
    SCALE = "scale"
    GATE = "gate"
    """Change gate and picture health."""
    INFER = "infer"
    """The detector with its pre- and post-processing."""
    LOOK_BACK = "look_back"
    """Decoding again what a rule asks for."""
    RULES = "rules"
    """All else of a look: places, rules, cases."""
    MUX = "mux"
    """Evidence: clips, stills, tracks, with all the decoding and detecting that they take."""
    UPLOAD = "upload"
    """Outbox and courier."""


@dataclass(frozen=True)
class _Probe:
    """A function of the product: where it stands, and the stage it is."""

    owner: type | ModuleType
    name: str
    stage: Stage
    whole: bool = False


_PROBES = (
    _Probe(Feed, "packets", Stage.DEMUX),
    _Probe(PacketRing, "push", Stage.DEMUX),
    _Probe(Patrol, "offer", Stage.DEMUX),
    _Probe(Slots, "put", Stage.DEMUX),
    _Probe(PatrolDecoder, "decode", Stage.DECODE),
    _Probe(PatrolDecoder, "pictures", Stage.DECODE),
    _Probe(Frame, "rgb", Stage.SCALE),
    _Probe(Frame, "gray", Stage.SCALE),
    _Probe(Letterbox, "scaled", Stage.SCALE),
    _Probe(Viewpoint, "look", Stage.GATE),
    _Probe(Viewpoint, "moved_by", Stage.GATE),
    _Probe(Attention, "need", Stage.GATE),
    _Probe(Attention, "analysed", Stage.GATE),
    _Probe(Detector, "detect", Stage.INFER),
    _Probe(streams.lookback, "decode", Stage.LOOK_BACK),
    _Probe(CameraWatch, "look", Stage.RULES),
    _Probe(CameraWatch, "tick_after", Stage.RULES),
    _Probe(CameraWatch, "finish", Stage.RULES),
    _Probe(EvidenceMaker, "clip", Stage.MUX, whole=True),
    _Probe(EvidenceMaker, "still", Stage.MUX, whole=True),
    _Probe(EvidenceMaker, "closeup", Stage.MUX, whole=True),
    _Probe(EvidenceMaker, "record", Stage.MUX, whole=True),
    _Probe(Pin, "to_disk", Stage.MUX, whole=True),
    _Probe(Outbox, "post", Stage.UPLOAD, whole=True),
)


@contextmanager
def timed_stages(timer: StageTimer) -> Iterator[None]:
    """Times the product's stages in this process while the block lasts."""
    with ExitStack() as replaced:
        for probe in _PROBES:
            replaced.enter_context(instead(probe.owner, probe.name, _timed(timer, probe)))
        yield


def _timed(timer: StageTimer, probe: _Probe) -> Callable[[Function], Function]:
    def timed(original: Function) -> Function:
        if inspect.isgeneratorfunction(original):
            return timer.wrap_generator(original, probe.stage)
        return timer.wrap(original, probe.stage, whole=probe.whole)

    return timed


@contextmanager
def instead(owner: type | ModuleType, name: str, of: Callable[[Function], Function]) -> Iterator[None]:
    """Puts `of(original)` in the place of a function or method while the block lasts.

    Raises:
        AttributeError: the owner itself has no such function: the product has changed, and the bench has to follow.
    """
    original: Any = vars(owner).get(name)
    if original is None:
        raise AttributeError(f"{owner.__name__} has no {name!r} to be measured")
    setattr(owner, name, of(original))
    try:
        yield
    finally:
        setattr(owner, name, original)

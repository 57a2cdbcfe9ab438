"""What watching costs: our patrol beside a bare keyframe loop on the same file, in the same run, turn by turn.

Machines are shared and noisy, so the figure to quote is the ratio; it is the median over the rounds.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av

from detector.evidence.maker import RING_BYTES, RING_S
from detector.watching.eyes import SCORE_MIN
from evaluation.errors import EvaluationError
from models.detector import Detector, load_detector
from streams.errors import SourceError
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed
from streams.source.probe import first_picture

ROUNDS = 5


@dataclass(frozen=True)
class PatrolBench:
    """CPU milliseconds per second of video, one camera, one thread; medians over the rounds."""

    file: str
    media_s: float
    looks: int
    bare_decode_ms: float
    """PyAV alone, `skip_frame=NONKEY`: what decoding keyframes costs at least."""
    patrol_decode_ms: float
    """Feed, ring, patrol and decoder: the same keyframes, and every packet kept for look-back."""
    patrol_detect_ms: float
    """The same with scaling and the detector: all that a quiet street costs."""
    decode_ratio: float
    cameras_per_core: float


def bench_patrol(clip: Path, model: str = "yolov8n", rounds: int = ROUNDS) -> dict[str, Any]:
    """Measures one file.

    Raises:
        EvaluationError: The file can't be read.
    """
    try:
        media_s = first_picture(Address(str(clip))).time_s
    except SourceError as error:
        raise EvaluationError(str(error)) from error
    detector = load_detector(model)
    bare: list[float] = []
    patrol: list[float] = []
    detect: list[float] = []
    looks = 0
    for _ in range(rounds):
        bare.append(_cpu_s(lambda: _bare(clip)))
        patrol.append(_cpu_s(lambda: _patrol(clip, None)))
        started_s = time.process_time()
        media_s, looks = _patrol(clip, detector)
        detect.append(time.process_time() - started_s)
    per_s = 1000 / media_s
    total_ms = statistics.median(detect) * per_s
    return asdict(
        PatrolBench(
            file=clip.name,
            media_s=round(media_s, 2),
            looks=looks,
            bare_decode_ms=round(statistics.median(bare) * per_s, 2),
            patrol_decode_ms=round(statistics.median(patrol) * per_s, 2),
            patrol_detect_ms=round(total_ms, 2),
            decode_ratio=round(statistics.median(ours / theirs for ours, theirs in zip(patrol, bare, strict=True)), 3),
            cameras_per_core=round(1000 / total_ms, 1),
        )
    )


def _cpu_s(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def _bare(clip: Path) -> int:
    with av.open(clip) as source:
        stream = source.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        stream.codec_context.thread_count = 1
        return sum(1 for _ in source.decode(stream))


def _patrol(clip: Path, detector: Detector | None) -> tuple[float, int]:
    feed, ring, patrol, decoder = Feed(Address(str(clip))), PacketRing(RING_S, RING_BYTES), Patrol(), PatrolDecoder()
    looks = 0
    for packet in feed.packets():
        ring.push(packet)
        sample = patrol.offer(packet)
        frame = decoder.decode(sample) if sample is not None else None
        if frame is None:
            continue
        looks += 1
        if detector is not None:
            plan = detector.plan(frame.width_px, frame.height_px)
            detector.detect(frame.rgb(*plan.resized), plan, score_min=SCORE_MIN)
    return feed.health.read_s, looks

"""The ceiling: bare keyframe decoding and bare inference, without anything of ours, on the same cores."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from evaluation.benches.machine import cores
from evaluation.errors import EvaluationError
from models.detector import open_detector
from models.files import cache_folder
from models.registry.entries import load_registry
from models.registry.pull import pull
from models.runtime.opening import Source, open_inner
from models.runtime.session import open_session


@dataclass(slots=True)
class _Loop:
    """One thread's loop in one turn."""

    pictures: int = 0
    decode_s: float = 0.0
    infer_s: float = 0.0


@dataclass(frozen=True)
class Turn:
    """All loops of one turn."""

    media_s: float
    """Of one camera."""
    wall_s: float
    decode_s: float
    infer_s: float

    @property
    def cameras(self) -> float:
        """Cameras that the machine keeps up with in this way."""
        return self.media_s / self.wall_s


class BareLoops:
    """A loop on each core: PyAV decodes keyframes, ONNX Runtime looks at a picture of the detector's input size for each.

    Nothing is scaled, nothing is judged, nothing waits: no system that looks at every keyframe can hold more cameras.

    Raises:
        EvaluationError: the clip has no keyframes or no length.
        models.errors.ModelError: the model can't be had.
    """

    def __init__(self, clip: Path, model: str) -> None:
        self._clip = clip
        self._spacing_s, size_px = _keyframes(clip)
        entry = load_registry().model(model)
        path = pull(entry)
        session = open_session(path, side_px=entry.entry.input_size)
        detector = open_detector(entry, session)
        plan = detector.plan(*size_px)
        noise = np.random.default_rng(0).integers(0, 256, (plan.resized[1], plan.resized[0], 3), np.uint8)
        self._feeds: dict[str, NDArray[Any]] = detector.feeds(noise, plan)
        source = Source(path, entry.entry.input_size, cache_folder())
        self._sessions = [open_inner(session.provider, source) for _ in range(cores())]
        for inner in self._sessions:
            inner.run(None, self._feeds)  # what is only done once
        self.provider = session.provider
        self.input_px = f"{plan.padded[0]}x{plan.padded[1]}"

    def turn(self, seconds: float) -> Turn:
        """Runs all loops for so long."""
        loops = [_Loop() for _ in self._sessions]
        began_s = time.monotonic()
        threads = [
            threading.Thread(target=self._run, args=(inner, loop, began_s + seconds))
            for inner, loop in zip(self._sessions, loops, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return Turn(
            media_s=self._spacing_s * sum(loop.pictures for loop in loops),
            wall_s=time.monotonic() - began_s,
            decode_s=sum(loop.decode_s for loop in loops),
            infer_s=sum(loop.infer_s for loop in loops),
        )

    def _run(self, inner: ort.InferenceSession, loop: _Loop, end_s: float) -> None:
        while time.monotonic() < end_s:
            with av.open(self._clip) as source:
                stream = source.streams.video[0]
                stream.codec_context.skip_frame = "NONKEY"
                stream.codec_context.thread_count = 1
                mark_s = time.thread_time()
                for _ in source.decode(stream):
                    decoded_s = time.thread_time()
                    inner.run(None, self._feeds)
                    loop.pictures += 1
                    loop.decode_s += decoded_s - mark_s
                    mark_s = time.thread_time()
                    loop.infer_s += mark_s - decoded_s
                    if time.monotonic() >= end_s:
                        break


def summary(turns: list[Turn]) -> dict[str, float]:
    """Medians over the turns; milliseconds are CPU time per camera-second."""
    return {
        "cameras": round(statistics.median(turn.cameras for turn in turns), 1),
        "decode_ms": round(statistics.median(1000 * turn.decode_s / turn.media_s for turn in turns), 2),
        "infer_ms": round(statistics.median(1000 * turn.infer_s / turn.media_s for turn in turns), 2),
        "total_ms": round(statistics.median(1000 * (turn.decode_s + turn.infer_s) / turn.media_s for turn in turns), 2),
        "turns": len(turns),
    }


def _keyframes(clip: Path) -> tuple[float, tuple[int, int]]:
    """Mean distance of keyframes, and width and height of the picture."""
    with av.open(clip) as source:
        stream = source.streams.video[0]
        count = sum(1 for packet in source.demux(stream) if packet.is_keyframe and packet.size)
        length_s = (source.duration or 0) / av.time_base
        if not count or not length_s:
            raise EvaluationError(
                f"{clip}: has {count} keyframes in {length_s:g} s: allowed is video of a known length"
            )
        return length_s / count, (stream.width, stream.height)

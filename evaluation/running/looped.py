"""A long dataset made of short clips: each is played round and round into one file, packets as they are.

What is scored of it means nothing; it is for measuring how long an evaluation takes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.error import FFmpegError

from detector.zoning.written import parsed
from evaluation.datasets.truth import ClipTruth, clip_of, only_camera
from evaluation.errors import EvaluationError

_SUFFIXES: Final = {"h264": ".mp4", "hevc": ".mp4"}
"""What MP4 can't hold goes into Matroska."""


def looped_dataset(clips: Sequence[ClipTruth], minutes: float, folder: Path) -> Path:
    """Write one file for each clip, all equally long, `minutes` in all; gives the DATASET.yaml. No truth is known of it.

    Raises:
        EvaluationError: a clip can't be read, or a cameras file is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for index, clip in enumerate(clips):
        source = clip_of(only_camera(clip.cameras))
        name = f"{index:02d}-{source.stem}"
        path, length_s = loop(source, folder / name, 60 * minutes / len(clips))
        # The file as it was written, so that zones and all else are the same.
        content: Any = parsed(clip.cameras.read_text(encoding="utf-8"))
        content["cameras"][0]["source"] = path.name
        (folder / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
        (folder / f"{name}.json").write_text(json.dumps({"duration_s": length_s, "incidents": []}), encoding="utf-8")
        entries.append({"cameras": f"{name}.yaml", "truth": f"{name}.json"})
    dataset = folder / "dataset.yaml"
    dataset.write_text(json.dumps({"clips": entries}), encoding="utf-8")
    return dataset


def loop(source: Path, stem: Path, length_s: float) -> tuple[Path, float]:
    """Play a clip round and round until it is at least so long; gives the file and its length.

    Raises:
        EvaluationError: it can't be read.
    """
    try:
        with av.open(source) as clip:
            stream = clip.streams.video[0]
            path = stem.with_suffix(_SUFFIXES.get(stream.codec_context.name, ".mkv"))
            base = stream.time_base or Fraction(1, av.time_base)
            packets = [
                (bytes(packet), packet.pts, packet.dts, packet.duration or 1, packet.is_keyframe)
                for packet in clip.demux(stream)
                if packet.pts is not None and packet.dts is not None
            ]
            ticks = max(pts + length for _, pts, _, length, _ in packets) - min(pts for _, pts, _, _, _ in packets)
            once_s = float(ticks * base)
            rounds = math.ceil(length_s / once_s)
            with av.open(path, "w") as out:
                copy = out.add_stream_from_template(stream)
                for number in range(rounds):
                    for data, pts, dts, _, keyframe in packets:
                        again = av.Packet(data)
                        again.pts, again.dts, again.time_base = pts + number * ticks, dts + number * ticks, base
                        again.is_keyframe, again.stream = keyframe, copy
                        out.mux(again)
            return path, rounds * once_s
    except (FFmpegError, OSError, ValueError, IndexError) as error:
        raise EvaluationError(f"{source}: can't be looped: {error}") from error

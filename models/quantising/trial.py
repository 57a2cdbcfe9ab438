"""Makes a variant of a detector and measures it against the float model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.detections import Detections
from models.detector import SCORE_MIN, Detector, open_detector
from models.errors import ModelError
from models.quantising.agreement import TRUTH_SCORE_MIN, agreement
from models.quantising.calibration import Method
from models.quantising.frames import Frame, read_frames, split
from models.quantising.graphs import write_fp16, write_int8
from models.quantising.pace import has_vnni, pace
from models.quantising.report import Report
from models.registry.entries import Model
from models.registry.pull import pull
from models.runtime.engine import one_line
from models.runtime.session import Tensors, open_session

Say = Callable[[str], None]

_PACED_PICTURES = 8  # enough to have several sizes among them


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        precision: of the variant.
        source: a folder of pictures or a clip.
        count: frames at most, half of them to judge by.
        method: of calibration, for `int8`.
        full_range: 8-bit weights instead of 7, for `int8` on processors with VNNI.
        score_min: floor of the float model's detections that count as truth, 0…1.
        provider: that both are judged on; None takes the CPU for `int8` and the best that is there for `fp16`.
    """

    precision: Literal["int8", "fp16"]
    source: Path
    count: int = 64
    method: Method = Method.PERCENTILE
    full_range: bool = False
    score_min: float = TRUTH_SCORE_MIN
    provider: str | None = None

    def __post_init__(self) -> None:
        if not SCORE_MIN <= self.score_min < 1:
            raise ModelError(f"score {self.score_min}: {SCORE_MIN} to less than 1 is allowed")

    @property
    def settings(self) -> dict[str, str | int]:
        """How the variant is made."""
        if self.precision == "fp16":
            return {}
        return {"calibration": self.method.value, "weight_bits": 8 if self.full_range else 7}


def try_variant(model: Model, wanted: Wanted, target: Path, say: Say) -> Report:
    """Write a variant of a model and judge it on frames that its calibration did not use.

    Args:
        model: the float model, from the registry.
        wanted: what to make of it.
        target: the ONNX file to write.
        say: told what is being done, line by line.

    Returns:
        What there is to know of it.

    Raises:
        ModelError: the frames, the model or the provider don't fit, or the float model sees nothing in the frames held out.
    """
    if model.precision:
        raise ModelError(f"{model.name!r} is a variant itself; name the float model: {model.name.partition(':')[0]}")
    source = pull(model)
    provider = wanted.provider or ("cpu" if wanted.precision == "int8" else None)
    float_session = open_session(source, provider=provider)
    detector = open_detector(model, float_session)
    calibrating, held_out = split(read_frames(wanted.source, detector.plan, wanted.count))
    calibrates = f"{len(calibrating)} frames to calibrate, " if wanted.precision == "int8" else "frames: "
    say(f"{calibrates}{len(held_out)} to judge by")
    truth = _look(detector, held_out)
    if not any((found.scores >= wanted.score_min).any() for found in truth):
        raise ModelError(
            f"{wanted.source}: {model.name} sees nothing of score {wanted.score_min} or better in the {len(held_out)} frames "
            "to judge by; take frames with something on them"
        )
    say(f"writing {wanted.precision}")
    _write(source, target, detector, calibrating, wanted)
    variant_session = open_session(target, provider=provider)
    say("judging it")
    seen = _look(open_detector(model, variant_session), held_out)
    pictures = [detector.feeds(frame.image_rgb, frame.plan) for frame in held_out[:_PACED_PICTURES]]
    return Report(
        model=model.name,
        precision=wanted.precision,
        settings=dict(wanted.settings),
        source=str(wanted.source),
        calibrated=len(calibrating) if wanted.precision == "int8" else 0,
        agreement=agreement(truth, seen, score_min=wanted.score_min),
        provider=variant_session.provider,
        vnni=has_vnni(),
        pace=pace(float_session, variant_session, pictures),
        float_bytes=source.stat().st_size,
        variant_bytes=target.stat().st_size,
    )


def _look(detector: Detector, frames: Sequence[Frame]) -> list[Detections]:
    return [detector.detect(frame.image_rgb, frame.plan, score_min=SCORE_MIN) for frame in frames]


def _write(source: Path, target: Path, detector: Detector, frames: Sequence[Frame], wanted: Wanted) -> None:
    try:
        if wanted.precision == "fp16":
            write_fp16(source, target)
        else:

            def feeds() -> Iterator[Tensors]:
                return (detector.feeds(frame.image_rgb, frame.plan) for frame in frames)

            write_int8(source, target, feeds, method=wanted.method, full_range=wanted.full_range)
    except ModelError as error:
        raise ModelError(f"model {detector.name!r}: {error}") from None
    except Exception as error:  # what a foreign graph does to these tools has no common base but Exception
        raise ModelError(
            f"model {detector.name!r}: cannot be written as {wanted.precision}: {one_line(error)}"
        ) from error

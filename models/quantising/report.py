"""What is known of a variant before it is accepted, for people, for programs and for its card."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from models.quantising.agreement import Agreement
from models.quantising.pace import Pace

AP50_MIN = 0.95  # below it one box in twenty is another one: rules tuned on the float model don't carry over
_WORST_SHOWN = 5
_BYTE_BITS = 8


@dataclass(frozen=True, slots=True)
class Report:
    """A variant beside its float model.

    Attributes:
        model: name of the float model.
        precision: of the variant.
        settings: how it was made, by name.
        source: where the frames come from.
        calibrated: frames that it was calibrated with; none of them is among those that it is judged by.
        agreement: of the variant with the float model, on the frames held out.
        provider: word of the execution provider that both ran on.
        vnni: whether this processor has instructions for 8-bit integers; None where it can't be told.
        pace: of both.
        float_bytes: size of the float model's file.
        variant_bytes: size of the variant's.
    """

    model: str
    precision: str
    settings: dict[str, Any]
    source: str
    calibrated: int
    agreement: Agreement
    provider: str
    vnni: bool | None
    pace: Pace
    float_bytes: int
    variant_bytes: int

    @property
    def good_enough(self) -> bool:
        """Whether it may be accepted without force."""
        return self.agreement.ap50 >= AP50_MIN

    def as_json(self) -> dict[str, Any]:
        """Plain values, all that the table says and every class."""
        return asdict(self) | {
            "pace": asdict(self.pace) | {"ratio": self.pace.ratio},
            "ap50_min": AP50_MIN,
            "good_enough": self.good_enough,
        }

    def card(self) -> dict[str, Any]:
        """Keys for the card of the variant in the registry."""
        made = ", ".join(f"{key} {value}" for key, value in self.settings.items())
        seen = self.agreement
        return {
            "description": f"{self.model} in {self.precision}" + (f" ({made})" if made else ""),
            "data": {"source": self.source, "calibrated_frames": self.calibrated, "held_out_frames": seen.frames},
            "metrics": {
                "agreement_ap50": round(seen.ap50, 4),
                "agreement_ap50_95": round(seen.ap50_95, 4),
                "float_ms": round(self.pace.float_ms, 2),
                "variant_ms": round(self.pace.variant_ms, 2),
                "provider": self.provider,
            },
        }

    def lines(self) -> Iterator[str]:
        """A table of both, side by side, and what is to be known besides."""
        seen = self.agreement
        difference = "-" if seen.score_difference is None else f"{seen.score_difference:.3f}"
        yield f"{'':24}{'float':>10}{self.precision:>10}"
        for label, one, other in (
            ("AP at IoU 0.5", "1", f"{seen.ap50:.4f}"),
            ("AP at IoU 0.5:0.95", "1", f"{seen.ap50_95:.4f}"),
            ("boxes missed, extra", "-", f"{seen.missed}, {seen.extra}"),
            ("difference of scores", "-", difference),
            (f"ms a picture ({self.provider})", f"{self.pace.float_ms:.1f}", f"{self.pace.variant_ms:.1f}"),
            ("file, MB", f"{self.float_bytes / 1e6:.1f}", f"{self.variant_bytes / 1e6:.1f}"),
        ):
            yield f"{label:24}{one:>10}{other:>10}"
        calibrated = f"; calibrated on {self.calibrated} others" if self.calibrated else ""
        yield (
            f"Truth: the float model's own {seen.boxes} boxes of score {seen.score_min} or better on {seen.frames} frames held "
            f"out{calibrated}."
        )
        worst = ", ".join(f"{one.name} {one.ap50:.2f} of {one.boxes}" for one in seen.classes[:_WORST_SHOWN])
        yield f"Worst classes, AP at IoU 0.5 and boxes: {worst}."
        yield f"{self.pace.ratio:.2f} times as fast as float, one thread.{self._hint()}"

    def _hint(self) -> str:
        if self.precision == "int8" and self.provider == "cpu" and self.vnni is False:
            return " This processor has no VNNI; one that has gains more from 8 bits."
        if self.precision == "int8" and self.vnni and self.settings["weight_bits"] != _BYTE_BITS:
            return " This processor has VNNI: with --full-range it would be more exact here, and poor on one without."
        if self.precision == "fp16" and self.provider == "cpu":
            return " Half floats are for a GPU: a processor computes in float and only converts more."
        return ""

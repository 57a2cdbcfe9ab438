"""The card of a fine-tuned model: what it learnt from, how good it is, and what it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.quantising.agreement import Agreement
from models.training.base import Base
from models.training.dataset import Sample, boxes_by_class
from models.training.judge import Parity
from models.training.run_folder import Record
from models.training.split import Split

_CAMERAS_LISTED = 50  # a city's thousands would bury the rest of the card: then their number is written
_DIGITS = 4  # of a figure; a val set of a few hundred pictures gives no more


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured of a model.

    Attributes:
        judged: by us, on the graph that is installed.
        parity: of that graph with the trained model.
        versions: of what it was made with.
    """

    judged: Agreement
    parity: Parity
    versions: Mapping[str, str]


def make_card(
    base: Base, record: Record, parts: Split, names: Sequence[str], results: Results, created: str
) -> dict[str, Any]:
    """The card, plain YAML values by key of `CardForm`.

    Args:
        base: that the model comes from.
        record: of the whole run.
        parts: that it learnt from and was judged by.
        names: classes.
        results: measured.
        created: the day, ISO 8601.
    """
    settings = record.settings
    return {
        "description": f"{base.name}, fine-tuned on {len(parts.train)} pictures: {', '.join(names)}.",
        "data": {
            "sha256": settings.data_sha256,
            "split_by": parts.by,
            "train": _part(parts.train, names),
            "val": _part(parts.val, names),
            "training": {
                "epochs": record.epochs_done,
                "epochs_asked": settings.epochs,
                "input_px": settings.input_px,
                "batch": settings.batch,
                "seed": settings.seed,
                **results.versions,
            },
        },
        "metrics": {
            "val_map50": round(results.judged.ap50, _DIGITS),
            "val_map50_95": round(results.judged.ap50_95, _DIGITS),
            "val_ap50": {one.name: round(one.ap50, _DIGITS) for one in results.judged.classes},
            "ultralytics": {f"val_{name}": value for name, value in record.metrics.items()},
            "difference_from_pytorch": {
                "pictures": results.parity.pictures,
                "score_max": float(f"{results.parity.score:.2g}"),
                "box_px_max": float(f"{results.parity.box_px:.2g}"),
            },
        },
        "trained_from": f"{base.name} (sha256 {base.sha256})",
        "created": created,
    }


def _part(samples: Sequence[Sample], names: Sequence[str]) -> dict[str, Any]:
    cameras = {sample.camera for sample in samples if sample.camera}
    return {
        "pictures": len(samples),
        "background": sum(not len(sample.classes) for sample in samples),
        "cameras": sorted(cameras) if len(cameras) <= _CAMERAS_LISTED else len(cameras),
        "boxes": boxes_by_class(samples, names),
    }

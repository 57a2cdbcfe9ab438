"""`streetwarden score`: a detector or a tracker by itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("score")
def score() -> None:
    """Score boxes, without zones and incidents: a detector on pictures, or a tracker's file. JSON on standard output."""


@score.command("pictures")
@click.argument("truth", type=FILE, metavar="COCO.json")
@click.option(
    "--folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the pictures lie."
)
@click.option("--model", default="yolov8n", show_default=True, help="Detection model: NAME or NAME:PRECISION.")
@click.option("--provider", help="tensorrt, cuda, openvino or cpu; default: the best one there is.")
def pictures(truth: Path, folder: Path, model: str, provider: str | None) -> None:
    """Average precision (COCO's) of a model on pictures whose boxes are known."""
    from evaluation.boxes.pictures import score_pictures  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from models.detector import load_detector  # noqa: PLC0415

    figures, left_out = score_pictures(truth, folder, load_detector(model, provider=provider))
    click.echo(json.dumps({"model": model, **dataclasses.asdict(figures), "left_out": left_out}, indent=1))


@score.command("tracks")
@click.argument("truth", type=FILE, metavar="GT.txt")
@click.argument("predicted", type=FILE, metavar="PREDICTED.txt")
def tracks(truth: Path, predicted: Path) -> None:
    """HOTA, IDF1 and MOTA of a tracker's boxes; both files hold MOTChallenge's rows."""
    from evaluation.boxes.tracks import score_tracks  # noqa: PLC0415 - as above

    click.echo(json.dumps(dataclasses.asdict(score_tracks(truth, predicted)), indent=1))

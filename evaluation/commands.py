"""The sub-command of this room: `streetwarden evaluate`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click
from tqdm import tqdm

from evaluation.run import run
from evaluation.truth import ClipTruth, read_dataset


@click.command("evaluate")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.yaml")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for report and evidence."
)
@click.option("--model", default="yolov8n", show_default=True, help="Name of the detection model.")
def evaluate(dataset: Path, out: Path, model: str) -> None:
    """Run the detector on the clips of DATASET.yaml and score what it finds.

    Writes report.json, report.html and timing.json to the folder given by --out.
    """
    from detector.analyze import analyze  # noqa: PLC0415  (brings the models: slow, and needed here alone)

    report = run(read_dataset(dataset), out, analyze, model=model, progress=_progress)
    for problem in report["problems"]:
        click.echo(f"left out: {problem}", err=True)
    if report["unknown_keys"]:
        click.echo(f"ignored: {report['unknown_keys']} unknown keys", err=True)
    found = report["all"]
    click.echo(
        f"clips {len(report['clips'])}, found {found['found']}, false alarms {found['false_alarms']},"
        f" missed {found['misses']}, F1 {_number(found['f1'])}; see {out / 'report.html'}"
    )


def _progress(clips: Iterable[ClipTruth]) -> Iterable[ClipTruth]:
    """A bar on a terminal, and nothing elsewhere."""
    return tqdm(clips, unit="clip", disable=None)


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


@click.group()
def bench() -> None:
    """Measure throughput and latency; JSON on standard output."""


@bench.command()
@click.argument("clip", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
def patrol(clip: Path | None, model: str) -> None:
    """What watching a quiet street costs, beside a bare keyframe loop; on the sample camera's film if no CLIP is given."""
    from evaluation.bench_patrol import bench_patrol  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from evaluation.sample_film import cached_sample  # noqa: PLC0415

    click.echo(json.dumps(bench_patrol(clip or cached_sample().path, model), indent=1))

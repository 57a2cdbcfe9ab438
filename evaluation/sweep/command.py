"""`streetwarden sweep`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import click

from evaluation.running.job import DEFAULT_MODEL

INTERRUPTED_EXIT = 130
FA_PER_HOUR_MAX = 0.1
"""One false alarm in ten hours of a camera: of a thousand cameras, a hundred an hour to reject."""


@click.command("sweep")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.yaml")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the results.")
@click.option(
    "--score", default="0.3:0.9:0.05", show_default=True, help="Least score of an alarm: FROM:TO:STEP, or a list."
)
@click.option("--dwell", help="Seconds, such as 10,20,30,60, for all zones; as they are drawn if not given.")
@click.option("--fa-max", type=click.FloatRange(0), default=FA_PER_HOUR_MAX, show_default=True, help="Per camera-hour.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Detection model: NAME or NAME:PRECISION.")
@click.option(
    "--provider", help="tensorrt, cuda, openvino or cpu, or as tensorrt:fp16; default: the best one there is."
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Clips at once; one for each core if not given.")
@click.option("--fresh", is_flag=True, help="Analyse all clips again, also those that are finished in the folder.")
def sweep(dataset: Path, out: Path, **options: Any) -> None:
    """Say what each combination of thresholds would do on the clips of DATASET.yaml; they are analysed once.

    Writes sweep.json and sweep.svg to the folder given by --out, and prints a table.
    """
    from evaluation.datasets.truth import read_dataset  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from evaluation.running.analysed import Plan  # noqa: PLC0415
    from evaluation.running.bar import Bar  # noqa: PLC0415
    from evaluation.running.job import Settings  # noqa: PLC0415
    from evaluation.sweep.grid import dwell_values, score_values  # noqa: PLC0415
    from evaluation.sweep.sweep import sweep as run  # noqa: PLC0415

    scores = score_values(options["score"])
    dwells_s = dwell_values(options["dwell"]) if options["dwell"] else ()
    settings = Settings(options["model"], options["provider"], gated=not dwells_s, dwells_s=dwells_s)
    plan = Plan(settings, options["jobs"], options["fresh"])
    known = read_dataset(dataset)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a runner that cancels a job sends this one
    with Bar() as bar:
        try:
            content = run(known, out, plan, scores=scores, fa_per_hour_max=options["fa_max"], progress=bar)
        except KeyboardInterrupt:
            click.echo(
                f"stopped: {bar.done} of {bar.clips} clips are kept; the same command goes on from there", err=True
            )
            sys.exit(INTERRUPTED_EXIT)
    for problem in content["problems"]:
        click.echo(f"left out: {problem}", err=True)
    for line in table(content):
        click.echo(line)
    click.echo(f"see {out / 'sweep.json'} and {out / 'sweep.svg'}")


def table(content: dict[str, Any]) -> list[str]:
    """The rows as text; what is best is marked."""
    best = {"F1": content["best_f1"], "recall": content["best_recall"]["row"]}
    lines = [f"{'dwell':>8} {'score':>6} {'precision':>9} {'recall':>7} {'F1':>7} {'FA/h':>8}"]
    for row in content["rows"]:
        marks = " ".join(f"best {name}" for name, chosen in best.items() if chosen == row)
        dwell = "drawn" if row["dwell_s"] is None else f"{row['dwell_s']:g} s"
        rates = f"{_rate(row['precision']):>9} {_rate(row['recall']):>7} {_rate(row['f1']):>7}"
        lines.append(
            f"{dwell:>8} {row['score_min']:>6g} {rates} {_rate(row['fa_per_camera_hour'], 2):>8} {marks}".rstrip()
        )
    limit = content["best_recall"]["fa_per_camera_hour_max"]
    if best["recall"] is None:
        lines.append(f"no combination has {limit:g} false alarms per camera-hour or fewer")
    else:
        lines.append(f"best recall: at {limit:g} false alarms per camera-hour or fewer")
    lines.append("chosen on the clips that it was measured on: confirm it with `streetwarden evaluate` on others")
    return lines


def _rate(value: float | None, digits: int = 3) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"

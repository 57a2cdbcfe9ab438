"""`streetwarden bench api`, `bench cameras` and `bench peers`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group("api")
def api() -> None:
    """What the event system bears."""


@api.command("download")
@click.option("--size", "size_mb", type=click.IntRange(min=1), default=200, show_default=True, help="Of the clip, MiB.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Rates are their medians.")
def download(size_mb: int, rounds: int) -> None:
    """How fast a long clip is handed out, and what that costs the event system in CPU and memory."""
    from evaluation.benches.download import bench_download  # noqa: PLC0415 - as below

    click.echo(json.dumps(bench_download(size_mb, rounds), indent=1))


@api.command("cases")
@click.option("--cases", "count", type=click.IntRange(min=1000), default=1_000_000, show_default=True)
@click.option(
    "--database", help="An empty PostgreSQL database: postgresql+psycopg://USER:PASSWORD@HOST/DB; none: SQLite."
)
def cases(count: int, database: str | None) -> None:
    """How long a page of a list takes among very many cases: every filter, both orders, wide and narrow scopes."""
    from evaluation.benches.cases import bench_cases  # noqa: PLC0415 - as below

    click.echo(json.dumps(bench_cases(count, database), indent=1))


@api.command("intake")
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=10.0, show_default=True, help="For each number of clients."
)
@click.option("--database", help="As of `bench api cases`.")
def intake(seconds: float, database: str | None) -> None:
    """How many new incidents are taken in within a second, from one client and from many."""
    from evaluation.benches.intake import bench_intake  # noqa: PLC0415 - as below

    click.echo(json.dumps(bench_intake(seconds, database), indent=1))


@click.command("cameras")
@click.option("--model", default="yolov8n", show_default=True, help="As `models list` shows it, such as yolov8n:int8.")
@click.option("--seconds", type=click.FloatRange(min=5), default=60.0, show_default=True, help="For each number tried.")
@click.option("--max", "most", type=click.IntRange(min=1), default=1000, show_default=True, help="No more are tried.")
@click.option(
    "--lag-limit", "lag_limit_s", type=click.FloatRange(min=0.1), default=2.0, show_default=True, help="Seconds."
)
@click.option(
    "--incidents", type=click.IntRange(min=0), default=8, show_default=True, help="Awaited in the event system."
)
def cameras(model: str, *, seconds: float, most: int, lag_limit_s: float, incidents: int) -> None:
    """How many paced 1080p cameras this machine holds with detection, what they cost, and how soon an alarm can be read.

    Tries numbers of cameras one after the other, which takes about ten minutes; composes its footage at the first call.
    """
    from evaluation.benches.cameras import bench_cameras  # noqa: PLC0415 - loads the detector's libraries; --help must not

    report = bench_cameras(model, seconds=seconds, most=most, lag_limit_s=lag_limit_s, incidents=incidents)
    click.echo(json.dumps(report, indent=1))


@click.command("peers")
@click.argument("dataset", type=click.Path(path_type=Path, dir_okay=False), metavar="DATASET.yaml")
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=1, show_default=True, help="The CPU time is their median."
)
def peers(dataset: Path, model: str, rounds: int) -> None:
    """What a user would take instead, on the clips of DATASET.yaml: cost, and parking incidents found at the same truth."""
    from evaluation.benches.peers import bench_peers  # noqa: PLC0415 - as above

    click.echo(json.dumps(bench_peers(dataset, model, rounds=rounds), indent=1))

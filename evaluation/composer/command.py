"""`streetwarden compose`: labelled incidents out of footage of fixed cameras."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command("compose")
@click.argument("recipe", type=click.Path(path_type=Path, dir_okay=False), metavar="RECIPE.yaml")
@click.option(
    "--footage",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the clips and pictures that the recipe names.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the dataset.")
@click.option("--only", multiple=True, metavar="NAME", help="Compose this scenario alone; may be given more than once.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; one for each core if not given.")
def compose(recipe: Path, footage: Path, out: Path, only: tuple[str, ...], jobs: int | None) -> None:
    """Compose the labelled clips of RECIPE.yaml out of footage; two runs make the same pictures and the same truth.

    Writes NAME.mp4, NAME.camera.yaml and NAME.truth.json for each scenario, and dataset.yaml for `streetwarden evaluate`.
    """
    from evaluation.composer.compose import compose as clips  # noqa: PLC0415 - loads OpenCV and PyAV; --help must not
    from evaluation.composer.compose import footage_s  # noqa: PLC0415 - as above

    names: list[str] = []
    media_s, incidents = 0.0, 0
    for clip in clips(recipe, footage, out, only=only, jobs=jobs or os.cpu_count() or 1):
        click.echo(f"{clip.name}: {clip.duration_s:g} s, incidents: {clip.incidents}", err=True)
        names.append(clip.name)
        media_s, incidents = media_s + clip.duration_s, incidents + clip.incidents
    distinct_min = footage_s(recipe, footage, names) / 60
    click.echo(
        f"clips {len(names)}, incidents {incidents}, film {media_s:g} s out of {distinct_min:.1f} min of footage that moves;"
        f" see {out / 'dataset.yaml'}"
    )

"""`streetwarden dataset`: look a dataset over, bring truth in from other tools, take it out to them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evaluation.errors import EvaluationError

if TYPE_CHECKING:
    from evaluation.datasets.formats.layout import Format
    from evaluation.datasets.transfer import Transferred
    from evaluation.datasets.truth import ClipTruth

FILE = click.Path(path_type=Path)


@click.group()
def dataset() -> None:
    """Check recorded clips and their truth, and convert it from and to other formats."""


@dataset.command("validate")
@click.argument("path", type=FILE, metavar="DATASET.yaml")
@click.option("--quick", is_flag=True, help="Don't decode the clips: damage in the middle of one is then not found.")
def validate_command(path: Path, *, quick: bool) -> None:
    """Name every problem of DATASET.yaml, its cameras, truth and clips: file, line, what is allowed.

    Exit code 0 when there is none, 1 when there are some, 2 when the dataset can't be read.
    """
    from evaluation.datasets.validate import validate  # noqa: PLC0415 - loads video libraries; --help must not

    result = validate(path, _progress, decode=not quick)
    for finding in result.findings:
        click.echo(finding)
    click.echo(f"clips {result.clips}, incidents {result.incidents}, problems {len(result.findings)}", err=True)
    sys.exit(1 if result.findings else 0)


@dataset.command("import")
@click.argument("name", metavar="FORMAT")
@click.argument("source", type=FILE)
@click.option("--cameras", required=True, type=FILE, help="Cameras file of the clip, with its zones.")
@click.option("--out", required=True, type=FILE, help="Truth file to write.")
@click.option("--category", "categories", multiple=True, metavar="NAME=TYPE", help="What a category means; repeatable.")
@click.option("--zone", help="Id of the zone that all belongs to; by default it is found by place.")
@click.option("--first-frame", type=int, help="Number of a clip's first picture; by default as the format has it.")
@click.option("--report", is_flag=True, help="Write an incidents.json instead: what another system reported.")
def import_command(  # noqa: PLR0917 - click names what it hands in
    name: str,
    source: Path,
    cameras: Path,
    out: Path,
    categories: tuple[str, ...],
    zone: str | None,
    first_frame: int | None,
    *,
    report: bool,
) -> None:
    """Write a truth file from SOURCE in FORMAT: mot, coco, cvat, actev or canal (大运河杯).

    Frame numbers become seconds through the clip's own time stamps. What is no incident is counted on standard error.
    """
    from evaluation.datasets.transfer import bring_in  # noqa: PLC0415 - as above

    done = bring_in(
        _format(name),
        source,
        cameras,
        out,
        types=_types(categories),
        zone=zone,
        first_frame=first_frame,
        as_report=report,
    )
    _say(done, out)


@dataset.command("export")
@click.argument("name", metavar="FORMAT")
@click.argument("source", type=FILE, metavar="TRUTH.json|incidents.json")
@click.option("--cameras", required=True, type=FILE, help="Cameras file of the clip.")
@click.option("--out", required=True, type=FILE, help="File to write; for mot a folder.")
@click.option("--category", "categories", multiple=True, metavar="NAME=TYPE", help="What to call a type; repeatable.")
@click.option("--first-frame", type=int, help="Number of a clip's first picture; by default as the format has it.")
def export_command(
    name: str, source: Path, cameras: Path, out: Path, categories: tuple[str, ...], first_frame: int | None
) -> None:
    """Write truth, or what the detector reported, in FORMAT: mot, actev or canal (大运河杯)."""
    from evaluation.datasets.transfer import take_out  # noqa: PLC0415 - as above

    _say(take_out(_format(name), source, cameras, out, types=_types(categories), first_frame=first_frame), out)


def _format(name: str) -> Format:
    from evaluation.datasets.formats import FORMATS  # noqa: PLC0415 - as above

    if name not in FORMATS:
        raise EvaluationError(f"format {name!r} is unknown: allowed are {', '.join(FORMATS)}")
    return FORMATS[name]


def _types(categories: tuple[str, ...]) -> dict[str, str]:
    from evaluation.datasets.formats.layout import OWN_TYPES  # noqa: PLC0415 - as above

    types: dict[str, str] = {}
    for text in categories:
        category, _, kind = text.rpartition("=")
        if not category or kind not in OWN_TYPES:
            raise EvaluationError(f"--category {text}: allowed is NAME=TYPE with TYPE one of {', '.join(OWN_TYPES)}")
        types[category] = kind
    return types


def _say(done: Transferred, out: Path) -> None:
    for problem in done.problems:
        click.echo(problem, err=True)
    click.echo(f"incidents {done.incidents}; see {out}")


def _progress(clips: Iterable[ClipTruth]) -> Iterable[ClipTruth]:
    """A bar on a terminal, and nothing elsewhere."""
    from tqdm import tqdm  # noqa: PLC0415 - as above

    return tqdm(clips, unit="clip", disable=None)

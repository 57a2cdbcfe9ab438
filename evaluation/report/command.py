"""`streetwarden compare`: two runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

_RUN = click.Path(path_type=Path)


@click.command("compare")
@click.argument("a", type=_RUN, metavar="A")
@click.argument("b", type=_RUN, metavar="B")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html", help="Page to write."
)
def compare_command(a: Path, b: Path, out: Path) -> None:
    """Say what B does differently from A, two runs over the same clips.

    A and B are folders that `streetwarden evaluate` wrote, or their report.json. Writes a page, and the same for machines as
    FILE.json beside it.
    """
    from evaluation.errors import EvaluationError  # noqa: PLC0415 - --help must stay fast
    from evaluation.report.build import write_json, write_text  # noqa: PLC0415
    from evaluation.report.compare import compare  # noqa: PLC0415
    from evaluation.report.comparison_page import render_comparison, verdict  # noqa: PLC0415
    from evaluation.report.load import load_report  # noqa: PLC0415

    if out.suffix.lower() not in {".html", ".htm"}:
        raise EvaluationError(f"--out {out}: allowed is a file that ends in .html")
    before, after = load_report(a), load_report(b)
    comparison = compare(before, after)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out.with_suffix(".json"), comparison)
    write_text(out, render_comparison(comparison, before, after))
    click.echo(f"{verdict(comparison)} See {out}")

"""`streetwarden advise`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("advise")
@click.option("--events", metavar="URL", help="Address of the event system; its token comes from STREETWARDEN_TOKEN.")
@click.option(
    "--file", "file", type=FILE, metavar="EXPORT.jsonl", help="Incidents as the event system gives them, one a line."
)
@click.option(
    "--reviews-min", type=click.IntRange(1), help="Fewer reviews of a rule give no threshold; 30 if not given."
)
@click.option("--out", type=FILE, metavar="ADVICE.json", help="Write it as JSON, too.")
@click.option("--keep", type=FILE, metavar="EXPORT.jsonl", help="Keep what the event system gave, for --file.")
def advise(
    *, events: str | None, file: Path | None, reviews_min: int | None, out: Path | None, keep: Path | None
) -> None:
    """Say what reviewers' verdicts tell about cameras, rules and thresholds.

    Precision for each camera and rule, with the interval of 95 %; why cases were rejected; and which least score would have
    saved how many rejections, at the cost of how many confirmed cases.
    """
    if (events is None) == (file is None):
        raise click.UsageError("give exactly one of --events and --file")
    if keep is not None and events is None:
        raise click.UsageError("--keep is for what --events gives")
    from evaluation.advice.advice import REVIEWS_MIN  # noqa: PLC0415 - loads SciPy; --help must not
    from evaluation.advice.advice import advise as run  # noqa: PLC0415
    from evaluation.advice.verdicts import read_lines, reviews_of  # noqa: PLC0415
    from evaluation.report.build import write_json  # noqa: PLC0415

    if file is not None:
        reviews = reviews_of(read_lines(file), str(file))
    else:
        reviews = reviews_of(_fetched(str(events), keep), "the event system")
    advice = run(reviews, reviews_min or REVIEWS_MIN)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, advice)
    for problem in advice["problems"]:
        click.echo(f"left out: {problem}", err=True)
    for line in table(advice):
        click.echo(line)


def _fetched(url: str, keep: Path | None) -> Iterator[object]:
    from evaluation.advice.verdicts import fetch_incidents  # noqa: PLC0415 - as above
    from evaluation.errors import EvaluationError  # noqa: PLC0415
    from evaluation.report.build import write_text  # noqa: PLC0415

    token = os.environ.get("STREETWARDEN_TOKEN", "")
    if not token:
        raise EvaluationError("STREETWARDEN_TOKEN: is not set: it holds the token that --events is read with")
    incidents = list(fetch_incidents(url, token))
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        write_text(keep, "".join(json.dumps(incident, ensure_ascii=False) + "\n" for incident in incidents))
    return iter(incidents)


def table(advice: dict[str, Any]) -> list[str]:
    """The advice for people."""
    lines = [f"{advice['reviewed']} reviewed, {advice['unreviewed']} not yet"]
    if not advice["reviewed"]:
        return lines
    lines += ["", f"{'camera':<24} {'rule':<16} {'confirmed':>9} {'rejected':>8} {'precision':>9}   interval of 95 %"]
    for row in [*advice["cameras"], *({"camera": "all", **rule} for rule in advice["rules"])]:
        counts = f"{row['confirmed']:>9} {row['rejected']:>8} {row['precision']:>9.3f}"
        lines.append(f"{row['camera']:<24} {row['type']:<16} {counts}   {row['low']:.3f} to {row['high']:.3f}")
    if advice["reasons"]:
        lines += ["", "rejected because:"]
        lines += [f"{row['count']:>6}  {row['reason']}" for row in advice["reasons"]]
    lines += ["", "a least score would have:"]
    for rule in advice["rules"]:
        lines += _thresholds(rule)
    return lines


def _thresholds(rule: dict[str, Any]) -> list[str]:
    if rule["no_threshold"] is not None:
        return [f"  {rule['type']}: {rule['no_threshold']}"]
    return [
        f"  {rule['type']}: {row['score_min']:g} saved {row['rejections_saved']} of {rule['rejected']} rejections,"
        f" cost {row['confirmed_lost']} of {rule['confirmed']} confirmed cases"
        for row in rule["thresholds"]
    ]

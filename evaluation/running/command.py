"""`streetwarden evaluate`, `gate` and `bench evaluate`."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evaluation.running.job import DEFAULT_MODEL

if TYPE_CHECKING:
    from evaluation.gate import Finished

BROKE_EXIT = 1
GATE_EXIT = 3
INTERRUPTED_EXIT = 130
FILE = click.Path(path_type=Path, dir_okay=False)
BASELINE = click.option(
    "--baseline", type=FILE, metavar="REPORT.json", help="Report to compare with: `baseline.all.f1`."
)
FAIL_IF = (
    "What must not be, such as 'dumping.f1 < 0.93 or all.f1 < baseline.all.f1 - 0.01'; may be given several times."
)


@click.command("evaluate")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.yaml")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for report and evidence."
)
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Detection model: NAME or NAME:PRECISION.")
@click.option(
    "--provider", help="tensorrt, cuda, openvino or cpu, or as tensorrt:fp16; default: the best one there is."
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Clips at once; one for each core if not given.")
@click.option("--fresh", is_flag=True, help="Analyse all clips again, also those that are finished in the folder.")
@click.option(
    "--evidence/--no-evidence",
    default=False,
    help="Make clips, tracks and stills and read plates, too: same scores, some seconds more for each incident.",
)
@BASELINE
@click.option("--fail-if", multiple=True, metavar="CONDITION", help=FAIL_IF)
def evaluate(dataset: Path, out: Path, **options: Any) -> None:
    """Run the detector on the clips of DATASET.yaml and score what it finds.

    Writes report.json, report.html and timing.json to the folder given by --out. Clips that are finished there are not
    analysed again as long as clip, cameras file, model, settings and code are the same; so what was interrupted goes on where
    it stopped.
    Exit code 1: a clip failed by a defect; 2: wrong input; 3: a condition of --fail-if is true.
    """
    from evaluation import gate as gating  # noqa: PLC0415 - as below
    from evaluation.datasets.truth import read_dataset  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from evaluation.run import evaluate as run  # noqa: PLC0415
    from evaluation.running.analysed import Plan  # noqa: PLC0415
    from evaluation.running.bar import Bar  # noqa: PLC0415
    from evaluation.running.job import Settings  # noqa: PLC0415

    baseline = _baseline(options["baseline"], options["fail_if"])
    settings = Settings(options["model"], options["provider"], evidence=options["evidence"])
    plan = Plan(settings, options["jobs"], options["fresh"])
    known = read_dataset(dataset)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a runner that cancels a job sends this one
    with Bar() as bar:
        try:
            report = run(known, out, plan, bar)
        except KeyboardInterrupt:
            click.echo(
                f"stopped: {bar.done} of {bar.clips} clips are finished and kept in {out}; the same command goes on from"
                " there",
                err=True,
            )
            sys.exit(INTERRUPTED_EXIT)
    _say(report, out)
    failed = _judged(gating.finished(report), baseline, options["fail_if"])
    if report["clips_broke"]:
        sys.exit(BROKE_EXIT)
    if failed:
        sys.exit(GATE_EXIT)


@click.command("gate")
@click.argument("report", type=FILE, metavar="REPORT.json")
@BASELINE
@click.option("--fail-if", multiple=True, required=True, metavar="CONDITION", help=FAIL_IF)
def gate(report: Path, baseline: Path | None, fail_if: tuple[str, ...]) -> None:
    """Say whether a finished REPORT.json may pass: exit code 3 if a condition of --fail-if is true.

    Names are those under `all` and under each type in report.json, such as all.fa_per_camera_hour or dumping.delay_s.p95;
    those of the old report begin with `baseline.`. Conditions know and, or, not, comparisons, + - * and brackets.
    """
    from evaluation.gate import read_report  # noqa: PLC0415 - --help must not load it

    if _judged(read_report(report), _baseline(baseline, fail_if), fail_if):
        sys.exit(GATE_EXIT)


@click.command("evaluate")
@click.argument("dataset", type=FILE, required=False, metavar="[DATASET.yaml]")
@click.option("--minutes", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Of film, in all.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Detection model: NAME or NAME:PRECISION.")
@click.option("--evidence/--no-evidence", default=False, help="As in `streetwarden evaluate`.")
def bench_evaluate(dataset: Path | None, minutes: float, model: str, *, evidence: bool) -> None:
    """What an evaluation costs: the clips of DATASET.yaml, or the sample camera's film, looped to an hour."""
    from evaluation.running.bench import bench_evaluate as run  # noqa: PLC0415 - as above
    from evaluation.running.job import Settings  # noqa: PLC0415

    click.echo(json.dumps(run(dataset, minutes, Settings(model, evidence=evidence)), indent=1))


def _baseline(path: Path | None, fail_if: tuple[str, ...]) -> Finished | None:
    """The old report, read before anything else is done: a wrong path must not cost an evaluation."""
    from evaluation.gate import check, read_report  # noqa: PLC0415 - as above

    baseline = None if path is None else read_report(path)
    if baseline is not None and not fail_if:
        raise click.UsageError("--baseline says what to compare with: --fail-if must say what is not allowed")
    for condition in fail_if:
        check(condition, has_baseline=baseline is not None)
    return baseline


def _judged(report: Finished, baseline: Finished | None, conditions: tuple[str, ...]) -> bool:
    """Prints what the gate says; True if it says no."""
    from evaluation.gate import differing_clips, judge, lines_of  # noqa: PLC0415 - as above

    if not conditions:
        return False
    if baseline is not None and (difference := differing_clips(report, baseline)):
        click.echo(difference, err=True)
    verdicts = [judge(condition, report, baseline) for condition in conditions]
    for line in lines_of(verdicts):
        click.echo(line)
    if report.clips_failed:
        click.echo(f"gate fails: {report.clips_failed} clips could not be analysed, and are in no number")
    return report.clips_failed > 0 or any(verdict.fails for verdict in verdicts)


def _say(report: dict[str, Any], out: Path) -> None:
    for problem in report["problems"]:
        click.echo(f"left out: {problem}", err=True)
    if report["unknown_keys"]:
        click.echo(f"ignored: {report['unknown_keys']} unknown keys", err=True)
    for clip in report["clips"]:
        if clip["status"] != "ok":
            click.echo(f"{clip['status']}: {clip['name']}: scored as far as it goes, {clip['media_s']:g} s", err=True)
    found = report["all"]
    f1 = "n/a" if found["f1"] is None else f"{found['f1']:.3f}"
    failed = f" ({report['clips_failed']} failed)" if report["clips_failed"] else ""
    click.echo(
        f"clips {len(report['clips'])}{failed}, found {found['found']}, false alarms {found['false_alarms']},"
        f" missed {found['misses']}, F1 {f1}; see {out / 'report.html'}"
    )

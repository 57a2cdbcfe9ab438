"""The sub-command `streetwarden models quantize`."""

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from models.quantising.report import Report

# What a command needs is imported when it runs: `--help` must not wait for ONNX.
# ruff: noqa: PLC0415


@click.command("quantize")
@click.argument("name")
@click.option(
    "--frames",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR|CLIP",
    help="Pictures of your own cameras, or a clip.",
)
@click.option("--precision", type=click.Choice(["int8", "fp16"]), default="int8", show_default=True)
@click.option("--count", default=64, show_default=True, help="Frames at most; half of them calibrate, half judge.")
@click.option(
    "--method",
    type=click.Choice(["percentile", "entropy", "minmax"]),
    default="percentile",
    show_default=True,
    help="Of calibration.",
)
@click.option("--full-range", is_flag=True, help="8-bit weights instead of 7: for processors with VNNI alone.")
@click.option(
    "--score", "score_min", default=0.25, show_default=True, help="Floor of the float boxes that count as truth."
)
@click.option("--provider", help="To judge both on; the CPU for int8, the best that is there for fp16.")
@click.option("--accept", is_flag=True, help="Install it if it is good enough, without asking.")
@click.option("--dry-run", is_flag=True, help="Report only, and ask nothing.")
@click.option("--force", is_flag=True, help="Install it although it is not good enough, or over an earlier one.")
@click.pass_context
def quantize_command(  # noqa: PLR0913 - one parameter an option
    context: click.Context,
    /,
    *,
    name: str,
    source: Path,
    precision: Literal["int8", "fp16"],
    count: int,
    method: str,
    full_range: bool,
    score_min: float,
    provider: str | None,
    accept: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Make a smaller, faster variant of a model and judge it on your own frames before it is accepted.

    The table goes to standard error, the same as JSON to standard output. An accepted variant is used as NAME:int8.
    """
    import json
    import tempfile

    from models.errors import ModelError
    from models.quantising.calibration import Method
    from models.quantising.trial import Wanted, try_variant
    from models.registry.entries import load_registry
    from models.registry.variants import add_variant

    if accept and dry_run:
        raise click.UsageError("--accept and --dry-run exclude each other.", context)
    asks = not accept and not dry_run and sys.stdin.isatty() and sys.stderr.isatty()
    model = load_registry().model(name)
    if (accept or asks) and precision in model.variants and not force:
        raise ModelError(f"{name}:{precision} is there already; --force makes it anew, --dry-run only reports")
    wanted = Wanted(precision, source, count, Method(method), full_range, score_min, provider)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"{name}-{precision}.onnx"
        report = try_variant(model, wanted, made, _say)
        for line in report.lines():
            _say(line)
        installs = (accept or asks) and _may_install(report, force=force, asks=asks)
        if installs:
            card = report.card() | {"created": dt.datetime.now(dt.UTC).date().isoformat()}
            _say(f"Use it as {add_variant(name, precision, made, card).name}.")
        elif not accept:
            _say(f"Nothing was installed; with {'--accept' if report.good_enough else '--accept --force'} it will be.")
    click.echo(json.dumps(report.as_json() | {"accepted": installs}, ensure_ascii=False))
    context.exit(1 if accept and not installs else 0)


def _may_install(report: "Report", *, force: bool, asks: bool) -> bool:
    from models.quantising.report import AP50_MIN

    if not report.good_enough:
        poor = f"AP at IoU 0.5 is {report.agreement.ap50:.4f}, at least {AP50_MIN} is needed"
        if not force:
            _say(f"Not accepted: {poor}. More frames, other frames or --method may help; --force takes it as it is.")
            return False
        _say(f"Taken by force: {poor}.")
    return click.confirm(f"Install {report.model}:{report.precision}?", err=True) if asks else True


def _say(line: str) -> None:
    click.echo(line, err=True)

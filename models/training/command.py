"""The sub-command `streetwarden models train`."""

import datetime as dt
from pathlib import Path

import click

# What a command needs is imported when it runs: `--help` must not wait for PyTorch.
# ruff: noqa: PLC0415


@click.command("train")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--name", help="What the model will be called; needed unless --check.")
@click.option("--base", default="yolov8n", show_default=True, metavar="NAME|FILE", help="Model to start from.")
@click.option("--val", type=click.Path(path_type=Path), metavar="DATASET", help="Another data set to judge it by.")
@click.option("--val-share", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Part to judge it by.")
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Train this class alone; may be repeated.")
@click.option("--role", "roles", multiple=True, metavar="CLASS=ROLE", help="What a class is to the rules; repeatable.")
@click.option(
    "--wrong-object",
    "wrong_object_reasons",
    multiple=True,
    default=("wrong_object",),
    show_default=True,
    metavar="REASON",
    help="Reason to reject a case that denies the object itself; may be repeated.",
)
@click.option("--epochs", type=click.IntRange(1), default=50, show_default=True, help="Rounds over all pictures.")
@click.option("--input-size", "input_px", default=640, show_default=True, help="Side of the input in pixels.")
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True, help="Pictures a step.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything that is random.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, mps, cuda or cuda:N.")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, help="Processes that read pictures.")
@click.option("--resume", is_flag=True, help="Go on with the run of this name that was stopped.")
@click.option("--check", is_flag=True, help="Read the data set, say what is in it, and train nothing.")
@click.pass_context
def train_command(  # noqa: PLR0913 - one parameter an option
    context: click.Context,
    /,
    *,
    dataset: Path,
    name: str | None,
    base: str,
    val: Path | None,
    val_share: float,
    classes: tuple[str, ...],
    roles: tuple[str, ...],
    wrong_object_reasons: tuple[str, ...],
    epochs: int,
    input_px: int,
    batch: int,
    seed: int,
    device: str,
    workers: int,
    resume: bool,
    check: bool,
) -> None:
    """Fine-tune a detector on your own classes: stalls, tricycles, bags, piles.

    DATASET is a folder with data.yaml (YOLO) or cases.jsonl (reviewed cases), or a .json in COCO's format.
    """
    from models.training.source import Source, read_source

    def say(line: str) -> None:
        click.echo(line, err=True)

    source = Source(dataset, val, val_share, classes, wrong_object_reasons)
    if check:
        read_source(source, click.echo)
        return
    if name is None:
        raise click.UsageError("Missing option '--name'.", context)
    from models.training.fine_tune import Machine
    from models.training.run_folder import RunFolder
    from models.training.train import Plan, train

    plan = Plan(
        source=source,
        name=name,
        base=base,
        roles=_roles(roles),
        epochs=epochs,
        input_px=input_px,
        batch=batch,
        seed=seed,
        machine=Machine(device, workers),
        resume=resume,
        created=dt.datetime.now(dt.UTC).date().isoformat(),
    )
    try:
        model = train(plan, say)
    except KeyboardInterrupt:
        done = RunFolder.of(name).epochs_done()
        say(f"stopped after epoch {done}: the same command with --resume goes on from there" if done else "stopped")
        raise
    metrics = model.entry.card.metrics
    say(f"{model.name} comes under {model.entry.licence}, inherited from {model.entry.card.trained_from}")
    played = ", ".join(f"{cls} = {role}" for cls, role in model.roles.items()) or "none: name them under `roles`"
    click.echo(f"{model.name}: val mAP50 {metrics['val_map50']}, mAP50-95 {metrics['val_map50_95']}; roles: {played}")


def _roles(written: tuple[str, ...]) -> dict[str, str] | None:
    from models.errors import ModelError

    roles = {}
    for pair in written:
        name, equals, role = pair.rpartition("=")
        if not (equals and name and role):
            raise ModelError(f"role {pair!r}: CLASS=ROLE is expected, such as pile=waste")
        roles[name] = role
    return roles or None

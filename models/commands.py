"""The sub-commands of `streetwarden models`."""

from pathlib import Path

import click

# What a command needs is imported when it runs: `streetwarden --help` must not wait for NumPy and ONNX Runtime.
# ruff: noqa: PLC0415


@click.group()
def models() -> None:
    """The detectors that can be used: list, fetch, check, add your own."""


@models.command("list")
def list_models() -> None:
    """List the models that are known."""
    from models.registry.entries import load_registry
    from models.registry.pull import is_pulled

    rows = [("name", "family", "input px", "licence", "pulled")]
    for model in load_registry().models.values():
        entry = model.entry
        pulled = "yes" if is_pulled(model) else "no"
        rows.append((model.name, entry.family, str(entry.input_size), entry.licence, pulled))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@models.command("pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def pull_models(names: tuple[str, ...]) -> None:
    """Fetch models into the cache, check them and convert them where needed; print where they lie."""
    from models.registry.entries import load_registry
    from models.registry.pull import pull

    registry = load_registry()
    for model in [registry.model(name) for name in names]:
        click.echo(pull(model))


@models.command("add")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What it will be called.")
@click.option("--family", help="yolov8 or yolox; recognised when left out.")
@click.option(
    "--classes", metavar="LIST|FILE", help="A list of the registry (coco80) or a text file with one class a line."
)
@click.option("--input-size", "input_px", default=640, show_default=True, help="Side of the input in pixels.")
@click.option("--licence", help="The terms under which you have it; what the model says when left out.")
def add(file: Path, name: str, family: str | None, classes: str | None, input_px: int, licence: str | None) -> None:
    """Add your own detector: an ONNX file, or a YOLOv8 checkpoint (.pt)."""
    from models.registry.add import add_model

    model = add_model(file, name, family=family, classes=classes, input_px=input_px, licence=licence)
    played = ", ".join(f"{cls} = {role}" for cls, role in model.roles.items()) or "none: name them under `roles`"
    click.echo(f"{model.name}: {model.entry.family}, {len(model.class_names)} classes; roles: {played}")


@models.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_context
def verify(context: click.Context, names: tuple[str, ...]) -> None:
    """Check the digests of models (all, when none is named); exit code 1 when one is wrong or a named one is missing."""
    from models.registry.entries import load_registry
    from models.registry.pull import Condition, condition

    registry = load_registry()
    conditions = {name: condition(registry.model(name)) for name in names or registry.models}
    for name, found in conditions.items():
        click.echo(f"{name}: {found.value}")
    accepted = {Condition.RIGHT} if names else {Condition.RIGHT, Condition.ABSENT}
    context.exit(0 if set(conditions.values()) <= accepted else 1)

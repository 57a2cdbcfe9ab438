"""The sub-commands of `streetwarden models`."""

from pathlib import Path

import click

from models.plates.command import plates_command
from models.quantising.command import quantize_command
from models.training.command import train_command

# What a command needs is imported when it runs: `streetwarden --help` must not wait for NumPy and ONNX Runtime.
# ruff: noqa: PLC0415


@click.group()
def models() -> None:
    """The detectors that can be used: list, fetch, check, add your own."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def list_models(*, as_json: bool) -> None:
    """List the models that are known, each with its variants: licence, and whether it is here."""
    import json

    from models.registry.entries import load_registry
    from models.registry.licence import is_copyleft
    from models.registry.pull import Condition, condition

    found = [(model, condition(model)) for model in load_registry().with_variants()]
    if as_json:
        keys = [
            {
                "name": model.name,
                "family": model.entry.family,
                "input_px": model.entry.input_size,
                "licence": model.entry.licence,
                "copyleft": is_copyleft(model.entry.licence),
                "pulled": here is Condition.RIGHT,
                "condition": here.value,
            }
            for model, here in found
        ]
        click.echo(json.dumps(keys, ensure_ascii=False, indent=1))
        return
    rows = [("name", "family", "input px", "licence", "pulled")]
    for model, here in found:
        entry = model.entry
        pulled = {Condition.RIGHT: "yes", Condition.ABSENT: "no"}.get(here, f"no: {here.value}")
        rows.append((model.name, entry.family, str(entry.input_size), entry.licence, pulled))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@models.command("pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--sha256", metavar="HEX", help="The digest that you vouch for, of one model whose own is not known; it is kept."
)
def pull_models(names: tuple[str, ...], sha256: str | None) -> None:
    """Fetch models (or variants, NAME:PRECISION) into the cache, check and convert them; print where they lie."""
    from models.registry.entries import load_registry
    from models.registry.pull import pull, pull_vouched

    if sha256 is not None:
        if len(names) != 1:
            raise click.UsageError("--sha256 belongs to one model")
        click.echo(pull_vouched(names[0], sha256))
        return
    registry = load_registry()
    for model in [registry.model(name) for name in names]:
        click.echo(pull(model))


@models.command("card")
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def card(name: str, *, as_json: bool) -> None:
    """Say what is known of a model: classes, roles, licence, where it comes from, how good it is. Markdown."""
    import json

    from models.registry.card import facts, markdown
    from models.registry.entries import load_registry

    known = facts(load_registry().model(name))
    click.echo(json.dumps(known, ensure_ascii=False, indent=1) if as_json else markdown(known))


@models.command("add")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What it will be called.")
@click.option("--family", help="What it takes and gives (yolov8, yolox, rtdetr …); recognised when left out.")
@click.option(
    "--classes", metavar="LIST|FILE", help="A list of the registry (coco80) or a text file with one class a line."
)
@click.option("--input-size", "input_px", default=640, show_default=True, help="Side of the input in pixels.")
@click.option("--licence", help="The terms under which you have it; what the model says when left out.")
def add(file: Path, name: str, family: str | None, classes: str | None, input_px: int, licence: str | None) -> None:
    """Add your own detector: an ONNX file, or a checkpoint of YOLOv8, YOLO11 or YOLO26 (.pt)."""
    from models.registry.add import add_model

    model = add_model(file, name, family=family, classes=classes, input_px=input_px, licence=licence)
    played = ", ".join(f"{cls} = {role}" for cls, role in model.roles.items()) or "none: name them under `roles`"
    click.echo(f"{model.name}: {model.entry.family}, {len(model.class_names)} classes; roles: {played}")


@models.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_context
def verify(context: click.Context, names: tuple[str, ...]) -> None:
    """Check digests of models and variants (of all, when none is named); exit code 1: one is wrong, or a named one absent."""
    from models.registry.entries import load_registry
    from models.registry.pull import Condition, condition

    registry = load_registry()
    wanted = [registry.model(name) for name in names] or registry.with_variants()
    conditions = {model.name: condition(model) for model in wanted}
    for name, found in conditions.items():
        click.echo(f"{name}: {found.value}")
    wrong = {Condition.WRONG, Condition.UNREADABLE} if not names else set(Condition) - {Condition.RIGHT}
    context.exit(1 if wrong & set(conditions.values()) else 0)


models.add_command(plates_command)
models.add_command(quantize_command)
models.add_command(train_command)

"""The sub-command `streetwarden models plates`."""

from pathlib import Path

import click

# What a command needs is imported when it runs: `streetwarden --help` must not wait for NumPy and ONNX Runtime.
# ruff: noqa: PLC0415


@click.command("plates")
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...", type=click.Path(path_type=Path))
@click.option("--country", default="CN", show_default=True, help="Whose plates: ISO 3166-1, two letters.")
@click.option("--provider", help="cuda, openvino or cpu; the best that is there when left out.")
def plates_command(pictures: tuple[Path, ...], country: str, provider: str | None) -> None:
    """Read the number plates in pictures; print one JSON line each, with an empty text where it can't be read."""
    import json

    from models.plates.pictures import described, read_rgb
    from models.plates.reader import load_plate_reader

    images = [(picture, read_rgb(picture)) for picture in pictures]
    reader = load_plate_reader(country, provider=provider)
    for picture, image in images:
        found = [described(reading) for reading in reader.read(image)]
        click.echo(json.dumps({"picture": str(picture), "plates": found}, ensure_ascii=False))

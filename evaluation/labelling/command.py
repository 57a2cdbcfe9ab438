"""`streetwarden label`: a page to draw zones and mark incidents on clips."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CLIP...")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the dataset; what is there is continued.",
)
@click.option("--port", type=int, default=0, help="Port of the page; any free one if not given.")
def label(clips: tuple[Path, ...], out: Path, port: int) -> None:
    """Draw zones on clips and mark what happens in them, in a browser on this machine.

    Writes NAME.camera.yaml and NAME.truth.json for each clip, and dataset.yaml, which `streetwarden evaluate` takes.
    """
    from evaluation.labelling.server import LabelServer, open_clips  # noqa: PLC0415 - loads video libraries

    stopped = threading.Event()
    with LabelServer(open_clips(clips, out), port) as server:
        click.echo(f"Label here: {server.url}")
        click.echo("Ctrl-C ends it; save in the page first.", err=True)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopped.set())
        stopped.wait()

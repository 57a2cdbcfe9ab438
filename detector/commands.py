"""Sub-commands of this room: `analyze`, `worker`, `cameras check` and its like."""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from platformdirs import user_state_path
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

log = logging.getLogger(__name__)

SAY_EVERY_S = 10.0
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
PROVIDER = click.option(
    "--provider",
    help="Where the detector runs: tensorrt, cuda, openvino or cpu, or as tensorrt:fp16; default: the best that is there.",
)


def default_state() -> Path:
    """Where a worker keeps what has not been delivered yet, and how its cameras are doing."""
    return user_state_path("streetwarden") / "worker"


@click.command()
@click.argument("cameras", type=FILE)
@click.option("--out", type=FOLDER, required=True, help="Folder for incidents.json and evidence/.")
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
@PROVIDER
@click.option("--full-rate", is_flag=True, help="Analyse every picture: slow, a reference for sampling.")
def analyze(cameras: Path, out: Path, model: str, provider: str | None, *, full_rate: bool) -> None:
    """Analyse recorded files, as fast as they go."""
    from detector.analyze import analyze as run  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from detector.zoning.cameras_file import read_cameras  # noqa: PLC0415
    from streams.source.probe import declared_s  # noqa: PLC0415

    entries = read_cameras(cameras)
    total = len(entries)
    length_s = sum(declared_s(entry.address) or 0.0 for entry in entries if not entry.address.live)
    with _progress(length_s) as progress:
        result = run(cameras, out, model=model, provider=provider, full_rate=full_rate, on_progress=progress)
    confirmed = len(result["incidents"])
    click.echo(f"{confirmed} incidents in {total} recordings; {out / 'incidents.json'}", err=True)


@contextmanager
def _progress(length_s: float) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, a log line now and then elsewhere; told the seconds of video as they are read."""
    if sys.stderr.isatty():
        shape = "{l_bar}{bar}| {n:.0f}/{total:.0f} s of video [{elapsed}<{remaining}]"
        with logging_redirect_tqdm(), tqdm(total=length_s, bar_format=shape) as bar:

            def draw(read_s: float) -> None:
                bar.update(read_s)

            yield draw
        return
    done_s, said_s = 0.0, time.monotonic()

    def say(read_s: float) -> None:
        nonlocal done_s, said_s
        done_s += read_s
        if time.monotonic() - said_s >= SAY_EVERY_S:
            said_s = time.monotonic()
            log.info("read %.0f of %.0f s of video", done_s, length_s)

    yield say


@click.command()
@click.argument("cameras", type=FILE, required=False)
@click.option("--events", required=True, help="Address of the event system, for instance http://127.0.0.1:8000")
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
@PROVIDER
@click.option("--state", type=FOLDER, default=None, help="Folder for what has not been delivered yet.")
@click.option("--shards", type=click.IntRange(1, 64), default=None, help="Processes; default: by cameras and cores.")
@click.option("--decode", default="auto", show_default=True, help="auto, cpu, or a device such as cuda or qsv.")
@click.option("--ring-memory", type=click.IntRange(1), default=None, help="MiB per camera; what is more goes to disk.")
@click.option(
    "--capacity", type=click.IntRange(1, 5000), default=None, help="Cameras of the registry; default: 50 a core."
)
@click.option("--metrics", metavar="HOST:PORT", default=None, help="Answer Prometheus here.")
@click.option("--no-jobs", is_flag=True, help="Watch only: do no viewing copies, redactions, previews and probes.")
@click.option("--token", envvar="STREETWARDEN_TOKEN", default="", help="Better given as STREETWARDEN_TOKEN.")
def worker(  # noqa: PLR0913 - one for each option
    cameras: Path | None,
    *,
    events: str,
    model: str,
    provider: str | None,
    state: Path | None,
    shards: int | None,
    decode: str,
    ring_memory: int | None,
    capacity: int | None,
    metrics: str | None,
    no_jobs: bool,
    token: str,
) -> None:
    """Watch cameras live and report to the event system.

    CAMERAS is a cameras file. Without it the worker watches what the event system's registry has for it.
    """
    if cameras is not None and capacity is not None:
        raise click.UsageError("--capacity: goes with the registry's cameras; a cameras file names its own.")
    from detector.worker import Worker  # noqa: PLC0415
    from detector.zoning.cameras_file import read_cameras  # noqa: PLC0415 - as above

    logging.getLogger("httpx").setLevel(logging.WARNING)
    running = Worker(
        None if cameras is None else read_cameras(cameras),
        events_url=events,
        token=token,
        state_dir=state or default_state(),
        model=model,
        shards=shards,
        decode=decode,
        ring_memory_bytes=None if ring_memory is None else ring_memory << 20,
        provider=provider,
        jobs=not no_jobs,
        capacity=capacity,
        metrics=metrics,
    )
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: running.stop())
    running.check()
    sys.exit(running.run())


@click.group()
def cameras() -> None:
    """Look after cameras."""


@cameras.command()
@click.argument("cameras_file", type=FILE, metavar="CAMERAS")
@click.option("--out", type=FOLDER, required=True, help="Folder for cameras.json and a picture of each camera.")
def check(cameras_file: Path, out: Path) -> None:
    """Open every source, say what it is, and draw the zones on a picture."""
    from detector.check import check_cameras  # noqa: PLC0415 - as above

    rows = check_cameras(cameras_file, out)
    for row in rows:
        if "error" in row:
            click.echo(f"{row['camera']}: {row['error']}", err=True)
            continue
        fps, gop = row["fps"] or "unknown", row["gop_s"] or "unknown"
        click.echo(
            f"{row['camera']}: {row['codec']} {row['width_px']}x{row['height_px']}, {fps} fps, GOP {gop} s, "
            f"{row['transport']}, clock: {row['clock_source']}, picture: {out / row['picture']}"
        )
        for doubt in row["doubts"]:
            click.echo(f"{row['camera']}: doubtful: {doubt}")
    if any("error" in row for row in rows):
        sys.exit(1)


@cameras.command("health")
@click.option("--state", type=FOLDER, default=None, help="Folder of the worker; as given to `worker --state`.")
def cameras_health(state: Path | None) -> None:
    """How the cameras of a worker on this machine are doing."""
    from detector.errors import ConfigError  # noqa: PLC0415 - as above
    from detector.health import as_line, read_health  # noqa: PLC0415

    folder = state or default_state()
    rows = read_health(folder, datetime.now(UTC))
    if not rows:
        raise ConfigError(f"--state {folder}: no worker has written there how its cameras are doing")
    for row in rows:
        click.echo(as_line(row))


@cameras.command("schema")
def cameras_schema() -> None:
    """The form of what the event system's registry holds, as JSON Schemas: what `api/registry/schemas.json` is made by."""
    from detector.zoning.registry_schemas import registry_schemas  # noqa: PLC0415 - as above

    click.echo(json.dumps(registry_schemas(), indent=1, sort_keys=True))


@cameras.command("accept")
@click.argument("camera")
@click.option("--state", type=FOLDER, default=None, help="Folder of the worker; as given to `worker --state`.")
def accept_camera(camera: str, state: Path | None) -> None:
    """Let what a moved camera sees now be the view that its zones lie on."""
    from detector.watching.views import accept_view  # noqa: PLC0415 - as above

    accept_view(state or default_state(), camera)
    click.echo(
        f"{camera}: what it sees now is its view, from the worker's next look at its state (some seconds) or next start on"
    )


@cameras.command("discover")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.5, 60), default=4.0, show_default=True, help="Seconds.")
@click.option("--host", "hosts", multiple=True, help="HOST or HOST:PORT of a device; instead of searching.")
@click.option("--login-env", help="Environment variable that holds user:password of the devices.")
def discover_cameras(timeout_s: float, hosts: tuple[str, ...], login_env: str | None) -> None:
    """Find ONVIF devices, and write their streams as entries for a cameras file."""
    from detector.discover import as_entries, describe, found_hosts, parse_host  # noqa: PLC0415 - as above
    from detector.errors import ConfigError  # noqa: PLC0415
    from streams.source.onvif import Device  # noqa: PLC0415

    if login_env is not None and login_env not in os.environ:
        raise ConfigError(f"--login-env: the environment has no variable {login_env!r}")
    try:
        targets = [parse_host(host) for host in hosts] or found_hosts(timeout_s)
    except ValueError as error:
        raise ConfigError(f"--host: {error}") from None
    results = describe(targets, os.environ[login_env] if login_env else None)
    devices = [result for result in results if isinstance(result, Device)]
    if devices:
        click.echo(as_entries(devices, login_env), nl=False)
    for result in results:
        if not isinstance(result, Device):
            click.echo(str(result), err=True)
    click.echo(f"{len(results)} devices found, {len(devices)} described themselves", err=True)
    if len(devices) < len(results) or not results:
        sys.exit(1)

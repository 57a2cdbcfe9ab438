"""`streetwarden jobs run`: a worker that watches nothing, and does the work that people ask for."""

import logging
import os
import signal
from contextlib import closing
from pathlib import Path

import click
from platformdirs import user_state_path

log = logging.getLogger(__name__)

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def jobs() -> None:
    """Do work that needs pictures: viewing copies, redacted copies, previews, probes."""


@jobs.command()
@click.option("--events", required=True, help="Address of the event system, for instance http://127.0.0.1:8000")
@click.option(
    "--state", type=FOLDER, default=None, help="Folder for files on their way; they go when their job is over."
)
@click.option(
    "--cameras", "cameras_file", type=FILE, default=None, help="Cameras file: whose addresses are known here."
)
@click.option("--model", default="yolov8n", show_default=True, help="For redaction; see `streetwarden models list`.")
@click.option(
    "--provider", help="Where the model runs: tensorrt, cuda, openvino or cpu; default: the best that is there."
)
@click.option("--token", envvar="STREETWARDEN_TOKEN", default="", help="Better given as STREETWARDEN_TOKEN.")
def run(
    *,
    events: str,
    state: Path | None,
    cameras_file: Path | None,
    model: str,
    provider: str | None,
    token: str,
) -> None:
    """Lease jobs from the event system and do them, until stopped."""
    from detector.delivery.signing_in import check_address  # noqa: PLC0415 - as above
    from detector.jobs.client import JobsClient  # noqa: PLC0415 - as below
    from detector.jobs.process import NICENESS, JobsSpec, make_runner, said  # noqa: PLC0415 - --help must be quick
    from detector.processes import only_one  # noqa: PLC0415 - as above
    from detector.zoning.cameras_file import read_cameras  # noqa: PLC0415 - as above

    logging.getLogger("httpx").setLevel(logging.WARNING)
    check_address(events, token)
    with closing(JobsClient(events, token)) as client:
        client.check_token()
    cameras = read_cameras(cameras_file) if cameras_file is not None else ()
    folder = state or user_state_path("streetwarden") / "jobs"
    os.nice(NICENESS)
    with only_one(folder, "job runner"):
        runner = make_runner(JobsSpec(events, token, folder, tuple(cameras), model, provider))
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: runner.stop())
        log.info("%s", said(cameras))
        runner.run()
        log.info("%d jobs done, %d failed", runner.done, runner.failed)

"""The command `streetwarden`: puts the rooms together. Each room brings its own sub-commands."""

import json
import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from detector.logs import FORMAT_VARIABLE, FORMATS, set_up_logs

COMMANDS = {
    "advise": "evaluation.advice.command:advise",
    "analyze": "detector.commands:analyze",
    "audit": "api.upkeep_commands:audit",
    "backup": "api.commands:backup",
    "bench": "evaluation.commands:bench",
    "cameras": "detector.commands:cameras",
    "compare": "evaluation.report.command:compare_command",
    "compose": "evaluation.composer.command:compose",
    "dataset": "evaluation.datasets.command:dataset",
    "demo": "streetwarden:demo",
    "evaluate": "evaluation.commands:evaluate",
    "gate": "evaluation.running.command:gate",
    "jobs": "detector.jobs.command:jobs",
    "label": "evaluation.labelling.command:label",
    "models": "models.commands:models",
    "reference": "api.commands:reference",
    "restore": "api.commands:restore",
    "retention": "api.upkeep_commands:retention",
    "score": "evaluation.boxes.command:score",
    "serve": "api.commands:serve",
    "simulate": "evaluation.commands:simulate",
    "sweep": "evaluation.sweep.command:sweep",
    "token": "api.commands:token",
    "user": "api.commands:user",
    "worker": "detector.commands:worker",
}
"""Where each sub-command lives. It is imported when it is called, so that `--help` needs no detector."""

INPUT_ERRORS = (
    "api.errors:ApiError",
    "detector.errors:ConfigError",
    "evaluation.errors:EvaluationError",
    "models.errors:ModelError",
    "streams.errors:SourceError",
)
"""What each room raises when the input is wrong: said in one line each, exit code 2."""


def _load(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


class _Rooms(click.Group):
    """A group whose commands are found in the rooms."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        place = COMMANDS.get(cmd_name)
        command = _load(place) if place else None
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Rooms)
@click.option("--verbose", "-v", is_flag=True, help="Say more on standard error.")
@click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    envvar=FORMAT_VARIABLE,
    default="text",
    help="Lines for people, or one JSON object a line.",
)
@click.version_option(package_name="streetwarden", version="0.1.0")
def cli(*, verbose: bool, log_format: str) -> None:
    """Streetwarden notices illegal parking, street vending and dumping on street cameras."""
    os.environ[FORMAT_VARIABLE] = log_format  # for the processes that are started
    set_up_logs(logging.DEBUG if verbose else logging.INFO)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        _send_traces(click.get_current_context().invoked_subcommand or "")


def _send_traces(command: str) -> None:
    """Traces go where OpenTelemetry's usual variables say; without them nothing of this is loaded."""
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    name = os.environ.get("OTEL_SERVICE_NAME") or f"streetwarden-{command}"
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


SAMPLE_DWELL_S = 10.0
"""Short, so that a newcomer sees the first case within half a minute of the bus's arrival."""
DEMO_USER = "demo"
FIRST_POLL_S = 0.5


@click.command()
@click.option("--port", type=int, default=None, help="Port of the console; 8000 if not given.")
@click.option("--until-first", is_flag=True, help="Stop after the first confirmed incident and print it as JSON.")
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
def demo(port: int | None, model: str, *, until_first: bool) -> None:
    """Watch a sample camera: the event system, a worker, and incidents that arrive in the console."""
    # The command line must answer without loading the whole house.
    from api.provision import create_token, create_user  # noqa: PLC0415
    from api.server import EmbeddedServer  # noqa: PLC0415
    from detector.worker import Worker  # noqa: PLC0415
    from detector.zoning.cameras_file import read_cameras  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="streetwarden-demo-") as folder:
        home = Path(folder)
        cameras = read_cameras(_sample_cameras(home))
        password = secrets.token_urlsafe(9)
        events = home / "events"
        create_user(events, DEMO_USER, "officer", password)
        token = create_token(events, "worker", name="demo worker")
        default_port = 0 if until_first else 8000
        with EmbeddedServer(events, port=default_port if port is None else port) as server:
            worker = Worker(
                cameras, events_url=server.url, token=token, state_dir=home / "worker", model=model, shards=1, jobs=True
            )
            worker.check()
            click.echo(f"Console: {server.url}   sign in as {DEMO_USER} with {password}", err=until_first)
            click.echo("A bus comes, stands at the kerb, and leaves, again and again. Ctrl-C ends the demo.", err=True)
            for name in (signal.SIGINT, signal.SIGTERM):
                signal.signal(name, lambda *_: worker.stop())
            found: list[dict[str, Any]] = []
            if until_first:
                reader = create_token(events, "viewer", name="demo reader")
                arguments = (server.url, reader, found, worker.stop)
                threading.Thread(target=_await_first, args=arguments, daemon=True).start()
            exit_code = worker.run()
    if until_first and found:
        click.echo(json.dumps(found[0], ensure_ascii=False))
    sys.exit(exit_code if found or not until_first else 1)


def _sample_cameras(home: Path) -> Path:
    """Writes the cameras file of the demo; composes its film on the first start."""
    from evaluation.sample.film import cached_sample  # noqa: PLC0415 - as above

    sample = cached_sample()
    entry = {
        "id": "sample-street",
        "source": str(sample.path),
        "place": "示例路 10 号 (10 Sample Street)",
        "direction": "north",
        "loop": True,
        "zones": [
            {
                "id": "kerb",
                "kind": "no_parking",
                "polygon": [list(corner) for corner in sample.zone],
                "dwell_s": SAMPLE_DWELL_S,
            }
        ],
    }
    path = home / "cameras.yaml"
    path.write_text(json.dumps({"cameras": [entry]}, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _await_first(url: str, token: str, found: list[dict[str, Any]], done: Callable[[], None]) -> None:
    """Waits for a confirmed incident all of whose files, a clip among them, are in the event system."""
    import httpx  # noqa: PLC0415 - as above

    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        while not found:
            for listed in client.get("/v1/incidents", params={"state": "confirmed"}).json()["incidents"]:
                incident = client.get(f"/v1/incidents/{listed['id']}").json()
                files = incident["evidence"]
                if all(file["stored"] for file in files) and any(file["kind"] == "clip" for file in files):
                    found.append(incident)
                    break
            time.sleep(FIRST_POLL_S)
    done()


def main() -> None:
    """Runs the command; wrong input is one clear line and exit code 2, never a traceback."""
    errors = tuple(
        error for error in map(_load, INPUT_ERRORS) if isinstance(error, type) and issubclass(error, ValueError)
    )
    try:
        sys.exit(cli(prog_name="streetwarden", standalone_mode=False) or 0)
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        click.echo(f"streetwarden: {error.format_message()}{hint}", err=True)
        sys.exit(2)
    except errors as error:
        for line in str(error).splitlines():
            click.echo(f"streetwarden: {line}", err=True)
        sys.exit(2)
    except OSError as error:  # a disk that is full, a folder that may not be written
        click.echo(f"streetwarden: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)


if __name__ == "__main__":
    main()

"""The command `streetwarden`: puts the rooms together. Each room brings its own sub-commands."""

import logging
import sys
from importlib import import_module

import click

COMMANDS = {
    "analyze": "detector.commands:analyze",
    "cameras": "detector.commands:cameras",
    "demo": "streetwarden:demo",
    "evaluate": "evaluation.commands:evaluate",
    "models": "models.commands:models",
    "serve": "api.commands:serve",
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
@click.version_option(package_name="streetwarden", version="0.1.0")
def cli(*, verbose: bool) -> None:
    """Streetwarden notices illegal parking, street vending and dumping on street cameras."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    for chatty in ("httpx", "httpcore", "alembic", "asyncio", "PIL", "libav"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def main() -> None:
    """Runs the command; wrong input is one clear line and exit code 2, never a traceback."""
    errors = tuple(
        error for error in map(_load, INPUT_ERRORS) if isinstance(error, type) and issubclass(error, ValueError)
    )
    try:
        cli(prog_name="streetwarden")
    except errors as error:
        for line in str(error).splitlines():
            click.echo(f"streetwarden: {line}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

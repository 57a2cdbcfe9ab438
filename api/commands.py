"""The commands `serve`, `token` and `user`. What they need is imported when they run, so that others start fast."""

from pathlib import Path

import click

_ROLES = ("viewer", "reviewer", "officer", "administrator", "worker")
_data = click.option(
    "--data", "data_dir", required=True, type=click.Path(path_type=Path, file_okay=False), help="The data folder."
)


@click.command()
@_data
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65_535), help="0: any free one.")
def serve(data_dir: Path, host: str, port: int) -> None:
    """Runs the event system with its review console."""
    from api.server import serve as run  # noqa: PLC0415

    run(data_dir, host, port, lambda url: click.echo(f"Streetwarden listens on {url}"))


@click.group()
def token() -> None:
    """Bearer tokens for workers and programs."""


@token.command("create")
@_data
@click.option("--role", required=True, type=click.Choice(_ROLES))
@click.option("--camera", "cameras", multiple=True, help="A camera it may use; none: all of them.")
@click.option("--name", help="What it is called in records.")
@click.option("--user", help="The account it acts for (reviewer, officer, administrator).")
def create_token(data_dir: Path, role: str, cameras: tuple[str, ...], name: str | None, user: str | None) -> None:
    """Makes a token and prints it, once."""
    from api import provision  # noqa: PLC0415

    click.echo(provision.create_token(data_dir, role, cameras=cameras, name=name, user=user))


@token.command("revoke")
@_data
@click.argument("secret", metavar="TOKEN")
def revoke_token(data_dir: Path, secret: str) -> None:
    """Ends a token."""
    from api import provision  # noqa: PLC0415

    provision.revoke_token(data_dir, secret)


@click.group()
def user() -> None:
    """Accounts of people."""


@user.command("create")
@_data
@click.option("--role", required=True, type=click.Choice(_ROLES[:-1]))
@click.argument("name")
def create_user(data_dir: Path, role: str, name: str) -> None:
    """Makes an account and prints its one-time password."""
    from api import provision  # noqa: PLC0415

    click.echo(provision.create_user(data_dir, name, role))


@user.command("list")
@_data
def list_users(data_dir: Path) -> None:
    """Prints name and role of every account."""
    from api import provision  # noqa: PLC0415

    for name, role in provision.list_users(data_dir):
        click.echo(f"{name}\t{role}")

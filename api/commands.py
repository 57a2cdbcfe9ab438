"""The commands `serve`, `token`, `user`, `backup` and `restore`.

What they need is imported when they run, so that others start fast.
"""

import json
import sys
from pathlib import Path

import click

_ROLES = ("viewer", "reviewer", "officer", "engineer", "administrator", "worker")
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


@click.command()
@_data
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="A new folder, or a new file.tar.")
@click.option("--without-evidence", is_flag=True, help="Only the digests of files that are kept safe elsewhere.")
def backup(data_dir: Path, target: Path, *, without_evidence: bool) -> None:
    """Copies database, settings and evidence, also while the event system runs; says what it holds as JSON."""
    from api.clock import now  # noqa: PLC0415
    from api.storage.backup import back_up  # noqa: PLC0415

    manifest = back_up(data_dir, target, now(), with_evidence=not without_evidence)
    _tell_copied(manifest.made_at, manifest.database, len(manifest.evidence), manifest.missing)


@click.command()
@click.option(
    "--from", "source", required=True, type=click.Path(path_type=Path, exists=True), help="What backup wrote."
)
@_data
def restore(source: Path, data_dir: Path) -> None:
    """Restores a backup into a fresh data folder, checks every digest, and says what it found as JSON."""
    from api.storage.restore import restore as run  # noqa: PLC0415

    done = run(source, data_dir)
    _tell_copied(done.manifest.made_at, done.manifest.database, len(done.manifest.evidence), done.missing)


def _tell_copied(made_at: str, database: str, files: int, missing: tuple[str, ...]) -> None:
    """Prints the outcome; missing evidence is worth an exit code of its own, although all the rest has been copied."""
    said = {"made_at": made_at, "database": database, "evidence_files": files, "missing": missing}
    click.echo(json.dumps(said, indent=1))
    if missing:
        click.echo(f"{len(missing)} of {files} files of evidence are lost or damaged", err=True)
        sys.exit(1)


@click.command()
def reference() -> None:
    """Prints the API reference as Markdown."""
    from api.reference import reference as page  # noqa: PLC0415

    click.echo(page(), nl=False)


@click.group()
def token() -> None:
    """Bearer tokens for workers and programs."""


@token.command("create")
@_data
@click.option("--role", required=True, type=click.Choice(_ROLES))
@click.option("--camera", "cameras", multiple=True, help="A camera it may use; none: all of them.")
@click.option("--area", "areas", multiple=True, help="An area whose cameras it may use.")
@click.option("--name", help="What it is called in records.")
@click.option("--user", help="The account it acts for (all roles of people but a viewer's).")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="After which it ends; default: never.")
def create_token(  # noqa: PLR0917 - one for each option
    data_dir: Path,
    role: str,
    cameras: tuple[str, ...],
    areas: tuple[str, ...],
    name: str | None,
    user: str | None,
    days: float | None,
) -> None:
    """Makes a token and prints it, once."""
    from api import provision  # noqa: PLC0415

    click.echo(provision.create_token(data_dir, role, cameras=cameras, areas=areas, name=name, user=user, days=days))


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
@click.option("--unit", help="The person's department, as it stands beside their name in records.")
@click.option("--area", "areas", multiple=True, help="An area whose cameras the person may see; none: all.")
@click.argument("name")
def create_user(data_dir: Path, role: str, name: str, unit: str | None, areas: tuple[str, ...]) -> None:
    """Makes an account and prints its one-time password."""
    from api import provision  # noqa: PLC0415

    click.echo(provision.create_user(data_dir, name, role, unit=unit, areas=areas))


@user.command("list")
@_data
def list_users(data_dir: Path) -> None:
    """Prints name and role of every account."""
    from api import provision  # noqa: PLC0415

    for name, role in provision.list_users(data_dir):
        click.echo(f"{name}\t{role}")

"""PostgreSQL's own programs for copies, `pg_dump` and `pg_restore`; passwords go by the environment, not as arguments."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL

from api.errors import ApiError


def dump_postgresql(url: URL, copy: Path) -> None:
    """Writes one consistent state of a database to a file, while others go on writing.

    Raises:
        ApiError: `pg_dump` is not installed, or fails.
    """
    _run("pg_dump", url, ["--format=custom", "--no-owner", "--no-privileges", f"--file={copy}"])


def restore_postgresql(url: URL, copy: Path) -> None:
    """Fills an empty database from such a file, all of it or nothing.

    Raises:
        ApiError: `pg_restore` is not installed, or fails.
    """
    _run("pg_restore", url, ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(copy)])


def _run(program: str, url: URL, arguments: list[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise ApiError(f"{program} is needed and not installed; on Debian: apt-get install postgresql-client")
    environment = {**os.environ, "PGPASSWORD": url.password or ""} if url.password else dict(os.environ)
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    done = subprocess.run(  # noqa: S603 - our own arguments
        [found, f"--dbname={address.render_as_string()}", "--no-password", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise ApiError(
            f"{program} of {url.render_as_string(hide_password=True)}: {said or f'exit code {done.returncode}'}"
        )

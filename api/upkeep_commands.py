"""The commands `audit` and `retention`. What they need is imported when they run, so that others start fast."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from api.errors import ApiError

_data = click.option(
    "--data",
    "data_dir",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The data folder.",
)


@click.group()
def audit() -> None:
    """The audit log: who saw, took, changed or was refused what."""


@audit.command("verify")
@click.option(
    "--data", "data_dir", type=click.Path(path_type=Path, file_okay=False, exists=True), help="The data folder."
)
@click.option(
    "--file", "exported", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="An exported log."
)
@click.option("--after", metavar="N:HASH", help="A head told by an earlier check and kept elsewhere: begin after it.")
@click.option(
    "--expect", "expected", metavar="N:HASH", multiple=True, help="Such a head: read all, and look whether it was so."
)
def verify_audit(data_dir: Path | None, exported: Path | None, after: str | None, expected: tuple[str, ...]) -> None:
    """Checks every entry and prints what it found as JSON; exit code 1 when an entry is not what was written."""
    from api.records import audit_chain  # noqa: PLC0415

    if (data_dir is None) == (exported is None):
        raise ApiError("audit verify: say either --data or --file")
    start = _head("--after", after) if after else None
    kept = [_head("--expect", text) for text in expected]
    if start is not None and any(head.sequence <= start.sequence for head in kept):
        raise ApiError(
            f"--expect: allowed is an entry after {start.sequence}: none before the entry of --after is read"
        )
    if exported is not None:
        read = _lines(exported, start.sequence if start else 0)
        found = audit_chain.verify(read, start=start, expected=kept)
    else:
        found = _verify_folder(data_dir or Path(), start, kept)
    told = {
        "intact": found.is_intact,
        "checked": found.checked,
        "head": f"{found.head.sequence}:{found.head.hash}",
        "fault_count": found.fault_count,
        "faults": [{"sequence": fault.sequence, "what": fault.what, "detail": fault.detail} for fault in found.faults],
    }
    click.echo(json.dumps(told))
    if not found.is_intact:
        raise SystemExit(1)


@audit.command("export")
@_data
@click.option("--after", default=0, show_default=True, type=click.IntRange(min=0), help="Begin after this entry.")
def export_audit(data_dir: Path, after: int) -> None:
    """Prints the log with its chain as JSON lines, up to the entry that says that it was taken."""
    from api.clock import now  # noqa: PLC0415
    from api.records import audit as log  # noqa: PLC0415
    from api.records.operators import operator  # noqa: PLC0415
    from api.storage.data_folder import open_database  # noqa: PLC0415

    database = open_database(data_dir)
    try:
        with database.write() as session:
            log.append(session, operator(), log.Deed("export", "/v1/audit"), now())
            until = log.head_of(session).sequence
        with database.read() as session:
            for entry in log.documents(session, after=after, until=until):
                click.echo(json.dumps(entry, ensure_ascii=False, sort_keys=True))
    finally:
        database.close()


@click.command()
@_data
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def retention(data_dir: Path, *, dry_run: bool) -> None:
    """Deletes footage whose time is over and whose case is not on hold; prints what it did as JSON. For a daily timer."""
    from api.app import create_app  # noqa: PLC0415
    from api.clock import now  # noqa: PLC0415
    from api.records import retention as rule  # noqa: PLC0415
    from api.records.operators import operator  # noqa: PLC0415
    from api.settings import load_settings  # noqa: PLC0415

    parts = create_app(load_settings(data_dir)).state.parts
    try:
        done = rule.run(parts, operator(), now(), dry_run=dry_run)
    finally:
        parts.database.close()
    told = {"dry_run": dry_run, "cases": list(done.cases), "files": done.files, "size_bytes": done.size_bytes}
    click.echo(json.dumps(told))


def _verify_folder(data_dir: Path, start: Any, expected: list[Any]) -> Any:
    from api.records import audit as log  # noqa: PLC0415
    from api.storage.data_folder import open_database  # noqa: PLC0415

    database = open_database(data_dir)
    try:
        with database.read() as session:
            return log.verify_log(session, start, expected)
    finally:
        database.close()


def _head(option: str, text: str) -> Any:
    from api.records.audit_chain import written_head  # noqa: PLC0415

    try:
        return written_head(text)
    except ValueError as error:
        raise ApiError(f"{option} {error}") from None


def _lines(path: Path, first: int) -> Iterator[dict[str, Any]]:
    """The entries of an exported log from a number on.

    Raises:
        ApiError: A line is none, or the file ends before that number.
    """
    last = None
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                last = entry["sequence"]
                if last >= first:
                    yield {**entry, "hash": entry["hash"], "previous": entry["previous"]}
            except (ValueError, KeyError, TypeError):
                raise ApiError(f"{path}: line {number} is no entry of an audit log") from None
    if last is not None and last < first:
        raise ApiError(f"{path}: ends with entry {last}; to begin after {first}, it must go on to there")

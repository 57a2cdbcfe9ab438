"""Bytes that come with a request: streamed to where files are kept, checked, and only then anything more than that."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool

from api.errors import StoreUnavailableError
from api.problems import Problem, outage
from api.storage.evidence_store import EvidenceStore, StagedFile

Kept = TypeVar("Kept")


async def take_in(
    store: EvidenceStore,
    name: str,
    sha256: str,
    chunks: AsyncIterator[bytes],
    limit_bytes: int,
    keep: Callable[[StagedFile], Kept],
) -> Kept:
    """Takes in a file.

    Args:
        store: Where it goes.
        name: What it is called, for people.
        sha256: What its content has to be.
        chunks: Its content.
        limit_bytes: How large it may be.
        keep: Makes it visible; called in a thread, with the file that has been checked and not yet synced.

    Returns:
        What `keep` gives.

    Raises:
        Problem: 400 when the content is not what the digest says; 413 too large; 503 when it can't be kept at the moment; and
            whatever `keep` raises. Nothing is kept then.
    """
    try:
        async with staged_file(store, sha256) as staged:
            async for chunk in chunks:
                if staged.size_bytes + len(chunk) > limit_bytes:
                    raise Problem(413, f"The file is too large; allowed are {limit_bytes} bytes.")
                await run_in_threadpool(staged.write, chunk)
            check_digest(staged, name, sha256)
            return await run_in_threadpool(keep, staged)
    except StoreUnavailableError as error:
        raise outage(error) from None


@asynccontextmanager
async def staged_file(store: EvidenceStore, sha256: str) -> AsyncGenerator[StagedFile]:
    """A file on its way in; giving it up may take a request to a bucket, so no part of it holds up other requests."""
    staging = store.stage(sha256)
    staged = await run_in_threadpool(staging.__enter__)
    try:
        yield staged
    finally:
        # Also when the sender's request is cancelled, and then nothing may wait in between.
        with CancelScope(shield=True):
            await run_in_threadpool(staging.__exit__, None, None, None)


def check_digest(staged: StagedFile, name: str, sha256: str) -> None:
    """Checks that a file is what it was said to be.

    Raises:
        Problem: 400.
    """
    if staged.sha256 != sha256:
        raise Problem(400, f"{name} has the SHA-256 {staged.sha256}, not {sha256}; nothing has been kept.")

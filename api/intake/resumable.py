"""Files of evidence that arrive in several requests, so that a connection that breaks costs little.

What arrives is kept in blocks, each in the evidence store under its own digest: so it survives a restart, any event system
that shares the store can go on with it, and a folder and a bucket need nothing new. Once all is there, the blocks become the
file, by the same checks as any other.
"""

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.clock import now
from api.errors import StoreUnavailableError
from api.identity.principals import Principal
from api.intake import uploads
from api.intake.staging import check_digest
from api.parts import Parts
from api.problems import Problem, outage
from api.records import audit
from api.records.audit import Actor, Deed
from api.storage.leftovers import remove_unused
from api.storage.tables import Upload, UploadBlock

AT_ONCE = 100
"""So many uploads are given up while somebody waits who begins another one; a retention run takes all."""

BLOCK_BYTES = 4 * 1024 * 1024
"""What a broken connection costs at most; a quarter of a second of an ordinary line."""


@dataclass(frozen=True)
class Progress:
    """How far an upload has got."""

    id: str
    length_bytes: int
    offset_bytes: int
    expires_at: datetime


def begin(parts: Parts, principal: Principal, actor: Actor, file: uploads.Upload, length_bytes: int) -> Progress | None:
    """Begins an upload, or finds the one that the same sender has begun for the same file.

    Returns:
        Where to go on; None: the file is there already.

    Raises:
        Problem: 403, 404 or 409 as `uploads.check`; 413 too large; 429 too many at once.
    """
    limits, moment = parts.settings.limits, now()
    if length_bytes > limits.evidence_file_bytes:
        raise Problem(413, f"The file is too large; allowed are {limits.evidence_file_bytes} bytes.")
    forget_old(parts, moment)
    with parts.database.write(about=file.incident_id) as session:
        if uploads.check(session, principal, file) is not None:
            return None
        own = Upload.token_id == principal.token_id
        chosen = select(Upload).where(
            own, Upload.incident_id == file.incident_id, Upload.name == file.name, Upload.sha256 == file.sha256
        )
        known = upload = session.scalar(chosen.where(Upload.length_bytes == length_bytes))
        if upload is None:
            count = session.scalar(select(func.count()).select_from(Upload).where(own)) or 0
            if count >= limits.open_uploads:
                raise Problem(
                    429,
                    f"{count} uploads are under way; allowed are {limits.open_uploads} at once.",
                    headers={"Retry-After": "60"},
                )
            upload = Upload(
                id=str(uuid.uuid4()),
                incident_id=file.incident_id,
                name=file.name,
                sha256=file.sha256,
                length_bytes=length_bytes,
                token_id=principal.token_id,
                begun_at=moment,
                touched_at=moment,
            )
            session.add(upload)
            session.flush()
        begun = _progress(session, parts, upload)
        if known is None:
            audit.append(session, actor, _deed("upload.begin", upload), moment)
        return begun


def progress(parts: Parts, principal: Principal, upload_id: str) -> Progress:
    """How far an upload has got.

    Raises:
        Problem: 404: it is not there (any more), or somebody else's.
    """
    with parts.database.read() as session:
        return _progress(session, parts, _find(session, principal, upload_id))


async def append(
    parts: Parts, principal: Principal, upload_id: str, offset_bytes: int, chunks: AsyncIterator[bytes]
) -> Progress:
    """Takes in what comes from an offset on; what came before a connection broke is kept.

    Args:
        parts: The application's.
        principal: The sender.
        upload_id: Which upload.
        offset_bytes: Where the sender begins.
        chunks: What comes.

    Raises:
        Problem: 404; 409: the upload is elsewhere; 413: more comes than was said; 400: the connection broke; 503.
    """
    reached = await run_in_threadpool(progress, parts, principal, upload_id)
    _require_offset(reached, offset_bytes)
    block = bytearray()
    try:
        async for chunk in chunks:
            if reached.offset_bytes + len(block) + len(chunk) > reached.length_bytes:
                raise Problem(413, f"More comes than was said; the file has {reached.length_bytes} bytes.")
            block += chunk
            if len(block) >= BLOCK_BYTES:
                reached = await run_in_threadpool(_keep, parts, principal, reached, bytes(block))
                block.clear()
    except ClientDisconnect:
        if block:
            await run_in_threadpool(_keep, parts, principal, reached, bytes(block))
        raise Problem(400, "The connection broke; what had come until then is kept.") from None
    if block:
        reached = await run_in_threadpool(_keep, parts, principal, reached, bytes(block))
    return reached


def finish(parts: Parts, principal: Principal, upload_id: str) -> tuple[uploads.Upload, bool]:
    """Makes the file of an upload that has come to its end; the upload is over then, also when the file is wrong.

    Returns:
        The file, and whether it is new.

    Raises:
        Problem: 400 when its content is not what the digest says; as `uploads.store`; 503: to be tried again.
    """
    with parts.database.read() as session:
        upload = _find(session, principal, upload_id)
        blocks = session.scalars(
            select(UploadBlock).where(UploadBlock.upload_id == upload_id).order_by(UploadBlock.start)
        ).all()
    file = uploads.Upload(upload.incident_id, upload.name, upload.sha256)
    try:
        with parts.store.stage(file.sha256) as staged:
            for block in blocks:
                for piece in parts.store.pieces(block.sha256):
                    staged.write(piece)
            try:
                check_digest(staged, file.name, file.sha256)
                is_new = uploads.store(parts, principal, file, staged)
            except Problem:
                _end(parts, upload_id)
                raise
        _end(parts, upload_id)
    except StoreUnavailableError as error:
        raise outage(error) from None
    except FileNotFoundError:  # somebody has finished, or cancelled, at the same moment; or a block is lost
        _end(parts, upload_id)
        raise Problem(404, f"There is no upload {upload_id} any more.") from None
    return file, is_new


def cancel(parts: Parts, principal: Principal, actor: Actor, upload_id: str) -> None:
    """Gives an upload up; nothing of it is kept.

    Raises:
        Problem: 404.
    """
    with parts.database.write() as session:
        deed = _deed("upload.cancel", _find(session, principal, upload_id))
        _remove(session, parts, upload_id)
        audit.append(session, actor, deed, now())


def forget_old(parts: Parts, moment: datetime) -> int:
    """Gives up uploads to which nothing has come for too long, at most `AT_ONCE`; gives how many."""
    before = moment - timedelta(hours=parts.settings.limits.upload_hours)
    with parts.database.read() as session:
        old = session.scalars(select(Upload.id).where(Upload.touched_at < before).limit(AT_ONCE)).all()
    for upload_id in old:
        _end(parts, upload_id)
    parts.metrics.uploads_abandoned.inc(len(old))
    return len(old)


def _keep(parts: Parts, principal: Principal, reached: Progress, block: bytes) -> Progress:
    sha256 = hashlib.sha256(block).hexdigest()
    try:
        with parts.store.stage(sha256) as staged:
            staged.write(block)
            staged.sync()
            with parts.database.write(about=f"upload {reached.id}") as session:
                upload = _find(session, principal, reached.id)
                _require_offset(_progress(session, parts, upload), reached.offset_bytes)
                upload.touched_at = now()
                parts.store.publish(staged)
                row = UploadBlock(upload_id=upload.id, start=reached.offset_bytes, size_bytes=len(block), sha256=sha256)
                session.add(row)
                session.flush()
                return _progress(session, parts, upload)
    except StoreUnavailableError as error:
        raise outage(error) from None


def _end(parts: Parts, upload_id: str) -> None:
    with parts.database.write() as session:
        _remove(session, parts, upload_id)


def _remove(session: Session, parts: Parts, upload_id: str) -> None:
    digests = set(session.scalars(select(UploadBlock.sha256).where(UploadBlock.upload_id == upload_id)))
    session.execute(delete(UploadBlock).where(UploadBlock.upload_id == upload_id))
    session.execute(delete(Upload).where(Upload.id == upload_id))
    remove_unused(session, parts.store, digests)


def _deed(action: str, upload: Upload) -> Deed:
    path = f"/v1/incidents/{upload.incident_id}/evidence/{upload.name}"
    return Deed(action, path, upload.incident_id, content_sha256=upload.sha256)


def _find(session: Session, principal: Principal, upload_id: str) -> Upload:
    upload = session.get(Upload, upload_id)
    if upload is None or upload.token_id != principal.token_id:
        raise Problem(404, f"There is no upload {upload_id} of yours.")
    return upload


def _progress(session: Session, parts: Parts, upload: Upload) -> Progress:
    kept = session.scalar(select(func.sum(UploadBlock.size_bytes)).where(UploadBlock.upload_id == upload.id))
    expires_at = upload.touched_at + timedelta(hours=parts.settings.limits.upload_hours)
    return Progress(upload.id, upload.length_bytes, int(kept or 0), expires_at)


def _require_offset(reached: Progress, offset_bytes: int) -> None:
    if reached.offset_bytes != offset_bytes:
        raise Problem(
            409,
            f"The upload has {reached.offset_bytes} bytes, and goes on there, not at {offset_bytes}.",
            headers={"Upload-Offset": str(reached.offset_bytes)},
        )

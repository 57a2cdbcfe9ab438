"""What a file of evidence is: by its name what it may be, by its first bytes what it is. The sender is not asked."""

from collections.abc import Callable
from dataclasses import dataclass

from api.problems import Problem

HEAD_BYTES = 512
"""So many bytes of a file are enough to recognise it."""

UNRECOGNISED = "application/octet-stream"
"""Given to a file whose bytes nobody can tell to be what its name says: kept, but never shown by a browser."""


@dataclass(frozen=True)
class _Kind:
    media_type: str
    recognises: Callable[[bytes], bool]


_JPEG = _Kind("image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff"))
_KINDS = {
    "mp4": _Kind("video/mp4", lambda head: head[4:8] == b"ftyp"),
    "mkv": _Kind("video/x-matroska", lambda head: head.startswith(b"\x1a\x45\xdf\xa3")),
    "avi": _Kind("video/x-msvideo", lambda head: head.startswith(b"RIFF") and head[8:12] == b"AVI "),
    "jpg": _JPEG,
    "jpeg": _JPEG,
    "png": _Kind("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    "json": _Kind("application/json", lambda head: head.lstrip(b" \t\r\n")[:1] in (b"{", b"[")),
}

_FOREIGN = (
    _Kind("application/zip", lambda head: head.startswith(b"PK\x03\x04")),
    _Kind("application/gzip", lambda head: head.startswith(b"\x1f\x8b\x08")),
    _Kind("application/pdf", lambda head: head.startswith(b"%PDF-")),
    _Kind("application/x-elf", lambda head: head.startswith(b"\x7fELF")),
    _Kind("text/html", lambda head: head.lstrip().lower().startswith((b"<!doctype html", b"<html"))),
)
"""No footage and no record: nothing of the kind is evidence, whatever it is called."""

SERVED = (*sorted({kind.media_type for kind in _KINDS.values()}), UNRECOGNISED)
"""All media types that files of evidence are served with."""

RESERVED = frozenset({"incident.json", "review.json", "history.json"})
"""Names that an evidence pack uses itself."""


def check_name(name: str) -> None:
    """Checks that files of this name are taken.

    Raises:
        Problem: 415, naming the endings that are allowed; 422 for a name that a pack uses itself.
    """
    if name.lower() in RESERVED:  # on some disks they would be one file
        raise Problem(422, f"{name} is a name that evidence packs use themselves; choose another.")
    if _ending(name) not in _KINDS:
        raise Problem(
            415, f"{name}: files of this kind are not taken; allowed endings are {', '.join(sorted(_KINDS))}."
        )


def recognise(name: str, head: bytes) -> str:
    r"""The media type a file is served with.

    Args:
        name: The file's name.
        head: Its first `HEAD_BYTES` bytes.

    Examples:
        >>> recognise("clip.mp4", b"\x00\x00\x00\x20ftypisom")
        'video/mp4'
        >>> recognise("clip.mp4", b"<html><script>")
        'application/octet-stream'
    """
    kind = _KINDS.get(_ending(name))
    return kind.media_type if kind and kind.recognises(head) else UNRECOGNISED


def require_evidence(name: str, head: bytes) -> None:
    """Refuses an archive, a program or a page that goes by the name of footage; what nobody can tell passes.

    Raises:
        Problem: 415.
    """
    for kind in _FOREIGN:
        if kind.recognises(head):
            raise Problem(415, f"{name}: its bytes are {kind.media_type}, which is no evidence; nothing has been kept.")


def is_shown(media_type: str) -> bool:
    """Whether a browser may show it in place; everything else is only offered for download."""
    return media_type != UNRECOGNISED


def _ending(name: str) -> str:
    return name.rpartition(".")[2] if "." in name else ""

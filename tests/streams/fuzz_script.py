"""What a replaying RTSP server says: a recording, until a twist changes it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.streams.fuzz_recording import recording

STRANGER = b"127.0.0.1:1"
"""Stands for another host; the replaying server puts in a real one."""
STRANGERS_FILE = b"file:///stranger.mp4"
"""Stands for a healthy film on the client's own disk."""


@dataclass(slots=True)
class Script:
    """What a replaying server says, in order."""

    answers: dict[str, bytes]
    frames: list[bytes]
    """Interleaved frames as they go over the wire, head included."""
    cut_at_bytes: int | None = None
    """The server hangs up after this many bytes in all."""
    drips: bool = False
    """It sends a byte per 100 ms."""
    then: Literal["close", "silence", "endless"] = "close"
    """What follows the last frame."""
    true_cseq: bool = True


Twist = Callable[[random.Random, Script], None]


def edited(script: Script, method: str, pattern: bytes, by: bytes) -> None:
    """Replaces in one answer, and keeps its Content-Length true."""
    head, _, body = re.sub(pattern, lambda _: by, script.answers[method], count=1).partition(b"\r\n\r\n")
    script.answers[method] = (
        re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body
    )


def played(name: str) -> Script:
    """A recording as it was."""
    heard = recording(name)
    return Script(
        {method: answer.replace(heard.host, b"@HOST@") for method, answer in heard.answers.items()},
        [b"$" + bytes((channel,)) + len(payload).to_bytes(2, "big") + payload for channel, payload in heard.frames],
    )

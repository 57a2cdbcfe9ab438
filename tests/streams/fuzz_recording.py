"""What a real RTSP server said to a real client, kept so that it can be said again, damaged.

`python -m tests.streams.fuzz_recording rtsp://127.0.0.1:8554/live OUT.json` records through a small TCP proxy. The
recordings beside this file are of GStreamer's server playing the fuzz's own originals, in H.264 and H.265.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import av

RECORD_S = 6.0
RECORDINGS = {"h264": "fuzz_rtsp_h264.json", "hevc": "fuzz_rtsp_hevc.json"}
_ANSWER = re.compile(rb"RTSP/1\.0 .*?\r\n\r\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Recording:
    """Answers by method, and the interleaved frames (RFC 2326, 10.12) that followed, as (channel, payload)."""

    host: bytes
    """`host:port` as it stands in the answers."""
    answers: dict[str, bytes]
    frames: tuple[tuple[int, bytes], ...]


@cache
def recording(name: str) -> Recording:
    """Reads one of `RECORDINGS`."""
    kept = json.loads(Path(__file__).with_name(RECORDINGS[name]).read_text())
    return Recording(
        kept["host"].encode(),
        {method: answer.encode() for method, answer in kept["answers"].items()},
        tuple((channel, base64.b64decode(payload)) for channel, payload in kept["frames"]),
    )


def record(url: str) -> Recording:
    """Plays a URL through a proxy and keeps what the server said."""
    target = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        said: dict[str, bytearray] = {"client": bytearray(), "server": bytearray()}
        proxy = threading.Thread(target=_proxy, args=(listening, (target.hostname, target.port), said))
        proxy.start()
        ends_s = time.monotonic() + RECORD_S
        try:
            with av.open(f"rtsp://{host}{target.path}", options={"rtsp_transport": "tcp"}, timeout=5) as source:
                while time.monotonic() < ends_s and next(source.demux(video=0), None) is not None:
                    pass
        except (av.error.FFmpegError, OSError):
            pass  # the film is over, and the server silent
        proxy.join()
    return _parsed(host.encode(), bytes(said["client"]), bytes(said["server"]))


def _proxy(listening: socket.socket, target: tuple[str | None, int | None], said: dict[str, bytearray]) -> None:
    client, _ = listening.accept()
    server = socket.create_connection((target[0] or "127.0.0.1", target[1] or 554))

    def carry(source: socket.socket, sink: socket.socket, heard: bytearray) -> None:
        with contextlib.suppress(OSError):  # whichever side hangs up first
            while data := source.recv(1 << 16):
                heard += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    with client, server:
        back = threading.Thread(target=carry, args=(server, client, said["server"]))
        back.start()
        carry(client, server, said["client"])
        back.join()


def _parsed(host: bytes, client: bytes, server: bytes) -> Recording:
    methods = re.findall(rb"^([A-Z_]+) rtsp://", client, re.MULTILINE)
    answers: dict[str, bytes] = {}
    frames: list[tuple[int, bytes]] = []
    position = 0
    while position < len(server):
        if server[position] == ord("$"):
            size = int.from_bytes(server[position + 2 : position + 4], "big")
            frames.append((server[position + 1], server[position + 4 : position + 4 + size]))
            position += 4 + size
            continue
        head = _ANSWER.match(server, position)
        assert head is not None, server[position : position + 80]
        body = re.search(rb"Content-Length: (\d+)", head[0])
        end = head.end() + (int(body[1]) if body else 0)
        answers.setdefault(methods[len(answers)].decode(), server[position:end])
        position = end
    return Recording(host, answers, tuple(frames))


def main(url: str, path: str) -> None:
    """Records a URL into a file."""
    made = record(url)
    kept = {
        "host": made.host.decode(),
        "answers": {method: answer.decode() for method, answer in made.answers.items()},
        "frames": [(channel, base64.b64encode(payload).decode()) for channel, payload in made.frames],
    }
    Path(path).write_text(json.dumps(kept, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

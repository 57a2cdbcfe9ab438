"""One fuzz case of a camera: a server that plays a twisted recording, and a feed that has to end well."""

from __future__ import annotations

import base64
import contextlib
import logging
import math
import random
import re
import select
import socket
import threading
import time
import traceback
from pathlib import Path

from streams.errors import SourceError
from streams.lookback import look_back
from streams.packet import Packet
from streams.source.address import Address
from streams.source.feed import Feed
from tests.streams.fuzz_clips import original
from tests.streams.fuzz_files import Outcome, patrolled
from tests.streams.fuzz_rtsp_mutations import twisted
from tests.streams.fuzz_script import STRANGER, STRANGERS_FILE, Script

USER, PASSWORD = "operator", "s3cr3t-Pa55"
_SECRETS = (PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
CLOSE_AFTER_S = 3.0
PACKETS_MAX = 200
LIMIT_S = 5.0 + 8.0 + CLOSE_AFTER_S + 4.0
"""Opening, a silence that has to be noticed, what the case itself waits, and a busy machine."""
_TICK_S = 0.1
_ASKS_FOR_LOGIN = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="stranger"\r\n\r\n'
"""What the host says that a redirect leads to."""


class Impostor:
    """Plays a script to whoever connects, here and at the address that redirects lead to."""

    def __init__(self, script: Script, film: Path) -> None:
        self._script, self._film = script, film
        self._host = socket.create_server(("127.0.0.1", 0))
        self._other = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._host.getsockname()[1])
        self._budget = script.cut_at_bytes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.heard_by_host, self.heard_by_stranger = bytearray(), bytearray()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._host.close()
        self._other.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for ready in select.select([self._host, self._other], [], [], _TICK_S)[0]:
                connection, _ = ready.accept()
                heard = self.heard_by_host if ready is self._host else self.heard_by_stranger
                with connection, contextlib.suppress(OSError):  # the client hangs up when it has had enough
                    self._converse(connection, heard)

    def _converse(self, connection: socket.socket, heard: bytearray) -> None:
        connection.settimeout(_TICK_S)
        unread = b""
        while not self._stop.is_set():
            try:
                data = connection.recv(1 << 16)
            except TimeoutError:
                continue
            if not data:
                return
            heard += data
            unread += data
            while (end := unread.find(b"\r\n\r\n")) >= 0:
                request, unread = unread[:end], unread[end + 4 :]
                if heard is self.heard_by_stranger:
                    self._send(connection, _ASKS_FOR_LOGIN)
                elif not self._answer(connection, request):
                    return

    def _answer(self, connection: socket.socket, request: bytes) -> bool:
        """Says what the script says; False to hang up."""
        line = re.search(rb"([A-Z_]+) \S+ RTSP/1.0", request)
        method = line[1].decode() if line else ""
        answer = self._script.answers.get(method, b"RTSP/1.0 200 OK\r\nCSeq: 0\r\n\r\n")
        cseq = re.search(rb"CSeq: (\d+)", request)
        if self._script.true_cseq and cseq:
            answer = re.sub(rb"CSeq: \d+", b"CSeq: " + cseq[1], answer, count=1)
        answer = answer.replace(b"@HOST@", b"127.0.0.1:%d" % self.port)
        answer = answer.replace(STRANGER, b"127.0.0.1:%d" % self._other.getsockname()[1])
        answer = answer.replace(STRANGERS_FILE, b"file://" + bytes(self._film))
        if not self._send(connection, answer):
            return False
        return method != "PLAY" or self._play(connection)

    def _play(self, connection: socket.socket) -> bool:
        if not self._send(connection, b"".join(self._script.frames)):
            return False
        while self._script.then == "endless" and not self._stop.wait(0.002):
            # The middle of a fragmented picture, of a source that nobody announced.
            if not self._send(connection, b"$\x00\x04\x00\x80\x60" + bytes(10) + b"\x1c\x05" + bytes(1010)):
                return False
        return self._script.then != "close"

    def _send(self, connection: socket.socket, data: bytes) -> bool:
        if self._budget is not None:
            data, whole = data[: self._budget], len(data) <= self._budget
            self._budget -= len(data)
        else:
            whole = True
        if not self._script.drips:
            connection.sendall(data)
            return whole
        for byte in data:
            connection.sendall(bytes((byte,)))
            if self._stop.wait(0.1):
                return False
        return whole


class Listener(logging.Handler):
    """Looks for the password in whatever is logged, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.leaks += leaks_in(logging.Formatter().format(record))


def leaks_in(text: str) -> list[str]:
    """The text, if a secret stands in it."""
    return [text] if any(secret in text for secret in _SECRETS) else []


def run_case(seed: int, number: int, folder: Path) -> Outcome:
    """Plays a case. Safe to call from several threads."""
    of, mutations, script = twisted(random.Random(f"rtsp:{seed}:{number}"))
    return play(script, Outcome(of, mutations), folder)


def play(script: Script, outcome: Outcome, folder: Path) -> Outcome:
    """Watches a camera that plays a script."""
    film = folder / "stranger.mp4"
    if not film.exists():
        film.write_bytes(original("h264-mp4").data)
    root, listener = logging.getLogger(), Listener()
    root.addHandler(listener)
    impostor = Impostor(script, film)
    feed = Feed(Address(f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{impostor.port}/live"), retry=False)
    closer = threading.Timer(CLOSE_AFTER_S, feed.close)
    closer.start()
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    try:
        _watch(feed, outcome)
    except SourceError as error:
        outcome.error = str(error)
    except Exception:  # noqa: BLE001 - whatever else comes out is what the fuzz looks for
        outcome.fault = traceback.format_exc()
    finally:
        outcome.wall_s, outcome.cpu_s = time.perf_counter() - wall_s, time.thread_time() - cpu_s
        closer.cancel()
        impostor.stop()
        root.removeHandler(listener)
    outcome.connected = feed.health.connections > 0
    outcome.packets = feed.health.packets
    outcome.error = outcome.error or feed.health.last_error
    texts = [outcome.error or "", outcome.fault or "", repr(feed), repr(feed.address), repr(feed.health)]
    outcome.fault = outcome.fault or _breach(
        outcome, feed, impostor, [*listener.leaks, *(leak for text in texts for leak in leaks_in(text))]
    )
    outcome.judge()
    return outcome


def _watch(feed: Feed, outcome: Outcome) -> None:
    seen: list[Packet] = []
    for packet in patrolled(feed, outcome):
        seen.append(packet)
        if len(seen) > PACKETS_MAX:
            feed.close()
    looked = sum(1 for _ in look_back(seen, -math.inf, math.inf))
    outcome.pictures = max(outcome.pictures, looked)
    outcome.errors = max(outcome.errors, len(seen) - looked)


def _breach(outcome: Outcome, feed: Feed, impostor: Impostor, leaks: list[str]) -> str | None:
    """What was promised and not kept, if anything."""
    if leaks:
        return f"the password shows: {leaks[0]}"
    if outcome.error is not None and f"127.0.0.1:{impostor.port}" not in outcome.error:
        return f"an error that does not name its source: {outcome.error}"
    if outcome.wall_s > LIMIT_S:
        return f"took {outcome.wall_s:.1f} s of {LIMIT_S} s"
    if PASSWORD.encode() in impostor.heard_by_host + impostor.heard_by_stranger:
        return "the password went over the wire in clear"
    if b"Authorization:" in impostor.heard_by_stranger:
        return "the login went to a host that nobody configured"
    if feed.health.packets and not impostor.heard_by_host + impostor.heard_by_stranger:
        return "packets came, but not from the camera"
    return None

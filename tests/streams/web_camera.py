"""Cameras that are no RTSP servers: HLS and MJPEG over HTTP(S), a transport stream over UDP. All of 127.0.0.1."""

import asyncio
import functools
import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np

JPEG_FPS = 10


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: Callable, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.closing = threading.Event()
        self.pausing = threading.Event()
        self.requests: list[str] = []
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or finds no trust, is what tests are about."""


@contextmanager
def served(handler: Callable, certificate: Path | None = None) -> Iterator[Server]:
    server = Server(handler, certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet:
    server: Server

    def log_request(self, *_: object) -> None:
        self.server.requests.append(self.path)

    def log_message(self, *args: object) -> None: ...


class Folder(_Quiet, SimpleHTTPRequestHandler):
    """Serves the files of a folder."""


def folder(path: Path, certificate: Path | None = None):
    return served(functools.partial(Folder, directory=str(path)), certificate)


class Mjpeg(_Quiet, BaseHTTPRequestHandler):
    """Multipart MJPEG without end, silent while the server is `pausing`."""

    def do_GET(self) -> None:
        ground = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        jpeg = cv2.imencode(".jpg", ground)[1].tobytes()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cam")
        self.end_headers()
        while not self.server.closing.wait(1 / JPEG_FPS):
            if self.server.pausing.is_set():
                continue
            head = f"--cam\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")


@contextmanager
def sent(clip: Path, target: str, *, ahead_s: float = 0.0, **muxer: str) -> Iterator[threading.Event]:
    """Muxes a clip to a target in real time, once, `ahead_s` of it at once; setting the event ends that."""
    stop = threading.Event()

    def mux() -> None:
        with av.open(clip) as source, av.open(target, "w", **muxer) as out:
            stream = out.add_stream_from_template(source.streams.video[0])
            started_s = time.monotonic() - ahead_s
            for packet in source.demux(video=0):
                if packet.dts is None:
                    continue
                if stop.wait(max(0.0, started_s + float(packet.dts * packet.time_base) - time.monotonic())):
                    return
                packet.stream = stream
                out.mux(packet)

    thread = threading.Thread(target=mux)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


@contextmanager
def encrypted(port: int, certificate: Path) -> Iterator[int]:
    """Stands before a server on this machine and speaks TLS for it, at the port that it gives."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    started: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = queue.SimpleQueue()

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(target):
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()

    async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        inner_source, inner_target = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(source, inner_target), copy(inner_source, target))

    async def run() -> None:
        over = asyncio.Event()
        async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context) as server:
            started.put((asyncio.get_running_loop(), over, server.sockets[0].getsockname()[1]))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    loop, over, own_port = started.get(timeout=10)
    try:
        yield own_port
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def self_signed(folder: Path, names: str = "IP:127.0.0.1") -> Path:
    """Key and certificate of a camera in one file."""
    path = folder / "camera.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=HiCam-0815",
    ]
    command += ["-addext", f"subjectAltName={names}", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return path

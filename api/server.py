"""Running the event system: in the foreground for `serve`, in a thread for the demo and for tests."""

import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.errors import ApiError
from api.settings import load_settings
from api.tracing import log_request_ids

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10
"""Requests in flight may finish within this time when the server is told to stop."""

PORT_MAX = 65_535


def bind(host: str, port: int) -> socket.socket:
    """Takes an address before anything else is started.

    Args:
        host: Name or address.
        port: 0 for any free one.

    Raises:
        ApiError: The address is taken, not allowed, or not ours.
    """
    if not 0 <= port <= PORT_MAX:
        raise ApiError(f"--port {port}: allowed are 0 to {PORT_MAX}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ApiError(f"--host {host}: {error.strerror}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except OSError as error:
        bound.close()
        raise ApiError(f"{host} port {port}: {error.strerror}; choose another with --port") from None
    return bound


def url_of(bound: socket.socket) -> str:
    """The address under which a bound socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(data_dir: Path, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serves until the process is told to stop (SIGINT or SIGTERM); requests in flight may finish.

    Args:
        data_dir: The data folder.
        host: Name or address.
        port: 0 for any free one.
        on_ready: Called with the address once requests are answered.

    Raises:
        ApiError: The address is taken, the settings are wrong, or the data folder can't be used.
    """
    log_request_ids()
    with bind(host, port) as bound:
        server = _AnnouncingServer(app_config(create_app(load_settings(data_dir))), lambda: on_ready(url_of(bound)))
        # What told it to stop arrives here once more after it has stopped in order, and has done its work.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[bound])


class ThreadServer:
    """Serves an application from a thread of this process while the block lasts.

    Attributes:
        url: Where it is reached.
    """

    def __init__(self, config: uvicorn.Config, bound: socket.socket, name: str) -> None:
        """Prepare it.

        Args:
            config: What is served, and how.
            bound: From `bind`; closed here in the end.
            name: Of the thread, for people.
        """
        self._socket = bound
        self.url = url_of(bound)
        self._name = name
        self._server = _EndingServer(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [bound]}, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"the {self._name} did not start")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops it, and waits until it has stopped."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(START_TIMEOUT_S)
        self._socket.close()


class EmbeddedServer(ThreadServer):
    """An event system in a thread of this process.

    Args:
        data_dir: The data folder; it is made if missing.
        host: Name or address.
        port: 0 for any free one.

    Raises:
        ApiError: As for `serve`.

    Examples:
        >>> import tempfile, httpx
        >>> with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "data") as server:
        ...     httpx.get(server.url + "/healthz").json()
        {'status': 'ok'}
    """

    def __init__(self, data_dir: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        bound = bind(host, port)
        try:
            super().__init__(app_config(create_app(load_settings(data_dir))), bound, "event system")
        except BaseException:
            bound.close()
            raise


class _EndingServer(uvicorn.Server):
    """Tells its application that it ends before it waits for open requests: a stream of events ends only by itself."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        going_out = getattr(getattr(self.config.app, "state", None), "going_out", None)
        if going_out is not None:
            going_out.ending.set()
        await super().shutdown(sockets)


class _AnnouncingServer(_EndingServer):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()


def app_config(app: FastAPI) -> uvicorn.Config:
    """How an application of ours is served: quietly, and finishing what is in flight when it is told to stop."""
    return uvicorn.Config(
        app,
        log_config=None,  # its lines go where all others go, in the same form
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )

"""A line between a worker and the event system that breaks each time so many bytes have gone up."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PIECE_BYTES = 65_536


@dataclass
class Line:
    """`sent_bytes`: all that went up, over all connections; `cuts`: how often it broke."""

    port: int
    after_bytes: int
    sent_bytes: int = 0
    cuts: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    def carry(self, worker: socket.socket, target: int) -> None:
        """One connection."""
        with worker, socket.create_connection(("127.0.0.1", target)) as events:
            self._open += [worker, events]
            back = threading.Thread(target=self._back, args=(events, worker), daemon=True)
            back.start()
            sent = 0
            with suppress(OSError):
                while piece := worker.recv(PIECE_BYTES):
                    events.sendall(piece)
                    sent += len(piece)
                    self.sent_bytes += len(piece)
                    if sent >= self.after_bytes:
                        self.cuts += 1
                        break
            for end in (worker, events):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join(5)

    @staticmethod
    def _back(events: socket.socket, worker: socket.socket) -> None:
        with suppress(OSError):
            while piece := events.recv(PIECE_BYTES):
                worker.sendall(piece)

    def close(self) -> None:
        """Ends all connections."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting_line(target: int, after_bytes: int) -> Iterator[Line]:
    """Runs one to a port of this machine while the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = Line(server.getsockname()[1], after_bytes)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    worker, _ = server.accept()
                    threading.Thread(target=line.carry, args=(worker, target), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield line
        finally:
            line.close()
            server.close()

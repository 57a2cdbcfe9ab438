"""One open input: made, read once, closed. What keeps it alive is `Feed`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime

import av
from av.video.stream import VideoStream

from streams.address import Address, redact
from streams.errors import SourceError

OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 4.0
"""A read of a live camera may take this long; FFmpeg tries once more, so a stall is noticed after twice this."""
_LIVE_OPTIONS = {
    "rtsp_transport": "tcp",
    "timeout": str(int(READ_TIMEOUT_S * 1e6)),
    # Measuring the frame rate would take most of the time that opening takes, and nobody here believes it.
    "fpsprobesize": "0",
}
_NOT_VIDEO = ("tty", "image2")
"""Demuxers that make moving pictures out of text and stills."""


class Connection:
    """Opens a source and reads the packets of its first video stream.

    Raises:
        SourceError: It can't be opened, or holds no video.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        options = _LIVE_OPTIONS if address.live else {}
        timeout = (OPEN_TIMEOUT_S, READ_TIMEOUT_S) if address.live else None
        try:
            self._input = av.open(address.target, "r", options=options, timeout=timeout)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{address}: can't be opened: {reason(error)}") from error
        kind = self._input.format.name
        if not self._input.streams.video or kind in _NOT_VIDEO or kind.endswith("_pipe"):
            self.close()
            raise SourceError(
                f"{address}: is not video (it reads as {kind!r}); allowed is what FFmpeg demuxes as video"
            )
        self.stream = self._input.streams.video[0]
        self.container = kind

    @property
    def declared_s(self) -> float | None:
        """How long the file says it is; None for a live camera, or when it does not say."""
        if self.address.live:
            return None
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        return self._input.duration / av.time_base if self._input.duration else None

    def packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Video packets in decoding order, until the end.

        Raises:
            SourceError: The source broke or stalled.
        """
        try:
            for packet in self._input.demux(self.stream):
                if packet.size:
                    yield packet
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{self.address}: broke while it was read: {reason(error)}") from error

    def close(self) -> None:
        """Closes the input; more than once does no harm."""
        self._input.close()


def sender_report_time(packet: av.Packet[VideoStream]) -> datetime | None:
    """Wall-clock time of the picture by the camera's own clock, where RTCP sender reports have told it."""
    if not packet.has_sidedata("prft"):
        return None
    (wall_us,) = struct.unpack_from("<q", bytes(packet.get_sidedata("prft")))
    return datetime.fromtimestamp(wall_us / 1e6, UTC)


def reason(error: BaseException) -> str:
    """What an error of FFmpeg says, without addresses and codes."""
    return redact(getattr(error, "strerror", None) or str(error))

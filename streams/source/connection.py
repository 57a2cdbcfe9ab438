"""One open input: made, read once, closed. What keeps it alive is `Feed`."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import av
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from streams.errors import SourceError
from streams.source.address import TLS_SCHEMES, Address, redact
from streams.source.transport import UNTIMED_CONTAINERS, Opening, opening

_NOT_VIDEO = ("tty", "image2")
"""Demuxers that make moving pictures out of text and stills."""


class Connection:
    """Opens a source and reads the packets of its first video stream.

    Raises:
        SourceError: It can't be opened, or holds no video.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._opening = opening(address)
        self._input = self._opened(self._opening)
        kind = self._input.format.name
        if not self._input.streams.video or kind in _NOT_VIDEO or kind.endswith("_pipe"):
            self.close()
            raise SourceError(
                f"{address}: is not video (it reads as {kind!r}); allowed is what FFmpeg demuxes as video"
            )
        self.stream = self._input.streams.video[0]
        if self.stream.codec_context is None:
            self.close()
            raise SourceError(f"{address}: is video in a codec that FFmpeg does not know")
        self.container = kind
        for other in self._input.streams:
            if other is not self.stream:
                other.discard = Discard.all  # HLS would go on fetching every variant of the same picture

    def _opened(self, how: Opening) -> InputContainer:
        limits = None if how.open_s is None else (how.open_s, how.read_s)
        asked_s = time.monotonic()
        try:
            return av.open(
                how.url,
                "r",
                format=how.format,
                options=dict(how.options),
                timeout=limits,
                metadata_errors="replace",  # titles and names in any encoding must not hide the pictures
            )
        except (av.error.FFmpegError, OSError) as error:
            why, waited_s = reason(error), time.monotonic() - asked_s
            if how.open_s is not None and waited_s >= how.open_s:
                why = f"no answer within {waited_s:.0f} s"  # the error is what FFmpeg makes of being interrupted
            elif self.address.scheme in TLS_SCHEMES and self.address.verify_certificate:
                why = f"{why} (FFmpeg does not say whether its certificate is why: see ca_file and certificate_name)"
            raise SourceError(f"{self.address}: can't be opened: {why}") from error

    @property
    def declared_s(self) -> float | None:
        """How long the file says it is; None for a live camera, or when it does not say."""
        if self.address.live:
            return None
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        return self._input.duration / av.time_base if self._input.duration else None

    @property
    def declared_fps(self) -> float | None:
        """Pictures per second as the stream declares them; None when it does not say. Not to be believed."""
        rate = self.stream.average_rate or self.stream.codec_context.framerate
        return float(rate) if rate and self.timed else None

    @property
    def timed(self) -> bool:
        """False when the stream's timestamps mean nothing, so that arrival must tell the time."""
        return self.container not in UNTIMED_CONTAINERS

    def packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Video packets in decoding order, until the end.

        Raises:
            SourceError: The source broke or stalled.
        """
        limit_s = self._opening.read_s
        asked_s = time.monotonic()
        try:
            for packet in self._input.demux(self.stream):
                waited_s = time.monotonic() - asked_s
                if packet.size:
                    yield packet
                if limit_s is not None and waited_s > limit_s:
                    # The limit had passed: FFmpeg only hands out what its parser still held, and would wait once more.
                    raise self._silent(limit_s)
                asked_s = time.monotonic()
        except (av.error.ExitError, TimeoutError) as error:
            raise self._silent(limit_s or 0.0) from error
        except (av.error.FFmpegError, OSError, IndexError) as error:  # IndexError: PyAV, of a stream that turns up late
            raise SourceError(f"{self.address}: broke while it was read: {reason(error)}") from error

    def _silent(self, limit_s: float) -> SourceError:
        return SourceError(f"{self.address}: has sent nothing for {limit_s:g} s")

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

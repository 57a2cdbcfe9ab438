"""The parameters of a video stream, detached from the connection that brought them.

Packets outlive their connection: they lie in the ring while the camera reconnects. To decode or remux them later takes
the codec's parameters, which libavformat ties to the open input. So they are written once into a tiny container in
memory, and every decoder and every clip is made from that. NUT is used because it keeps extradata byte for byte
(Matroska would turn the Annex B of RTSP into avcC, and the packets would no longer fit).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True, eq=False)
class VideoCodec:
    """Parameters of one video stream; make it with `VideoCodec.of`."""

    name: str
    width_px: int
    height_px: int
    extradata: bytes
    _detached: InputContainer = field(repr=False)

    @classmethod
    def of(cls, stream: VideoStream, first: av.Packet[VideoStream]) -> VideoCodec:
        """Takes the parameters of an open stream; `first` is any packet of it."""
        held = io.BytesIO()
        with av.open(held, "w", format="nut") as out:
            copy = av.Packet(bytes(first))
            copy.stream = out.add_stream_from_template(stream)
            copy.time_base = first.time_base
            copy.pts = copy.dts = 0
            copy.is_keyframe = True
            out.mux(copy)
        held.seek(0)
        context = stream.codec_context
        return cls(
            context.name,
            context.width,
            context.height,
            bytes(context.extradata or b""),
            av.open(held, "r", format="nut"),
        )

    @property
    def template(self) -> VideoStream:
        """A stream to hand to `add_stream_from_template`."""
        return self._detached.streams.video[0]

    def decoder(self) -> av.VideoCodecContext:
        """A new decoder: one thread, because many cameras share the cores and frame threads only add delay."""
        parameters = self.template.codec_context
        context = cast("av.VideoCodecContext", av.CodecContext.create(parameters.codec, "r"))
        context.extradata = self.extradata or None
        context.codec_tag = parameters.codec_tag
        context.width, context.height = self.width_px, self.height_px
        context.thread_count = 1
        context.thread_type = "NONE"
        return context

    def joins(self, other: VideoCodec) -> bool:
        """True when packets of both may lie in one clip."""
        mine = (self.name, self.width_px, self.height_px, self.extradata)
        return mine == (other.name, other.width_px, other.height_px, other.extradata)

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
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.stream import VideoStream

EXTRADATA_PADDING = 64
"""AV_INPUT_BUFFER_PADDING_SIZE of FFmpeg."""
RAW_FORMATS = {"h264": "h264", "hevc": "hevc"}
"""Codecs whose parameters can be read from a keyframe itself, and the demuxer that does it."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoCodec:
    """Parameters of one video stream; make it with `VideoCodec.of`, or `in_band`."""

    name: str
    width_px: int
    height_px: int
    extradata: bytes
    _detached: InputContainer = field(repr=False)

    @classmethod
    def of(cls, stream: VideoStream, first: av.Packet[VideoStream]) -> VideoCodec:
        """Takes the parameters of an open stream; `first` is any packet of it."""
        return cls._read(_in_nut(stream, first), "nut", stream.codec_context)

    @classmethod
    def unpacked(cls, packed: bytes) -> VideoCodec:
        """Takes what `packed` made.

        Raises:
            av.error.FFmpegError: It is damaged.
        """
        return cls._read(io.BytesIO(packed), "nut")

    def packed(self, first: av.Packet[VideoStream]) -> bytes:
        """The parameters as bytes that outlive the process; `first` is any packet of the stream."""
        return _in_nut(self.template, first).getvalue()

    @classmethod
    def in_band(cls, name: str, keyframe: bytes) -> VideoCodec:
        """Takes the parameters that a keyframe in Annex B carries itself.

        Args:
            name: A codec of `RAW_FORMATS`.
            keyframe: The compressed picture, parameter sets before it.

        Raises:
            av.error.FFmpegError: They are damaged.
        """
        return cls._read(io.BytesIO(keyframe), RAW_FORMATS[name])

    @classmethod
    def _read(cls, held: io.BytesIO, container_format: str, context: av.VideoCodecContext | None = None) -> VideoCodec:
        held.seek(0)
        detached = av.open(held, "r", format=container_format)
        context = context or detached.streams.video[0].codec_context
        return cls(context.name, context.width, context.height, bytes(context.extradata or b""), detached)

    @property
    def template(self) -> VideoStream:
        """A stream to hand to `add_stream_from_template`."""
        return self._detached.streams.video[0]

    def decoder(self, hardware: HWAccel | None = None, *, glance: bool = False) -> av.VideoCodecContext:
        """A new decoder: one thread, because many cameras share the cores and frame threads only add delay.

        Args:
            hardware: Where it decodes; None for the CPU.
            glance: Leave out the smoothing of block edges: a sixth less work, and nothing that a detector would miss (45 to
                61 dB between both at 640 pixels; on 12 clips 1 % more or fewer detections). For keyframes alone: later
                pictures would refer to it.
        """
        parameters = self.template.codec_context
        context = cast("av.VideoCodecContext", av.CodecContext.create(parameters.codec, "r", hwaccel=hardware))
        if self.extradata:
            # FFmpeg reads on into the padding, which PyAV leaves as it finds it: what is set first and shrinks leaves zeros.
            context.extradata = self.extradata + bytes(EXTRADATA_PADDING)
            context.extradata = self.extradata
        context.codec_tag = parameters.codec_tag
        context.width, context.height = self.width_px, self.height_px
        context.thread_count = 1
        context.thread_type = "NONE"
        if glance:
            context.options = {"skip_loop_filter": "all"}
        return context

    def check(self) -> None:
        """Looks whether the parameters hold together, before a muxer is asked to write them.

        FFmpeg's muxers believe them: damaged ones of H.265 keep it busy for minutes.

        Raises:
            ValueError: They are damaged.
        """
        decoder = self.decoder()
        decoder.options = {"err_detect": "explode"}
        try:
            decoder.open()
        except av.error.FFmpegError as error:
            raise ValueError(f"the parameter sets of its {self.name} are damaged") from error

    def joins(self, other: VideoCodec) -> bool:
        """True when packets of both may lie in one clip."""
        mine = (self.name, self.width_px, self.height_px, self.extradata)
        return mine == (other.name, other.width_px, other.height_px, other.extradata)


def _in_nut(stream: VideoStream, first: av.Packet[VideoStream]) -> io.BytesIO:
    held = io.BytesIO()
    with av.open(held, "w", format="nut") as out:
        copy = av.Packet(bytes(first))
        copy.stream = out.add_stream_from_template(stream)
        copy.time_base = first.time_base
        copy.pts = copy.dts = 0
        copy.is_keyframe = True
        out.mux(copy)
    return held

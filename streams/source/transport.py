"""What FFmpeg is told about a source: demuxer, options, time limits, and the protocols that it may use at all.

FFmpeg takes unknown options without a word, so each one that stands here has been seen to work, by a test.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import certifi

from streams.source.address import Address

OPEN_TIMEOUT_S = 4.0
"""Limit for the camera's answer, and once more for its first pictures. Looking up a name is not covered: libc can't be
interrupted, and a dead name server holds it up for as long as /etc/resolv.conf says (10 to 30 s)."""
READ_TIMEOUT_S = 5.0
"""A camera that sends nothing for this long has fallen silent: cameras of one picture a second are left in peace."""
HLS_READ_TIMEOUT_S = 20.0
"""HLS comes in bursts, a segment at a time; segments of 10 s are common, and a server may be a segment late."""
ANALYZE_S = 2.0
"""Sound whose parameters never come would hold up the opening for 5 s and more, which is over the limit."""
SOCKET_BYTES = 2 << 20
"""A keyframe of a 4K camera is about 1 MB and comes at once. The kernel gives no more than `net.core.rmem_max`."""
TS_PACKETS = 7 * 1024
"""Queue between socket and demuxer, in packets of 188 bytes: 1.3 MB, a second at 10 Mb/s. FFmpeg's default is 5.4 MB."""
HTTP_FORMATS = "mpjpeg,mpegts,flv,live_flv"
"""What a camera or a gateway sends without end over plain HTTP. A recording there would be played again and again."""
UNTIMED_CONTAINERS = ("mpjpeg",)
"""Multipart MJPEG carries no time: FFmpeg counts pictures and calls them 25 a second."""

_PLAYLIST = re.compile(r"\.m3u8(?:[?#]|$)", re.I)


@dataclass(frozen=True, slots=True)
class Opening:
    """The arguments for opening a source; limits in seconds, None where there is no need for any."""

    url: str = field(repr=False)
    format: str | None
    options: Mapping[str, str] = field(repr=False)
    open_s: float | None = OPEN_TIMEOUT_S
    read_s: float | None = READ_TIMEOUT_S


def opening(address: Address) -> Opening:
    """How to open a source. Pure.

    The list of allowed protocols holds what the address itself needs and nothing else: neither a playlist nor a redirect
    makes us read local files, a local file does not reach the network, and what is encrypted stays so. That `rtsp` is not
    in it keeps FFmpeg from following an RTSP redirect, with the login, to wherever it leads.
    """
    match address.scheme:
        case "rtsp" | "rtsps":
            return _rtsp(address)
        case "http" | "https":
            return _http(address)
        case "udp":
            return _transport_stream(address)
        case _:
            # With its prefix no name of a file can pass for a protocol (`concat:a|b`).
            return Opening(f"file:{address.target}", None, {"protocol_whitelist": "file"}, open_s=None, read_s=None)


def _us(seconds: float) -> str:
    return str(round(seconds * 1e6))


_PROBING = {
    # Measuring the frame rate would take most of the time that opening takes, and nobody here believes it.
    "fpsprobesize": "0",
    "analyzeduration": _us(ANALYZE_S),
}


def _rtsp(address: Address) -> Opening:
    secure = address.scheme == "rtsps"
    protocols = {"tcp": "tcp", "udp": "tcp,udp,rtp", "http": "tcp,https" if secure else "tcp,http"}[address.transport]
    options = _PROBING | {
        "rtsp_transport": "https" if secure and address.transport == "http" else address.transport,
        # Bounds what the time limits below don't: taking leave of a camera that is not listening.
        "timeout": _us(READ_TIMEOUT_S),
        "allowed_media_types": "video",
        "protocol_whitelist": protocols + (",tls" if secure else ""),
    }
    if address.transport == "udp":
        options["buffer_size"] = str(SOCKET_BYTES)
    return Opening(address.target, "rtsp", options | _tls(address))


def _http(address: Address) -> Opening:
    protocols = "tcp,tls,https" if address.scheme == "https" else "tcp,http"
    options = {"rw_timeout": _us(READ_TIMEOUT_S)} | _tls(address)
    if _PLAYLIST.search(address.target):
        options |= {"live_start_index": "-1", "protocol_whitelist": f"{protocols},crypto"}
        return Opening(address.target, "hls", options, read_s=HLS_READ_TIMEOUT_S)
    options |= _PROBING | {"format_whitelist": HTTP_FORMATS, "protocol_whitelist": protocols}
    return Opening(address.target, None, options)


def _transport_stream(address: Address) -> Opening:
    options = _PROBING | {
        "timeout": _us(READ_TIMEOUT_S),
        "buffer_size": str(SOCKET_BYTES),
        "fifo_size": str(TS_PACKETS),
        "overrun_nonfatal": "1",
        "protocol_whitelist": "udp",
    }
    # FFmpeg probes even a demuxer that is named: without a sender both halves of opening take their time.
    return Opening(address.target, "mpegts", options, open_s=OPEN_TIMEOUT_S / 2)


def _tls(address: Address) -> dict[str, str]:
    """FFmpeg by itself checks no certificate, and the wheel's GnuTLS looks for authorities where only Red Hat has them."""
    if not address.scheme.endswith("s"):
        return {}
    if not address.verify_certificate:
        return {"tls_verify": "0"}
    trusted = address.ca_file or ssl.get_default_verify_paths().cafile or certifi.where()
    named = {"verifyhost": address.certificate_name} if address.certificate_name else {}
    return {"tls_verify": "1", "ca_file": str(trusted)} | named

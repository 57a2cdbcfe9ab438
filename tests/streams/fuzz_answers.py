"""Ways for a camera to misbehave in what it answers over RTSP, and in its SDP."""

from __future__ import annotations

import random
import re

from tests.streams.fuzz_script import STRANGER, STRANGERS_FILE, Script, Twist, edited, played

CRASHING_ENCODING = b"X-PN-REALVIDEO"
"""An SDP that names it takes the process along: without an `ASMRuleBook` line, FFmpeg 8.1's depacketiser reads through a null
pointer (`rdt_parse_packet`). Not among `_ENCODINGS`, for the others to be reached; a test of its own waits for the cure."""

_METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY")
_ENCODINGS = (
    b"H264",
    b"H265",
    b"AV1",
    b"JPEG",
    b"MP4V-ES",
    b"VP8",
    b"VP9",
    b"H263-1998",
    b"H261",
    b"MPV",
    b"MP2T",
    b"THEORA",
    b"VORBIS",
    b"X-QT",
    b"DV",
    b"SVQ3",
    b"mpeg4-generic",
    b"RAW",
    b"JPEG2000",
    b"VC2",
    b"x-nonsense",
)
_CHALLENGES = (
    b'Digest realm="a", nonce="b"',
    b'Digest realm="a", nonce="b", algorithm=MD5-sess, qop="auth"',
    b"Digest",
    b'Digest realm="' + b"r" * 5000 + b'", nonce="' + b"n" * 5000 + b'"',
    b'Digest realm="a, nonce=b, qop=',
    b"Basic",
    b'Digest realm="a", nonce="b", algorithm=SHA-256, qop="auth-int"',
    b'Digest stale="true"',
    b'Basic realm="%s%n%x"',
    b"\xff\x00\xfe",
)


def flipped_text(rng: random.Random, script: Script) -> None:
    method = rng.choice(_METHODS)
    said = bytearray(script.answers[method])
    for _ in range(rng.randint(1, 12)):
        said[rng.randrange(len(said))] ^= 1 << rng.randrange(8)
    script.answers[method] = bytes(said)


def false_status(rng: random.Random, script: Script) -> None:
    line = rng.choice(
        (
            b"RTSP/1.0 404 Not Found",
            b"RTSP/1.0 454 Session Not Found",
            b"RTSP/1.0 461 Unsupported Transport",
            b"RTSP/1.0 500 ",
            b"RTSP/1.0 -1 What",
            b"RTSP/1.0 99999999999999999999 OK",
            b"RTSP/1.0 100 Continue",
            b"HTTP/1.1 200 OK",
            b"",
            b"RTSP/1.0",
            b"RTSP/9.9 200 OK",
            b"RTSP/1.0 200 " + b"O" * 70_000,
            rng.randbytes(40),
        )
    )
    edited(script, rng.choice(_METHODS), rb"^RTSP/1.0 200 OK", line)


def false_length(rng: random.Random, script: Script) -> None:
    method = rng.choice(_METHODS)
    length = rng.choice((b"0", b"1", b"-1", b"2147483647", b"4294967295", b"99999999999999999999", b"60000000", b"x"))
    head, _, body = script.answers[method].partition(b"\r\n\r\n")
    head = re.sub(rb"\r\nContent-Length: \d+", b"", head)
    script.answers[method] = head + b"\r\nContent-Length: " + length + b"\r\n\r\n" + body


def lost_header(rng: random.Random, script: Script) -> None:
    method = rng.choice(_METHODS)
    lines = script.answers[method].split(b"\r\n")
    del lines[rng.randrange(len(lines))]
    script.answers[method] = b"\r\n".join(lines)


def endless_header(rng: random.Random, script: Script) -> None:
    filler = rng.choice((b"A", b"\x00", b" ", b":", b"X-A: b\r\n")) * rng.choice((300, 5000, 70_000, 1_000_000))
    edited(script, rng.choice(_METHODS), rb"\r\nServer: ", b"\r\nX-Long: " + filler + b"\r\nServer: ")


def false_cseq(_rng: random.Random, script: Script) -> None:
    script.true_cseq = False
    for method in script.answers:
        edited(script, method, rb"CSeq: \d+", b"CSeq: 4711")


def redirect(rng: random.Random, script: Script) -> None:
    to = rng.choice(
        (
            STRANGERS_FILE,
            b"file:///etc/passwd",
            b"rtsp://" + STRANGER + b"/live",
            b"http://" + STRANGER + b"/live.mp4",
            b"/live",
            b"",
            b"rtsp://" + b"h" * 5000 + b"/",
            b"rtsp://other:login@" + STRANGER + b"/live",
            b"rtsps://" + STRANGER + b"/",
            b"concat:/etc/passwd",
            b"rtsp://@HOST@/live",
        )
    )
    status = rng.choice((b"301 Moved Permanently", b"302 Found", b"303 See Other", b"305 Use Proxy"))
    script.answers[rng.choice(_METHODS)] = b"RTSP/1.0 " + status + b"\r\nCSeq: 1\r\nLocation: " + to + b"\r\n\r\n"


def challenged(rng: random.Random, script: Script) -> None:
    """401 for ever."""
    asked = b"\r\nWWW-Authenticate: ".join((b"", *rng.sample(_CHALLENGES, rng.randint(1, 3))))
    script.answers[rng.choice(_METHODS)] = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1" + asked + b"\r\n\r\n"


def false_transport(rng: random.Random, script: Script) -> None:
    transport = rng.choice(
        (
            b"",
            b"RTP/AVP;unicast;client_port=1-2;server_port=3-4",
            b"RTP/AVP/TCP;unicast;interleaved=255-256",
            b"RTP/AVP/TCP;interleaved=-1-0",
            b"RTP/AVP/TCP;unicast;interleaved=4-5",
            b"RTP/AVP/TCP;interleaved=0-1;ssrc=ZZZZ",
            b"x-real-rdt/tcp;interleaved=0-1",
            b"RAW/RAW/UDP",
            b"RTP/AVP;multicast;destination=239.255.255.255;port=9-10;ttl=999",
            b"RTP/AVP/TCP;interleaved=0-1," * 400,
            b"RTP/AVP/TCP;interleaved=0-1;source=" + STRANGER + b";destination=" + b"d" * 400,
        )
    )
    edited(script, "SETUP", rb"Transport: [^\r]*", b"Transport: " + transport)


def false_session(rng: random.Random, script: Script) -> None:
    session = rng.choice(
        (b"", b"S" * 5000, b"x;timeout=0", b"x;timeout=-5", b"x;timeout=99999999999", b"\xff\xfe", b"x\r\n y")
    )
    edited(script, rng.choice(("SETUP", "PLAY")), rb"Session: [^\r]*", b"Session: " + session)


def other_encoding(rng: random.Random, script: Script) -> None:
    """Sends the pictures to another depacketiser."""
    rate = rng.choice((b"90000", b"90000", b"0", b"-1", b"4294967296"))
    edited(script, "DESCRIBE", rb"a=rtpmap:96 H26\d/90000", b"a=rtpmap:96 " + rng.choice(_ENCODINGS) + b"/" + rate)


def false_parameters(rng: random.Random, script: Script) -> None:
    """Parameter sets that are none, or none any more."""
    said = script.answers["DESCRIBE"]
    found = re.search(rb"a=fmtp:96 [^\r]*", said)
    if found is None:  # an earlier twist took it
        return
    sets = bytearray(found[0])
    for _ in range(rng.randint(1, 8)):
        sets[rng.randrange(8, len(sets))] = rng.choice(b"ABCDEFGabcdefg0123456789+/=,;")
    if rng.random() < 0.2:
        sets += b";sprop-parameter-sets=" + b"Z" * rng.choice((1, 4000, 200_000))
    edited(script, "DESCRIBE", rb"a=fmtp:96 [^\r]*", bytes(sets))


def false_line(rng: random.Random, script: Script) -> None:
    line = rng.choice(
        (
            b"a=control:" + STRANGERS_FILE,
            b"a=control:rtsp://" + STRANGER + b"/other",
            b"a=control:" + b"c" * 10_000,
            b"a=range:npt=-9e99-9e99",
            b"m=video 0 RTP/AVP 96\r\n" * 500,
            b"m=audio 0 RTP/AVP 0\r\na=control:a",
            b"c=IN IP4 255.255.255.255/999",
            b"a=framesize:96 99999-99999",
            b"a=fmtp:96 packetization-mode=9;config=" + b"0" * 5001,
            b"m=video 0 RAW/RAW/UDP 33",
            b"m=video 0 RTP/AVP 33",
            b"a=framerate:0",
            b"a=x-dimensions:99999,99999",
            b"a=cliprect:0,0,99999,99999",
            b"a=source-filter: incl IN IP4 * 1.2.3.4",
            b"m=application 0 RTP/AVP 98",
            b"a=key-mgmt:mikey " + b"A" * 3000,
            b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40,
            b"a=rtpmap:999999 H264/90000",
        )
    )
    before = rng.choice((b"m=video", b"a=control:stream", b"a=rtpmap", b"t=0"))
    edited(script, "DESCRIBE", re.escape(before), line + b"\r\n" + before)


def crashing() -> Script:
    """A camera that says in its SDP what FFmpeg does not survive."""
    script = played("h264")
    edited(script, "DESCRIBE", rb"H264/90000", CRASHING_ENCODING + b"/90000")
    return script


ANSWERS: tuple[Twist, ...] = (
    flipped_text,
    flipped_text,
    false_status,
    false_length,
    lost_header,
    endless_header,
    false_cseq,
    redirect,
    challenged,
    false_transport,
    false_session,
    other_encoding,
    false_parameters,
    false_parameters,
    false_line,
)

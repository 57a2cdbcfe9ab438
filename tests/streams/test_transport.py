"""Every way in, against real servers: what FFmpeg is told must be taken, and do what it is there for."""

import itertools
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from evaluation.simulate import Access, Simulator
from streams.errors import SourceError
from streams.source.address import Address
from streams.source.connection import Connection
from streams.source.feed import Feed
from streams.source.transport import READ_TIMEOUT_S, opening
from tests.rtsp import free_port
from tests.streams.web_camera import JPEG_FPS, Mjpeg, encrypted, folder, self_signed, sent, served

LOGIN = "viewer:p@ss/word"
NOTICED_S = READ_TIMEOUT_S + 1.0
OFFLINE = [
    Address("clip.mp4"),
    Address("rtsp://cam/live"),
    Address("rtsp://cam/live", transport="udp"),
    Address("rtsp://cam/live", transport="http"),
    Address("rtsps://cam/live", certificate_name="cam"),
    Address("rtsps://cam/live", transport="http"),
    Address("http://cam/video"),
    Address("https://cam/video", verify_certificate=False),
    Address("http://cam/live.m3u8?token=1"),
    Address("https://cam/live.M3U8"),
    Address("udp://239.1.1.1:5000"),
]
SEEN_TO_WORK = {
    "protocol_whitelist": "test_a_playlist_reaches_nothing_else, test_a_local_file_does_not_reach_the_network",
    "format_whitelist": "test_a_recording_over_http_is_no_camera",
    "ca_file": "test_a_certificate_is_checked",
    "verifyhost": "test_a_certificate_is_checked",
}


def first(connection: Connection, count: int) -> list[av.Packet]:
    try:
        return list(itertools.islice(connection.packets(), count))
    finally:
        connection.close()


def silent_after_s(connection: Connection, stop: Callable[[], object]) -> float:
    """Reads some packets, makes the source fall silent, and gives how long it takes until that is noticed."""
    try:
        assert len(list(itertools.islice(connection.packets(), 10))) == 10
        stop()
        stopped_s = time.monotonic()
        with pytest.raises(SourceError, match=f"has sent nothing for {READ_TIMEOUT_S:g} s"):
            list(connection.packets())
        return time.monotonic() - stopped_s
    finally:
        connection.close()


@pytest.fixture
def clip(make_clip) -> Path:
    return make_clip(seconds=10, gop=25, size=(160, 120), options={"bf": "0"})


@pytest.fixture
def playlist(clip: Path, tmp_path: Path) -> Iterator[Path]:
    """Grows live: segments of a second, five of them there from the start."""
    home = tmp_path / "hls"
    home.mkdir()
    path = home / "live.m3u8"
    options = {"hls_time": "1", "hls_list_size": "5", "hls_flags": "delete_segments"}
    with sent(clip, str(path), ahead_s=6.0, format="hls", options=options):
        while not path.exists():
            time.sleep(0.05)
        yield path


@pytest.mark.parametrize("address", OFFLINE, ids=str)
def test_every_option_is_taken(address: Address, tmp_path: Path) -> None:
    # FFmpeg takes unknown options without a word, but not nonsense for one that it knows.
    how = opening(address)
    playlist = tmp_path / "live.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n")
    with folder(tmp_path, self_signed(tmp_path) if address.scheme in ("https", "rtsps") else None) as server:
        for option in how.options.keys() - SEEN_TO_WORK.keys():
            url = (
                server.url("live.m3u8") if address.scheme.startswith("http") else how.url.replace("cam", "127.0.0.1:1")
            )
            trusting = {"tls_verify": "0"} if "tls_verify" in how.options else {}
            options = {**how.options, **trusting, option: "nonsense"}
            with pytest.raises(av.error.FFmpegError) as raised:
                av.open(url, format=how.format, options=options, timeout=2)
            assert isinstance(raised.value, av.error.ArgumentError), f"{option} is not taken: {raised.value!r}"


@pytest.mark.parametrize("transport", ["tcp", "udp", "http"])
def test_rtsp_with_a_login(clip: Path, transport: str) -> None:
    with Simulator([clip], access=Access(login=LOGIN)) as camera:
        address = Address(camera.url(login=LOGIN), transport=transport)
        connection = Connection(address)
        assert (connection.container, connection.timed, connection.declared_s) == ("rtsp", True, None)
        assert len(first(connection, 30)) == 30
        with pytest.raises(SourceError, match="401 Unauthorized") as raised:
            Connection(Address(camera.url(login="viewer:wrong-word"), transport=transport))
        assert "wrong-word" not in str(raised.value)


def test_rtsp_with_basic_authentication(clip: Path) -> None:
    with Simulator([clip], access=Access(login=LOGIN, auth="basic")) as camera:
        assert first(Connection(Address(camera.url(login=LOGIN))), 3)


@pytest.mark.parametrize(
    "transport", ["tcp", pytest.param("udp", marks=pytest.mark.slow), pytest.param("http", marks=pytest.mark.slow)]
)
def test_a_silent_camera_is_noticed_after_one_time_limit(clip: Path, transport: str) -> None:
    with Simulator([clip]) as camera:
        connection = Connection(Address(camera.url(), transport=transport))
        assert READ_TIMEOUT_S - 1 < silent_after_s(connection, lambda: camera.fault(0, "stall")) < NOTICED_S


@pytest.mark.slow
def test_lost_datagrams_do_not_end_the_connection(clip: Path) -> None:
    with Simulator([clip]) as camera:
        connection = Connection(Address(camera.url(), transport="udp"))
        camera.fault(0, "loss", share=0.1)
        assert len(first(connection, 100)) == 100


def test_a_certificate_is_checked(clip: Path, tmp_path: Path) -> None:
    own = self_signed(tmp_path, "DNS:HiCam-0815")  # as it left the factory
    with Simulator([clip]) as camera, encrypted(camera.port, own) as port:
        url = f"rtsps://127.0.0.1:{port}/cam-0"
        for untrusted in (
            Address(url),
            Address(url, certificate_name="HiCam-0815"),
            Address(url, ca_file=own),
            Address(url, ca_file=own, certificate_name="another"),
        ):
            with pytest.raises(SourceError, match=r"can't be opened: .*certificate"):
                Connection(untrusted)
        assert first(Connection(Address(url, ca_file=own, certificate_name="HiCam-0815")), 3)
        assert first(Connection(Address(url, verify_certificate=False)), 3)


def test_rtsps_through_an_http_tunnel(clip: Path) -> None:
    with Simulator([clip], access=Access(tls=True)) as camera:
        assert first(Connection(Address(camera.url(), transport="http", verify_certificate=False)), 3)


def test_a_live_playlist(playlist: Path) -> None:
    with folder(playlist.parent) as server:
        feed = Feed(Address(server.url("live.m3u8")), retry=False)
        packets = []
        for packet in feed.packets():
            packets.append(packet)
            if len(packets) == 60:
                feed.close()
        # From the newest segment on, across segments, in the stream's own time: 60 pictures at 25 a second.
        assert packets[-1].time_s - packets[0].time_s == pytest.approx(59 / 25, abs=0.1)
        assert sum(path.endswith(".ts") for path in server.requests) in (3, 4)


def test_one_variant_of_a_playlist_is_fetched(playlist: Path) -> None:
    home = playlist.parent
    (home / "other").symlink_to(home)
    variants = "".join(f"#EXT-X-STREAM-INF:BANDWIDTH=100000\n{path}\n" for path in ("live.m3u8", "other/live.m3u8"))
    (home / "main.m3u8").write_text(f"#EXTM3U\n{variants}")
    with folder(home) as server:
        assert len(first(Connection(Address(server.url("main.m3u8"))), 70)) == 70
        segments = [path for path in server.requests if path.endswith(".ts")]
        # 70 pictures at 25 a second are three segments; the other variant is looked into once.
        assert sum(path.startswith("/other/") for path in segments) == 1
        assert sum(not path.startswith("/other/") for path in segments) >= 3


def test_a_playlist_over_tls(playlist: Path, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with folder(playlist.parent, certificate) as server:
        url = server.url("live.m3u8")
        with pytest.raises(SourceError, match="can't be opened"):
            Connection(Address(url))
        assert first(Connection(Address(url, verify_certificate=False)), 3)
        assert first(Connection(Address(url, ca_file=certificate)), 3)


def test_a_playlist_reaches_nothing_else(make_clip, tmp_path: Path) -> None:
    segment = make_clip("segment.ts", seconds=2)
    certificate = self_signed(tmp_path)
    with folder(tmp_path) as other, folder(tmp_path, certificate) as secure:
        for server, named, allowed in (
            (other, other.url("segment.ts"), True),
            (other, segment.as_uri(), False),
            (other, f"udp://127.0.0.1:{free_port()}", False),
            (other, secure.url("segment.ts"), False),
            (secure, other.url("segment.ts"), False),  # not in the clear what was asked for encrypted
        ):
            playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{named}\n#EXT-X-ENDLIST\n"
            (tmp_path / "list.m3u8").write_text(playlist)
            address = Address(server.url("list.m3u8"), verify_certificate=server is not secure)
            if allowed:
                assert first(Connection(address), 3)
            else:
                with pytest.raises(SourceError, match="can't be opened"):
                    Connection(address)


def test_a_local_file_does_not_reach_the_network(make_clip, tmp_path: Path) -> None:
    make_clip("segment.ts", seconds=2)
    path = tmp_path / "list.m3u8"
    with folder(tmp_path) as server:
        for text in (
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile '{}'\n",
        ):
            path.write_text(text.format(server.url("segment.ts")))
            with pytest.raises(SourceError, match=r"list\.m3u8"):
                first(Connection(Address(str(path))), 3)
        assert not server.requests


@pytest.mark.parametrize("scheme", ["rtsp", "file", "http"])
def test_a_redirect_is_not_followed(scheme: str) -> None:
    # FFmpeg by itself follows one to another host, and hands it the login.
    class Redirects(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while request := self.rfile.readline():
                number = next(line for line in self.rfile if line.lower().startswith(b"cseq"))
                while self.rfile.readline().strip():
                    pass
                method = request.split()[0]
                answer = b"200 OK" if method == b"OPTIONS" else b"302 Moved\r\nLocation: " + elsewhere.encode()
                self.wfile.write(b"RTSP/1.0 " + answer + b"\r\n" + number + b"\r\n")

    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Redirects) as server,
    ):
        other.settimeout(0.2)
        elsewhere = f"{scheme}://127.0.0.1:{other.getsockname()[1]}/live"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with pytest.raises(SourceError, match="can't be opened"):
                Connection(Address(f"rtsp://viewer:secret@127.0.0.1:{server.server_address[1]}/live"))
            with pytest.raises(TimeoutError):
                other.accept()
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["concat:a|b.mp4", "gate 12:30 #1 %d?.mp4", "tcp:clip.mp4"])
def test_a_file_may_have_any_name(make_clip, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_clip("clip.mp4", seconds=1).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(first(Connection(Address(name)), 30)) == 25


def test_mjpeg_is_dated_by_arrival() -> None:
    with served(Mjpeg) as server:
        address = Address(server.url("video.mjpg?user=admin&password=s3cret"))
        connection = Connection(address)
        assert (connection.container, connection.timed, connection.declared_fps) == ("mpjpeg", False, None)
        assert all(packet.is_keyframe for packet in first(connection, 3))
        feed = Feed(address, retry=False)
        times_s = [packet.time_s for packet in itertools.islice(feed.packets(), 16)]
        feed.close()
        assert (times_s[-1] - times_s[0]) / 15 == pytest.approx(1 / JPEG_FPS, rel=0.3)  # at "25 fps" it would be 0.04


@pytest.mark.slow
def test_mjpeg_that_falls_silent() -> None:
    with served(Mjpeg) as server:
        assert silent_after_s(Connection(Address(server.url("video"))), server.pausing.set) < NOTICED_S


def test_a_recording_over_http_is_no_camera(make_clip, tmp_path: Path) -> None:
    make_clip("clip.mp4", seconds=1)
    with folder(tmp_path) as server, pytest.raises(SourceError, match="can't be opened"):
        Connection(Address(server.url("clip.mp4")))


@pytest.mark.parametrize("group", ["127.0.0.1", "239.255.41.7"])
def test_a_transport_stream(clip: Path, group: str) -> None:
    url = f"udp://{group}:{free_port()}"
    with sent(clip, f"{url}?pkt_size=1316&localaddr=127.0.0.1&ttl=0", format="mpegts"):
        connection = Connection(Address(f"{url}?localaddr=127.0.0.1"))
        assert (connection.container, connection.timed) == ("mpegts", True)
        assert len(first(connection, 40)) == 40


@pytest.mark.slow
def test_a_transport_stream_that_falls_silent(clip: Path) -> None:
    url = f"udp://127.0.0.1:{free_port()}"
    with sent(clip, f"{url}?pkt_size=1316", format="mpegts") as stop:
        assert silent_after_s(Connection(Address(url)), stop.set) < NOTICED_S


@pytest.mark.parametrize("scheme", ["rtsp", "http", pytest.param("udp", marks=pytest.mark.slow)])
def test_nobody_there(scheme: str) -> None:
    # Nothing listens: refused at once, or (for datagrams) given up after the limit for opening.
    started_s = time.monotonic()
    with pytest.raises(SourceError, match=rf"^{scheme}://.*can't be opened: (Connection refused|no answer within 4 s)"):
        Connection(Address(f"{scheme}://127.0.0.1:{free_port()}/"))
    assert time.monotonic() - started_s < 5

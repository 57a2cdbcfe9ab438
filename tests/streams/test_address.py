from pathlib import Path

import pytest

from streams.source.address import Address, parse_address, redact


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:s3cret@10.0.0.5:554/live",
        "rtsp://admin:a/s3cret@x@10.0.0.5:554/live",  # nobody encoded it
        "rtsp://10.0.0.5:554/live?user=admin&password=s3cret&channel=1",
        "rtsp://10.0.0.5:554/live/user=admin_password=s3cret_channel=1_stream=0.sdp",
        "http://10.0.0.5:554/live?loginuse=admin&loginpas=x&userpwd=s3cret",
        "http://10.0.0.5:554/live?TOKEN=s3cret#top",
        "https://10.0.0.5:554/live?auth=s3cret&sign=s3cret",
    ],
)
def test_a_password_never_shows(url: str) -> None:
    address = Address(url)
    for shown in (str(address), repr(address), f"{address}", redact(f"can't open {address.target}: refused")):
        assert "s3cret" not in shown
        assert "10.0.0.5:554/live" in shown
    assert redact(f"can't open {url}: refused").endswith("refused")


def test_what_is_no_secret_stays() -> None:
    assert redact("http://cam/video?channel=1&subtype=0: packet 3, keys at 2 s") == (
        "http://cam/video?channel=1&subtype=0: packet 3, keys at 2 s"
    )


def test_a_login_from_elsewhere_is_percent_encoded() -> None:
    address = Address("rtsp://old:login@cam/live", transport="udp").with_login("op:p@ss/word")
    assert address == Address("rtsp://op:p%40ss%2Fword@cam/live", transport="udp")
    assert Address("https://cam/a.m3u8").with_login("a:").target == "https://a:@cam/a.m3u8"


@pytest.mark.parametrize("login", ["", "nobody", ":secret"])
def test_what_is_no_login_is_refused_unseen(login: str) -> None:
    with pytest.raises(ValueError, match="allowed is user:password") as raised:
        Address("rtsp://cam/live").with_login(login)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("target", ["clip.mp4", "udp://239.1.1.1:5000"])
def test_not_every_source_takes_a_login(target: str) -> None:
    with pytest.raises(ValueError, match=f"login_env, login_file: are for rtsp://.*the source is {target}"):
        Address(target).with_login("a:b")


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    assert parse_address("clips/a.mp4", tmp_path).target == str(tmp_path / "clips/a.mp4")
    assert parse_address("/abs/a.mp4", tmp_path).target == "/abs/a.mp4"


@pytest.mark.parametrize(
    ("source", "live"),
    [
        ("rtsp://cam/live", True),
        ("RTSPS://cam/live", True),
        ("rtsp://admin:p[ss@cam/live", True),  # urllib would call this a broken IPv6 address
        ("http://cam/video.mjpg", True),
        ("https://cam/live.m3u8", True),
        ("udp://239.1.1.1:5000", True),
        ("udp://:5000?localaddr=10.0.0.2", True),
        ("a.mp4", False),
        ("rtsp:a.mp4", False),  # a file with an odd name
    ],
)
def test_what_is_live(tmp_path: Path, source: str, *, live: bool) -> None:
    assert parse_address(source, tmp_path).live is live


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "gopher://user:pw@host/x",
            r"source 'gopher://\*\*\*@host/x' has scheme 'gopher': allowed are rtsp://, .*udp://",
        ),
        ("file:///etc/passwd", "has scheme 'file'"),
        ("udp://239.1.1.1", "has no port: a transport stream comes to"),
    ],
)
def test_a_source_that_can_not_be(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(source, tmp_path)


@pytest.mark.parametrize(
    ("target", "choices", "message"),
    [
        (
            "clip.mp4",
            {"transport": "udp"},
            "transport: udp and http are for rtsp:// and rtsps://; the source is clip.mp4",
        ),
        ("http://cam/v", {"transport": "http"}, "transport: udp and http are for rtsp"),
        ("rtsps://cam/v", {"transport": "udp"}, "would not be encrypted: allowed are tcp and http"),
        ("rtsp://cam/v", {"verify_certificate": False}, "verify_certificate, ca_file, certificate_name: are for rtsps"),
        ("rtsp://cam/v", {"ca_file": Path("a.pem")}, "are for rtsps:// and https://; the source is rtsp://cam/v"),
        ("clip.mp4", {"certificate_name": "cam"}, "are for rtsps:// and https://"),
    ],
)
def test_choices_that_do_not_go_together(target: str, choices: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Address(target, **choices)

import pytest

from streams.errors import SourceError
from streams.source.address import Address
from streams.source.discovery import Found, discover, parse_answer
from streams.source.onvif import describe_device
from tests.rtsp import free_port
from tests.streams.onvif_device import PASSWORD, USER, answering, device

LOGIN = f"{USER}:{PASSWORD}"
URL = "rtsp://127.0.0.1:554/{}?unicast=true&proto=Onvif"


def match(port: int, scheme: str = "http") -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Body><d:ProbeMatches><d:ProbeMatch>'
        "<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/hardware/DS-2CD "
        "onvif://www.onvif.org/name/Gate%203</d:Scopes>"
        f"<d:XAddrs>http-ish {scheme}://192.168.0.64:{port}/onvif/device_service</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
    ).encode()


def test_a_device_describes_itself() -> None:
    with device() as server:
        found = describe_device("127.0.0.1", server.server_port, LOGIN)
        assert (found.maker, found.model.split()[0], found.firmware) == ("Acme", "Dome", "1.2")
        main, sub = found.profiles  # what has no picture is not listed
        assert (main.token, main.name, main.codec, main.width_px, main.height_px, main.fps) == (
            *("main", "mainStream", "H264"),
            *(2560, 1440, 25.0),
        )
        assert (sub.address, sub.fps) == (Address(URL.format("sub")), 10.0)
        assert "GetSystemDateAndTime" in server.requests  # its clock is nine hours off, and the digest must be fresh


@pytest.mark.parametrize("login", [None, f"{USER}:wrong-word", f"nobody:{PASSWORD}"])
def test_a_device_that_refuses(login: str | None) -> None:
    with device() as server, pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+: .*not Authorized") as raised:
        describe_device("127.0.0.1", server.server_port, login)
    assert "wrong-word" not in str(raised.value)


def test_nobody_there() -> None:
    with pytest.raises(SourceError, match="does not describe itself over ONVIF"):
        describe_device("127.0.0.1", free_port(), LOGIN)


def test_a_search(caplog: pytest.LogCaptureFixture) -> None:
    with answering(match(8000), match(80), b"<hello", match(443, "https")):
        found = discover(1.0)
    mine = [device for device in found if device.port in (80, 8000) and device.name == "Gate 3"]
    # Each once, though asked twice; under the address that the answer came from.
    assert [(device.port, device.hardware) for device in mine] == [(80, "DS-2CD"), (8000, "DS-2CD")]
    assert caplog.messages == ["4 answers to the search could not be read"]  # two of them, twice


def test_an_answer() -> None:
    assert parse_answer(match(8000), "10.0.0.7") == Found("10.0.0.7", 8000, "Gate 3", "DS-2CD")
    with pytest.raises(ValueError, match=r"10\.0\.0\.7 names no service over HTTP"):
        parse_answer(b"<a/>", "10.0.0.7")
    bomb = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><XAddrs>http://h:1/&x;</XAddrs></a>'
    assert parse_answer(bomb, "10.0.0.7").port == 1

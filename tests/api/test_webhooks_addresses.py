"""Where notices may go (SSRF): an address inside is refused however it is written, and what was checked is connected to."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import IPvAnyNetwork, TypeAdapter

from api.notices.queue import Parcel
from api.notices.receivers import check_receiver
from api.notices.sending import Outcome, Receiver, RefusedError, new_client, send
from api.notices.subscriptions import new_secret
from api.settings import Settings, load_settings
from tests.api.receiver import receiving

NETWORK: TypeAdapter[IPvAnyNetwork] = TypeAdapter(IPvAnyNetwork)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(tmp_path_factory.mktemp("addresses"))


def allowing(settings: Settings, network: str) -> Settings:
    return settings.model_copy(update={"webhook_networks": (NETWORK.validate_python(network),)})


def stands_for(*addresses: str) -> object:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


INSIDE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"),
    *("2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_lies_inside_is_refused(settings: Settings, address: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(RefusedError, match="no public network"):
            check_receiver(f"{scheme}://city.example/", settings, stands_for(address))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
def test_however_it_is_written(settings: Settings, host: str) -> None:
    with pytest.raises(RefusedError):
        check_receiver(f"https://{host}/", settings)


@pytest.mark.parametrize(
    ("url", "addresses", "told"),
    [
        ("http://city.example/", ["93.184.216.34"], "https"),
        ("https://city.example/", ["93.184.216.34", "10.0.0.1"], "no public network"),  # one of two is enough
        ("https://city.example/", [], "can't be found"),
        ("https://user:hush@city.example/", ["93.184.216.34"], "password"),
        ("https://city.example:99999/", ["93.184.216.34"], "allowed is"),
        ("gopher://city.example/", ["93.184.216.34"], "allowed is"),
        ("https:///path", ["93.184.216.34"], "allowed is"),
        ("https://[fe80::1%25eth0]/", ["fe80::1"], "allowed is"),
    ],
)
def test_what_else_is_refused(settings: Settings, url: str, addresses: list[str], told: str) -> None:
    with pytest.raises(RefusedError, match=told) as caught:
        check_receiver(url, settings, stands_for(*addresses))  # type: ignore[arg-type]
    assert "hush" not in str(caught.value)


def test_what_is_allowed(settings: Settings) -> None:
    for address in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"):
        found = check_receiver("https://city.example:8443/in", settings, stands_for(address))  # type: ignore[arg-type]
        assert found == Receiver("https://city.example:8443/in", address)
    inside = allowing(settings, "10.1.0.0/16")
    assert check_receiver("http://platform/", inside, stands_for("10.1.2.3")).address == "10.1.2.3"  # type: ignore[arg-type]
    with pytest.raises(RefusedError):
        check_receiver("http://platform/", inside, stands_for("10.2.2.3"))  # type: ignore[arg-type]


def parcel(url: str) -> Parcel:
    return Parcel(1, 1, url, (new_secret(),), "id-1", "{}")


def sent(url: str, address: str) -> Outcome:
    async def check(_url: str) -> Receiver:
        return Receiver(url, address)

    async def run() -> Outcome:
        async with new_client() as client:
            return await send(client, parcel(url), check)

    return asyncio.run(run())


def test_it_goes_to_the_address_that_was_checked() -> None:
    """The name leads nowhere (or, by now, elsewhere): only the checked address counts; the receiver sees the name."""
    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        outcome = sent(f"http://rebound.invalid:{port}/in", "127.0.0.1")
        assert outcome.is_taken
        assert receiver.taken[0].headers["host"] == f"rebound.invalid:{port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of `city.example`, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", key, "-out", made, "-days", "2", "-subj", "/CN=city.example"]
    command += ["-addext", "subjectAltName=DNS:city.example"]
    subprocess.run(command, check=True, capture_output=True)
    return key, made


@pytest.fixture
def tls_port(certificate: tuple[Path, Path]) -> Iterator[int]:
    """A receiver that speaks TLS, over the one that does not."""
    import threading  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    plain, _ = listening.accept()
                    with context.wrap_socket(plain, server_side=True) as stream:
                        asked = b""
                        while not asked.endswith(b"\r\n\r\n{}"):  # what is unread when it closes resets the line
                            read = stream.recv(65_536)
                            if not read:
                                break
                            asked += read
                        stream.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_the_certificate_has_to_be_the_names(
    tls_port: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = sent(f"https://city.example:{tls_port}/", "127.0.0.1")
    assert "CERTIFICATE_VERIFY_FAILED" in (unknown.error or "")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    assert sent(f"https://city.example:{tls_port}/", "127.0.0.1").status == 204
    other = sent(f"https://other.example:{tls_port}/", "127.0.0.1")
    assert "CERTIFICATE_VERIFY_FAILED" in (other.error or "")

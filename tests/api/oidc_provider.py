"""A real OpenID provider in a process of its own, and somebody's browser that signs in there."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.rtsp import free_port


@dataclass
class OidcProvider:
    """One that runs."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, with a fresh key; what it knew it has forgotten."""
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(self.port), "--require-nonce"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + 30
        while not _answers(self.url):
            assert self.process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def change_key(self) -> None:
        """It has another key from now on, and only that."""
        self.stop()
        self.start()

    def know(self, subject: str, **claims: Any) -> None:
        """Somebody has an account there."""
        httpx.put(f"{self.url}/users/{subject}", json=claims, trust_env=False).raise_for_status()

    def sign_in(self, asked: str, subject: str) -> str:
        """Signs in at the address to which the browser was sent; gives where it is sent back to."""
        answer = httpx.post(asked, data={"sub": subject}, trust_env=False)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


@contextmanager
def oidc_provider() -> Iterator[OidcProvider]:
    """Runs one while the block lasts."""
    provider = OidcProvider(free_port())
    try:
        provider.start()
        yield provider
    finally:
        provider.stop()


def path_of(address: str) -> str:
    """An address without the host."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/.well-known/openid-configuration", trust_env=False).is_success
    except httpx.TransportError:
        return False

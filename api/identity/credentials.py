"""Secrets: how they are made, and the only form in which they are kept."""

import hashlib
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.identity.turns import NoTurnError, Turns
from api.problems import Problem

TOKEN_PREFIX = "swt_"  # noqa: S105  # a prefix, so that scanners and people recognise a leaked token
_SECRET_BYTES = 32  # 256 bits: not to be guessed, so a plain hash is enough to keep it by
_ONE_TIME_BYTES = 12  # 96 bits, 16 characters: typed once by hand

HASHES_AT_ONCE = 2
"""Each takes 64 MiB and four threads for a tenth of a second: a flood of sign-ins must leave room for all the rest."""
HASHES_IN_LINE = 16
"""Of the 40 threads that requests are answered in."""
HASH_WAIT_S = 5.0
COME_BACK_S = 2

_HASHER = PasswordHasher()
_TURNS = Turns(HASHES_AT_ONCE, HASHES_IN_LINE, HASH_WAIT_S)
_NOBODY = _HASHER.hash("nobody")


@dataclass(frozen=True)
class Password:
    """A password for an account.

    It is made before the transaction that keeps its hash: that takes long on purpose, and every other writer would wait.

    Attributes:
        shown: What the person types in.
        kept: Its hash; empty: nothing lets anybody in.
        is_one_time: It has to be replaced at the first sign-in.
    """

    shown: str
    kept: str
    is_one_time: bool


NO_PASSWORD = Password(shown="", kept="", is_one_time=False)
"""Of an account that is entered by another door."""


def own_password(text: str) -> Password:
    """A password that somebody has chosen.

    Raises:
        Problem: 503: too many are at it.
    """
    return Password(text, hash_of_password(text), is_one_time=False)


def one_time_password() -> Password:
    """A fresh password for a first sign-in.

    Raises:
        Problem: 503: too many are at it.
    """
    text = secrets.token_urlsafe(_ONE_TIME_BYTES)
    return Password(text, hash_of_password(text), is_one_time=True)


def new_token() -> str:
    """A fresh bearer token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def new_session_secret() -> str:
    """A fresh value for a session cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def hash_of_secret(secret: str) -> str:
    """SHA-256 (hex) of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_token_of(session_secret: str) -> str:
    """What pages opened with this cookie must send back; it follows from the cookie, which scripts can't read."""
    return hashlib.sha256(b"csrf:" + session_secret.encode()).hexdigest()


def hash_of_password(password: str) -> str:
    """Argon2id hash of a password.

    Raises:
        Problem: 503: too many are at it.
    """
    with _turn():
        return _HASHER.hash(password)


def password_matches(password: str, password_hash: str | None) -> bool:
    """Checks a password; without a hash it takes as long and says no, so that time does not tell who has an account.

    Raises:
        Problem: 503: too many are at it.
    """
    with _turn():
        try:
            return _HASHER.verify(password_hash or _NOBODY, password) and bool(password_hash)
        except (VerificationError, InvalidHashError):
            return False


@contextmanager
def _turn() -> Generator[None]:
    try:
        with _TURNS.turn():
            yield
    except NoTurnError:
        told = f"Too many are signing in at this moment; try again in {COME_BACK_S} s."
        raise Problem(503, told, headers={"Retry-After": str(COME_BACK_S)}) from None

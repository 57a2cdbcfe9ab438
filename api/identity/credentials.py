"""Secrets: how they are made, and the only form in which they are kept."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

TOKEN_PREFIX = "swt_"  # noqa: S105  # a prefix, so that scanners and people recognise a leaked token
_SECRET_BYTES = 32  # 256 bits: not to be guessed, so a plain hash is enough to keep it by
_ONE_TIME_BYTES = 12  # 96 bits, 16 characters: typed once by hand

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody")


def new_token() -> str:
    """A fresh bearer token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def new_session_secret() -> str:
    """A fresh value for a session cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def new_one_time_password() -> str:
    """A fresh password for a first sign-in."""
    return secrets.token_urlsafe(_ONE_TIME_BYTES)


def hash_of_secret(secret: str) -> str:
    """SHA-256 (hex) of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def csrf_token_of(session_secret: str) -> str:
    """What pages opened with this cookie must send back; it follows from the cookie, which scripts can't read."""
    return hashlib.sha256(b"csrf:" + session_secret.encode()).hexdigest()


def hash_of_password(password: str) -> str:
    """Argon2id hash of a password."""
    return _HASHER.hash(password)


def password_matches(password: str, password_hash: str | None) -> bool:
    """Checks a password; without a hash it takes as long and says no, so that time does not tell who has an account."""
    try:
        return _HASHER.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False

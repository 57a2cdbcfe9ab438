"""A second factor: six digits that an authenticator app shows (TOTP, RFC 6238), and recovery codes for when it is lost."""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import pyotp
import segno
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from api.errors import ApiError
from api.identity.credentials import hash_of_secret
from api.storage.tables import RecoveryCode, SecondFactor, User

ISSUER = "Streetwarden"
DRIFT_STEPS = 1
"""A telephone's clock may be half a minute off, in either direction."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 8  # 64 bits: guessed one in a second, it takes longer than anybody waits


@dataclass(frozen=True)
class Enrolment:
    """What the authenticator app needs.

    Attributes:
        secret: To type in.
        uri: The same as an address, `otpauth://…`.
        svg: The address as a QR code.
    """

    secret: str
    uri: str
    svg: str


def has_one(session: Session, user_id: int) -> bool:
    """Whether a person signs in with a second factor."""
    factor = session.get(SecondFactor, user_id)
    return factor is not None and factor.confirmed_at is not None


def anybody_has_one(session: Session) -> bool:
    """Whether anybody does: then everybody is asked for a code, so that the form tells nothing about an account."""
    return (
        session.scalar(select(SecondFactor.user_id).where(SecondFactor.confirmed_at.is_not(None)).limit(1)) is not None
    )


def enrol(session: Session, user: User, moment: datetime) -> Enrolment:
    """Begins anew with a fresh secret; it counts once a code has shown that the app has it.

    Raises:
        ApiError: The person has a second factor already.
    """
    if has_one(session, user.id):
        raise ApiError("There is a second factor already; take that off first.")
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user.id))
    secret = pyotp.random_base32()
    session.add(SecondFactor(user_id=user.id, secret=secret, made_at=moment, last_step=0))
    session.flush()
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=ISSUER)
    drawn = BytesIO()
    segno.make(uri).save(drawn, kind="svg", scale=5, xmldecl=False, svgns=True)
    return Enrolment(secret, uri, drawn.getvalue().decode())


def confirm(session: Session, user: User, code: str, moment: datetime) -> list[str]:
    """Shows that the app has the secret; from then on each sign-in needs a code.

    Returns:
        Recovery codes, each good once; shown this once.

    Raises:
        ApiError: The code is wrong, or nothing has been begun.
    """
    factor = session.get(SecondFactor, user.id)
    if factor is None or factor.confirmed_at is not None:
        raise ApiError("Begin with a new second factor first.")
    if not _is_code(factor, code, moment):
        raise ApiError("The code is wrong; is the telephone's clock right?")
    factor.confirmed_at = moment
    codes = [secrets.token_hex(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.add_all(RecoveryCode(code_sha256=hash_of_secret(each), user_id=user.id) for each in codes)
    session.flush()
    return [f"{each[:4]}-{each[4:8]}-{each[8:12]}-{each[12:]}" for each in codes]


def take_off(session: Session, user: User) -> None:
    """From then on the person signs in without one."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user.id))


def passes(session: Session, user_id: int, code: str | None, moment: datetime) -> bool:
    """Whether somebody who has given the right password may come in; a code is used up by that.

    Args:
        session: A write transaction.
        user_id: Whose password it was.
        code: Six digits, or a recovery code; None: nothing was given.
        moment: Now.
    """
    factor = session.get(SecondFactor, user_id, with_for_update=True)
    if factor is None or factor.confirmed_at is None:
        return True
    if not code:
        return False
    return _is_code(factor, code, moment) or _is_recovery_code(session, user_id, code, moment)


def _is_code(factor: SecondFactor, code: str, moment: datetime) -> bool:
    """The code of one time step, and of each step only the first that comes."""
    given = _typed(code).encode()
    totp = pyotp.TOTP(factor.secret)
    now_step = int(moment.timestamp()) // totp.interval
    for step in range(now_step - DRIFT_STEPS, now_step + DRIFT_STEPS + 1):
        if step > factor.last_step and hmac.compare_digest(totp.at(step * totp.interval).encode(), given):
            factor.last_step = step
            return True
    return False


def _is_recovery_code(session: Session, user_id: int, code: str, moment: datetime) -> bool:
    digest = hash_of_secret(_typed(code).lower())
    used = session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_sha256 == digest, RecoveryCode.used_at.is_(None))
        .values(used_at=moment)
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def _typed(code: str) -> str:
    """A code as it is meant: a Chinese keyboard may write full-width digits, and people group them."""
    return unicodedata.normalize("NFKC", code).replace("-", "").replace(" ", "")

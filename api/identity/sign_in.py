"""Signing in with a password, slowed down for whoever guesses.

An attempt is counted before the password is looked at and forgiven when it was right, so that many guesses at once
don't slip past the counter; and the slow hash runs outside of any transaction.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.clock import now
from api.identity.accounts import NAME_CHARACTERS
from api.identity.credentials import password_matches
from api.identity.second_factor import passes
from api.identity.sessions import open_session
from api.problems import Problem
from api.records.audit import Actor, Deed, append
from api.records.refusals import write_once
from api.settings import Limits
from api.storage.database import Database
from api.storage.tables import SignInFailure, User

LONGEST_WAIT_S = 900.0
"""A guesser gets four tries an hour in the end; a person who mistyped waits at most a quarter of an hour."""

FORGET_FAILURES_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Refused:
    """The sign-in failed; `wait_s` is above zero when the account has to wait."""

    wait_s: float = 0.0


@dataclass(frozen=True)
class Given:
    """What somebody has given to be let in; `code` is the second factor's."""

    name: str
    password: str
    code: str | None = None


def sign_in(database: Database, given: Given, limits: Limits, client: str | None = None) -> str | Refused:
    """Checks a password, and a code where the account has a second factor, and opens a session.

    Both outcomes stand in the audit log of an account that exists.

    Args:
        database: Where accounts are kept.
        given: What was typed.
        limits: How long a guesser has to wait.
        client: The address it came from.

    Returns:
        The secret for the session cookie, or why there is none.

    Raises:
        Problem: 503: too many passwords are looked at.
    """
    # PostgreSQL keeps no NUL, and nobody is called that.
    name = given.name.replace("\0", "\N{REPLACEMENT CHARACTER}").strip()[:NAME_CHARACTERS]
    wait_s = count_attempt(database, name, now(), limits)
    if wait_s > 0:
        return Refused(wait_s)
    with database.read() as session:
        user = session.scalar(select(User).where(User.name == name))
    matches = counted_match(database, name, given.password, user.password_hash if user else None)
    if user is None:
        return Refused()
    actor = Actor(name=user.name, role=user.role, unit=user.unit, user_id=user.id, client=client)
    if matches and user.disabled_at is None and user.subject is None:
        with database.write() as session:
            if passes(session, user.id, given.code, now()):
                forgive(session, name)
                secret = open_session(session, user.id, now(), limits)
                append(session, actor, Deed("session.open", "/v1/session"), now())
                return secret
    write_once(database, actor, Deed("refused.401", "POST /v1/session", reason="Name, password or code is wrong."))
    return Refused()


def forgive(session: Session, name: str) -> None:
    """Forgets the attempts that were counted, once one was right."""
    session.execute(delete(SignInFailure).where(SignInFailure.name == name))


def count_attempt(database: Database, name: str, moment: datetime, limits: Limits) -> float:
    """Counts an attempt, unless the account still has to wait: then says for how many seconds."""
    with database.write() as session:
        session.execute(delete(SignInFailure).where(SignInFailure.last_at < moment - FORGET_FAILURES_AFTER))
        failure = session.get(SignInFailure, name)
        if failure is None:
            session.add(SignInFailure(name=name, count=1, last_at=moment))
            return 0.0
        # Who came first may be served second, and clocks of several machines differ: below the limit nobody waits.
        due_s = _wait_after_s(failure.count, limits)
        wait_s = due_s - (moment - failure.last_at).total_seconds() if due_s > 0 else 0.0
        if wait_s <= 0:
            failure.count += 1
            failure.last_at = max(failure.last_at, moment)
        return max(wait_s, 0.0)


def count_guess(database: Database, name: str, limits: Limits, what: str) -> None:
    """Counts what somebody signed in has typed like an attempt to sign in: a browser left open is no place to guess.

    Raises:
        Problem: 429 while the account has to wait.
    """
    wait_s = count_attempt(database, name, now(), limits)
    if wait_s > 0:
        raise too_many(what, wait_s)


def too_many(what: str, wait_s: float) -> Problem:
    """The answer to somebody who has to wait."""
    seconds = math.ceil(wait_s)
    return Problem(429, f"Too many wrong {what}; try again in {seconds} s.", headers={"Retry-After": str(seconds)})


def counted_match(database: Database, name: str, password: str, password_hash: str | None) -> bool:
    """Looks at a password whose attempt has been counted.

    Raises:
        Problem: 503: too many are looked at. Nobody has looked at this one, and it does not count.
    """
    try:
        return password_matches(password, password_hash)
    except Problem:
        with database.write() as session:
            failure = session.get(SignInFailure, name)
            if failure is not None:
                failure.count = max(failure.count - 1, 0)
        raise


def _wait_after_s(failures: int, limits: Limits) -> float:
    over = failures - limits.sign_in_attempts
    return 0.0 if over < 0 else min(limits.sign_in_wait_s * 2.0 ** min(over, 20), LONGEST_WAIT_S)

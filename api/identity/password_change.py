"""One's own password, set by whoever knows the present one; who does not is slowed down as at the door."""

from api.clock import now
from api.errors import ApiError
from api.identity.credentials import hash_of_password
from api.identity.sessions import end_sessions, open_session
from api.identity.sign_in import count_guess, counted_match, forgive
from api.records.audit import Actor, Deed, append
from api.records.refusals import write_once
from api.settings import Limits
from api.storage.database import Database
from api.storage.tables import User

PASSWORD_CHARACTERS = (12, 200)
"""Shortest and longest password that a person may choose."""

PASSWORD_PATH = "/v1/account/password"  # noqa: S105 - a path


def change_password(database: Database, actor: Actor, old: str, new: str, limits: Limits) -> str:
    """Sets a person's own password and ends all their sessions but a new one.

    Both slow hashes are made outside of any transaction.

    Args:
        database: Where accounts are kept.
        actor: Whose; a person with an account.
        old: The present password.
        new: The one they want.
        limits: How long a session lasts, and how long a guesser has to wait.

    Returns:
        The secret for the new session's cookie.

    Raises:
        ApiError: The old password is wrong, or the new one is too short, too long or the same.
        Problem: 429 while the account has to wait, or 503: too many passwords are looked at.
    """
    shortest, longest = PASSWORD_CHARACTERS
    if not shortest <= len(new) <= longest:
        raise ApiError(f"The new password has {len(new)} characters; allowed are {shortest} to {longest}.")
    if new == old:
        raise ApiError("The new password has to be another one than the present one.")
    count_guess(database, actor.name, limits, "passwords")
    with database.read() as session:
        known = session.get_one(User, actor.user_id).password_hash
    if not counted_match(database, actor.name, old, known):
        wrong = "The present password is wrong."
        write_once(database, actor, Deed("refused.422", f"PUT {PASSWORD_PATH}", reason=wrong))
        raise ApiError(wrong)
    kept = hash_of_password(new)
    with database.write() as session:
        user = session.get_one(User, actor.user_id)
        if user.password_hash != known:
            raise ApiError("The password has been changed meanwhile.")
        forgive(session, user.name)
        user.password_hash, user.must_change_password = kept, False
        end_sessions(session, user.id)
        secret = open_session(session, user.id, now(), limits)
        session.flush()
        append(session, actor, Deed("password.change", PASSWORD_PATH), now())
    return secret

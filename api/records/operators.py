"""Who runs a command on the data folder: the operating system knows them, we have no account of theirs."""

import os
import pwd

from api.records.audit import Actor

NAME_CHARACTERS = 64


def operator() -> Actor:
    """Whoever runs this process; with `sudo`, who has called it."""
    account = _account(os.getuid())
    caller = os.environ.get("SUDO_USER", "")[:NAME_CHARACTERS]
    name = f"{caller} as {account}" if caller.isprintable() and caller else account
    return Actor(name=f"command line ({name})", role="operator")


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"

"""The chain of the audit log: each entry carries the hash of the one before it. Pure.

So none can be changed, taken out, put in or moved without the hashes telling.

Whoever can write the database can also compute a whole new chain. Against that helps only what they can't reach: keep
the head (number and hash) that `verify` tells somewhere else, and verify against it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from api.schema import canonical_json

GENESIS = "0" * 64
"""What the first entry carries as the hash before it."""

SHOWN_FAULTS = 20
"""One cut makes one fault; a log with more than these has been torn up, and counting says so as well."""


WRITTEN_HEAD = r"^([0-9]{1,19}):([0-9a-f]{64})$"
"""A head as people write it down: `NUMBER:HASH`."""


@dataclass(frozen=True)
class ChainedEntry:
    """One entry, as it is hashed.

    Attributes:
        sequence: 1, 2, 3 … without a gap.
        at: When.
        who: Name of the person, token or command.
        unit: The person's department, where it is known.
        role: In which role they acted.
        user_id: The account, if there was one.
        token_id: The token, if one was used.
        client: The address they came from.
        action: What they did, for example `view`, `download`, `case.dispatch`, `refused`.
        object: What they did it to: a path below `/v1`, mostly.
        incident_id: The case it is about, if it is about one.
        reason: What for, or why it was refused.
        content_sha256: Digest of what was stored, changed or handed out, in hex.
        previous: The hash of the entry before.
    """

    sequence: int
    at: datetime
    who: str
    unit: str | None
    role: str
    user_id: int | None
    token_id: int | None
    client: str | None
    action: str
    object: str
    incident_id: str | None
    reason: str | None
    content_sha256: str | None
    previous: str


ENTRY_KEYS = tuple(field.name for field in fields(ChainedEntry))


@dataclass(frozen=True)
class Head:
    """Where a chain has got to: the number of its last entry (0: none yet) and that entry's hash."""

    sequence: int = 0
    hash: str = GENESIS


def written_head(text: str) -> Head:
    """Reads a head as people write it down: `NUMBER:HASH`.

    Raises:
        ValueError: It is none.
    """
    found = re.fullmatch(WRITTEN_HEAD, text)
    if found is None:
        raise ValueError(f"{text}: allowed is NUMBER:HASH, as a check of the log tells its head")
    return Head(int(found[1]), found[2])


@dataclass(frozen=True)
class Fault:
    """A place where the chain is not what was written.

    Attributes:
        sequence: The entry at which it shows.
        what: `edited`, `missing`, `unchained` (the hash before it is another one), or `head` (the chain does not end, or
            did not stand, where it has to).
        detail: One sentence.
    """

    sequence: int
    what: str
    detail: str


@dataclass(frozen=True)
class Verified:
    """What a check has found; `head` is the last entry that was read, `checked` how many there were."""

    head: Head
    checked: int
    fault_count: int
    faults: tuple[Fault, ...]

    @property
    def is_intact(self) -> bool:
        """Whether every entry is the one that was written."""
        return self.fault_count == 0


def exact_text(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: exactly what the database keeps, so that the hash can be taken again."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def document_of(entry: ChainedEntry) -> dict[str, Any]:
    """The entry as JSON, without its own hash."""
    return {key: getattr(entry, key) for key in ENTRY_KEYS} | {"at": exact_text(entry.at)}


def hash_of(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the canonical JSON of an entry's document; a `hash` in it is left out.

    Examples:
        >>> hash_of({"sequence": 1, "hash": "x"}) == hash_of({"sequence": 1})
        True
    """
    return hashlib.sha256(canonical_json({key: document[key] for key in document if key != "hash"})).hexdigest()


def verify(
    documents: Iterable[Mapping[str, Any]],
    *,
    start: Head | None = None,
    head: Head | None = None,
    expected: Sequence[Head] = (),
) -> Verified:
    """Walks along a chain.

    Args:
        documents: Entries with their `hash`, in the order of their numbers, one after `start`; or with that one as well,
            which is then checked, but not counted.
        start: The entry before the first one; None for the very beginning.
        head: Where the chain has to end, if that is known.
        expected: Heads that were written down earlier: each of these entries has to come, and with that hash. A chain
            that was computed anew as a whole is consistent in itself; only this tells.

    Returns:
        What is wrong with it, in the order in which it shows.
    """
    last = start or Head()
    checked = count = 0
    shown: list[Fault] = []
    awaited = set(expected) - {Head()}
    for document in documents:
        sequence = int(document["sequence"])
        is_start = start is not None and checked == 0 and sequence == start.sequence
        faults = [] if is_start else [*_link_faults(document, last)]
        last = Head(sequence, str(document["hash"]))
        here = {kept for kept in awaited if kept.sequence == sequence}
        awaited -= here
        faults += _content_faults(document)
        faults += [
            _other_hash(last, kept) for kept in here | ({start} if start and is_start else set()) if kept != last
        ]
        count += len(faults)
        shown += faults[: SHOWN_FAULTS - len(shown)]
        checked += not is_start
    for kept in sorted(awaited, key=lambda kept: kept.sequence):
        count += 1
        detail = f"There is no entry {kept.sequence} here, but one with the hash {kept.hash} was written down."
        shown.append(Fault(last.sequence, "head", detail))
    if head is not None and head != last:
        count += 1
        detail = f"The log ends with {last.sequence} ({last.hash}); it has to end with {head.sequence} ({head.hash})."
        shown.append(Fault(last.sequence, "head", detail))
    return Verified(last, checked, count, tuple(shown))


def _link_faults(document: Mapping[str, Any], last: Head) -> Iterable[Fault]:
    sequence = int(document["sequence"])
    if sequence != last.sequence + 1:
        span = f"{last.sequence + 1} to {sequence - 1}" if sequence > last.sequence + 2 else f"{last.sequence + 1}"
        what = f"Missing: {span}." if sequence > last.sequence else f"Out of order, after {last.sequence}."
        yield Fault(sequence, "missing", what)
    elif document["previous"] != last.hash:
        yield Fault(sequence, "unchained", f"It follows {document['previous']}, but the entry before is {last.hash}.")


def _content_faults(document: Mapping[str, Any]) -> Iterable[Fault]:
    if hash_of(document) != document["hash"]:
        yield Fault(int(document["sequence"]), "edited", "Its content is not what its hash was taken of.")


def _other_hash(found: Head, kept: Head) -> Fault:
    return Fault(found.sequence, "head", f"Its hash is {found.hash}; what was written down is {kept.hash}.")

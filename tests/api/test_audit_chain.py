"""The chain by itself: what is done to it shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.records.audit_chain import (
    GENESIS,
    SHOWN_FAULTS,
    ChainedEntry,
    Head,
    document_of,
    hash_of,
    verify,
    written_head,
)

FIRST = ChainedEntry(
    sequence=1,
    at=datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC),
    who="anna",
    unit="东城中队",
    role="reviewer",
    user_id=1,
    token_id=None,
    client="127.0.0.1",
    action="view",
    object="/v1/incidents/a/evidence/clip.mp4",
    incident_id="a",
    reason="review",
    content_sha256="ab" * 32,
    previous=GENESIS,
)


def chain(length: int) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    previous = GENESIS
    for number in range(1, length + 1):
        entry = replace(FIRST, sequence=number, at=FIRST.at + timedelta(seconds=number), previous=previous)
        previous = hash_of(document_of(entry))
        entries.append(document_of(entry) | {"hash": previous})
    return entries


def head_of(entries: list[dict[str, Any]]) -> Head:
    return Head(entries[-1]["sequence"], entries[-1]["hash"])


def rehashed(entry: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = entry | changes
    return changed | {"hash": hash_of(changed)}


def test_an_untouched_chain_is_intact() -> None:
    entries = chain(5)
    found = verify(entries, head=head_of(entries))
    assert (found.is_intact, found.checked, found.head) == (True, 5, head_of(entries))
    assert verify([]).is_intact
    assert verify(entries[3:], start=Head(3, entries[2]["hash"]), head=head_of(entries)).is_intact


@pytest.mark.parametrize(
    ("harm", "faults"),
    [
        (lambda e: e[2].update(reason="other"), [(3, "edited")]),
        (lambda e: e[2].update(at="2026-03-02T09:00:03.123456Z"), [(3, "edited")]),
        (lambda e: e[2].update(unit=None), [(3, "edited")]),
        # Edited with a hash that fits: then the next entry does not follow any more.
        (lambda e: e.__setitem__(2, rehashed(e[2], who="olga")), [(4, "unchained")]),
        (lambda e: e.pop(2), [(4, "missing")]),
        (lambda e: e.pop(0), [(2, "missing")]),
        (lambda e: e.pop(), [(4, "head")]),
        (lambda e: e.clear(), [(0, "head")]),
        # One taken out and the rest renumbered, hashes and all: 3 follows what is gone.
        (
            lambda e: (
                e.pop(2),
                e.__setitem__(slice(2, None), [rehashed(x, sequence=x["sequence"] - 1) for x in e[2:]]),
            ),
            [(3, "unchained"), (4, "unchained"), (4, "head")],
        ),
        # 2 and 3 change places, with each other's numbers.
        (
            lambda e: e.__setitem__(slice(1, 3), [e[2] | {"sequence": 2}, e[1] | {"sequence": 3}]),
            [(2, "unchained"), (2, "edited"), (3, "unchained"), (3, "edited"), (4, "unchained")],
        ),
        # In another order, each with its own number.
        (lambda e: e.__setitem__(slice(1, 3), [e[2], e[1]]), [(3, "missing"), (2, "missing"), (4, "missing")]),
        # One more behind the head.
        (lambda e: e.append(rehashed(e[4], sequence=6, previous=e[4]["hash"])), [(6, "head")]),
        (lambda e: e.insert(2, dict(e[1])), [(2, "missing")]),
    ],
)
def test_harm_shows(harm: Any, faults: list[tuple[int, str]]) -> None:
    entries = chain(5)
    head = head_of(entries)
    harm(entries)
    found = verify(entries, head=head)
    assert [(fault.sequence, fault.what) for fault in found.faults] == faults
    assert found.fault_count == len(faults)


def test_a_torn_up_log_is_counted_but_not_listed_whole() -> None:
    entries = [entry | {"who": "x"} for entry in chain(100)]
    found = verify(entries)
    assert (found.fault_count, len(found.faults)) == (100, SHOWN_FAULTS)


def test_a_new_chain_is_found_by_a_head_that_was_kept() -> None:
    """Everything computed anew after an edit looks right from inside; the old head tells."""
    entries = chain(5)
    kept = Head(3, entries[2]["hash"])
    entries[1] = rehashed(entries[1], who="nobody")
    for number in range(2, 5):
        entries[number] = rehashed(entries[number], previous=entries[number - 1]["hash"])
    assert verify(entries, head=head_of(entries)).is_intact
    found = verify(entries[3:], start=kept, head=head_of(entries))
    assert [(fault.sequence, fault.what) for fault in found.faults] == [(4, "unchained")]


def rewritten(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chain as somebody would compute it anew who wants another name in entry 2."""
    entries[1] = rehashed(entries[1], who="nobody")
    for number in range(2, len(entries)):
        entries[number] = rehashed(entries[number], previous=entries[number - 1]["hash"])
    return entries


@pytest.mark.parametrize(
    ("sequence", "faults"),
    [(1, []), (2, [(2, "head")]), (3, [(3, "head")]), (5, [(5, "head")]), (6, [(5, "head")])],
)
def test_a_walk_over_everything_compares_what_was_written_down(sequence: int, faults: list[tuple[int, str]]) -> None:
    original = chain(6)
    kept = Head(sequence, original[sequence - 1]["hash"])
    entries = rewritten(chain(5))
    found = verify(entries, head=head_of(entries), expected=[Head(), kept])
    assert [(fault.sequence, fault.what) for fault in found.faults] == faults
    assert verify(original, expected=[Head(), kept]).is_intact


@pytest.mark.parametrize(
    ("harm", "faults"),
    [
        (lambda _: None, []),
        (lambda e: e[2].update(who="olga"), [(3, "edited")]),
        # With a hash that fits, the next one follows another entry, unless the rest is computed anew as well.
        (lambda e: e.__setitem__(2, rehashed(e[2], who="olga")), [(3, "head"), (4, "unchained")]),
        (rewritten, [(3, "head")]),
        (lambda e: e.pop(3), [(5, "missing")]),
    ],
)
def test_the_entry_that_a_check_begins_after_is_checked_where_it_is_there(
    harm: Any, faults: list[tuple[int, str]]
) -> None:
    entries = chain(5)
    kept = Head(3, entries[2]["hash"])
    harm(entries)
    found = verify(entries[2:], start=kept)
    assert [(fault.sequence, fault.what) for fault in found.faults] == faults
    assert found.checked == len(entries) - 3


def test_a_head_as_it_is_written_down() -> None:
    assert written_head(f"7:{GENESIS}") == Head(7, GENESIS)
    for wrong in ("", "7", f"x:{GENESIS}", f"-1:{GENESIS}", f"7:{GENESIS}0", f"7:{'g' * 64}"):
        with pytest.raises(ValueError, match="NUMBER:HASH"):
            written_head(wrong)

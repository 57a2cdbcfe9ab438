"""A database full of cases, written straight into it: a city's half year, in its proportions."""

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from api.schema import as_utc_text, canonical_json, content_digest
from api.storage.database import Database
from api.storage.tables import Camera, CaseTag, Incident, IncidentRevisionRow, User

CAMERAS = 500
EVERY_S = 150.0
"""From one case to the next."""
TYPES = ("illegal_parking", "illegal_parking", "street_vending", "road_occupation", "dumping")
STEPS = (("discovered", None, 5), ("rejected", "reject", 25), ("accepted", "confirm", 3), ("dispatched", "confirm", 4),
         ("handled", "confirm", 2), ("verified", "confirm", 1), ("archived", "confirm", 30), ("appraised", "confirm", 29),
         ("merged", "confirm", 1))  # fmt: skip
TAGGED, HELD, CANDIDATES = 0.001, 0.0005, 0.1
"""Shares: of all cases, and of those that are discovered."""
AT_ONCE = 5000


def fill(database: Database, count: int, until: datetime) -> None:
    """Writes `count` cases and their first revisions, the newest of which is from `until`."""
    began = until - timedelta(seconds=count * EVERY_S)
    chance = random.Random(1)  # noqa: S311 - the same cases each time
    with database.write() as session:
        session.execute(insert(Camera), [{"id": f"camera-{n}", "registered_at": began} for n in range(CAMERAS)])
        session.execute(
            insert(User),
            [
                {
                    "name": f"officer-{n}",
                    "role": "officer",
                    "password_hash": "x",
                    "must_change_password": False,
                    "created_at": began,
                }
                for n in range(40)
            ],
        )
    for start in range(0, count, AT_ONCE):
        rows = [_row(chance, began, number) for number in range(start, min(start + AT_ONCE, count))]
        with database.write() as session:
            session.execute(insert(Incident), rows)
            session.execute(insert(IncidentRevisionRow), [_revision(row) for row in rows])
            tagged = [{"incident_id": row["id"], "tag": "rare"} for row in rows if chance.random() < TAGGED]
            session.execute(insert(CaseTag), tagged) if tagged else None


def _row(chance: random.Random, began: datetime, number: int) -> dict[str, Any]:
    step, verdict, _ = chance.choices(STEPS, [weight for *_, weight in STEPS])[0]
    listed_at = began + timedelta(seconds=number * EVERY_S + chance.random())
    state = (
        "candidate" if step == "discovered" and chance.random() < CANDIDATES else chance.choice(("confirmed", "ended"))
    )
    is_open = step in ("discovered", "accepted", "dispatched", "handled")
    rank = 0 if step == "merged" else 1 if state == "candidate" else 3 if verdict is None else 2
    return {
        "id": f"case-{number:07d}",
        "camera_id": f"camera-{min(int(chance.expovariate(1 / 60)), CAMERAS - 1)}",  # a few busy ones, many quiet ones
        "zone": chance.choice(("kerb", "front", "gate")),
        "type": chance.choice(TYPES),
        "state": state,
        "revision": 1,
        "listed_at": listed_at,
        "urgency": round(chance.random() * 5 + (10 if state == "confirmed" else 0), 6),
        "verdict": verdict,
        "received_at": listed_at,
        "updated_at": listed_at,
        "queue_rank": rank,
        "step": step,
        "step_at": listed_at,
        "due_at": listed_at + timedelta(days=chance.random() * 200) if is_open else None,
        "assignee_id": chance.randrange(1, 41) if step not in ("discovered", "rejected") else None,
        "hold_reason": "court" if chance.random() < HELD else None,
    }


def _revision(row: dict[str, Any]) -> dict[str, Any]:
    received_at: datetime = row["received_at"]
    at = as_utc_text(received_at)
    document = {
        "schema": 1, "id": row["id"], "revision": 1, "state": "confirmed", "camera": row["camera_id"], "zone": row["zone"],
        "type": row["type"], "onset_at": at, "confirmed_at": at, "box": [0.3, 0.4, 0.6, 0.8], "score": 0.9,
        "why": {"summary": "A car stood 60 s of 60 s permitted."},
    }  # fmt: skip
    return {
        "incident_id": row["id"],
        "revision": 1,
        "digest": content_digest(document),
        "body": canonical_json(document).decode(),
        "received_at": received_at,
    }

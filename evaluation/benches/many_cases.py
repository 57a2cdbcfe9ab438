"""A database full of cases, written straight into it: a city's half year, in its proportions."""

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from api.schema import canonical_json, content_digest
from api.storage.database import Database
from api.storage.tables import Camera, CaseTag, Incident, IncidentRevisionRow, User
from tests.api.events import BEGAN, incident

CAMERAS = 500
TYPES = ("illegal_parking", "illegal_parking", "street_vending", "road_occupation", "dumping")
STEPS = (("discovered", None, 5), ("rejected", "reject", 25), ("accepted", "confirm", 3), ("dispatched", "confirm", 4),
         ("handled", "confirm", 2), ("verified", "confirm", 1), ("archived", "confirm", 30), ("appraised", "confirm", 29),
         ("merged", "confirm", 1))  # fmt: skip
AT_ONCE = 5000


def fill(database: Database, count: int) -> None:
    """Writes `count` cases and their first revisions."""
    chance = random.Random(1)
    with database.write() as session:
        session.execute(insert(Camera), [{"id": f"camera-{n}", "registered_at": BEGAN} for n in range(CAMERAS)])
        session.execute(
            insert(User),
            [
                {
                    "name": f"officer-{n}",
                    "role": "officer",
                    "password_hash": "x",
                    "must_change_password": False,
                    "created_at": BEGAN,
                }
                for n in range(40)
            ],
        )
    for start in range(0, count, AT_ONCE):
        rows = [_row(chance, number) for number in range(start, min(start + AT_ONCE, count))]
        with database.write() as session:
            session.execute(insert(Incident), rows)
            session.execute(insert(IncidentRevisionRow), [_revision(row) for row in rows])
            tagged = [{"incident_id": row["id"], "tag": "rare"} for row in rows if chance.random() < 0.001]
            session.execute(insert(CaseTag), tagged) if tagged else None


def _row(chance: random.Random, number: int) -> dict[str, Any]:
    step, verdict, _ = chance.choices(STEPS, [weight for *_, weight in STEPS])[0]
    listed_at = BEGAN + timedelta(seconds=number * 150 + chance.random())
    state = "candidate" if step == "discovered" and chance.random() < 0.1 else chance.choice(("confirmed", "ended"))
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
        "hold_reason": "court" if chance.random() < 0.0005 else None,
    }


def _revision(row: dict[str, Any]) -> dict[str, Any]:
    document = incident(row["id"], camera=row["camera_id"], zone=row["zone"], type=row["type"])
    received_at: datetime = row["received_at"]
    return {
        "incident_id": row["id"],
        "revision": 1,
        "digest": content_digest(document),
        "body": canonical_json(document).decode(),
        "received_at": received_at,
    }

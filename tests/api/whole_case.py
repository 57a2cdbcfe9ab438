"""A case with everything that belongs to it."""

from datetime import timedelta
from typing import Any

import httpx

from tests.api.events import BEGAN, entry, incident, put, put_file, text_of
from tests.api.pictures import CLIP_S, clip_bytes, jpeg, tracks_of


def put_whole_case(worker: httpx.Client, incident_id: str, **changes: Any) -> dict[str, Any]:
    """Sends an incident with clips, tracks and snapshots, and returns it."""
    clip_end = text_of(BEGAN + timedelta(seconds=56 + CLIP_S))
    arrival_end = text_of(BEGAN + timedelta(seconds=CLIP_S - 3))
    alarm = {"start_at": text_of(BEGAN + timedelta(seconds=56)), "end_at": clip_end}
    arrival = {"start_at": text_of(BEGAN - timedelta(seconds=3)), "end_at": arrival_end}
    at_alarm = {
        "start_at": text_of(BEGAN + timedelta(seconds=60)),
        "end_at": text_of(BEGAN + timedelta(seconds=60)),
    }
    drawn = {"derived_from": "snapshot-alarm.jpg", **at_alarm}
    files = {
        "clip-arrival.mp4": (clip_bytes(), arrival),
        "clip-alarm.mkv": (b"\x1a\x45\xdf\xa3" + b"m" * 1000, alarm),
        "clip-alarm-view.mp4": (clip_bytes(), {"derived_from": "clip-alarm.mkv", **alarm}),
        "tracks-arrival.json": (tracks_of("clip-arrival.mp4"), arrival),
        "tracks-alarm.json": (tracks_of("clip-alarm.mkv"), alarm),
        "snapshot-arrival.jpg": (jpeg("arrival"), {}),
        "snapshot-alarm.jpg": (jpeg("alarm"), at_alarm),
        "snapshot-alarm-annotated.jpg": (jpeg("alarm", (0.3, 0.46, 0.6, 0.8)), drawn),
        "closeup.jpg": (jpeg("close-up", size=(320, 180)), at_alarm),
        "record.json": (b'{"written_by":"worker-1"}', at_alarm),
    }
    evidence = [entry(name, content, **more) for name, (content, more) in files.items()]
    document = incident(incident_id, evidence=evidence, **changes)
    assert put(worker, document).status_code in (200, 201)
    for name, (content, _) in files.items():
        assert put_file(worker, incident_id, name, content).status_code in (200, 201)
    return document

"""How the cameras of a worker are doing, on disk for whoever asks: one file per shard, written anew every few seconds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detector.evidence.files import as_json
from models.runtime.batcher import BatcherStats
from streams.clock import CaptureClock
from streams.source.health import FeedReport

HEALTH_FOLDER = "health"
STALE_S = 30.0
"""A shard writes every few seconds; an older file is of one that no longer runs."""


def health_row(
    camera: str, report: FeedReport, clock: CaptureClock, *, drops: Mapping[str, int], more: Mapping[str, Any]
) -> dict[str, Any]:
    """One camera at one moment, as plain JSON.

    Args:
        camera: Its id.
        report: How its feed is doing.
        clock: Its capture clock.
        drops: What was lost on our side of the feed, by cause.
        more: Whatever else is known.
    """
    row = asdict(report)
    row["drops"] = {cause: count for cause, count in {**report.drops, **drops}.items() if count}
    return {
        "camera": camera,
        **row,
        "clock": {
            "source": clock.source,
            "error_s": clock.error_s,
            "camera_offset_s": clock.camera_offset_s,
            "steps": clock.steps,
        },
        **more,
    }


def batching_row(stats: BatcherStats | None) -> dict[str, Any]:
    """How the detector's batches are doing: of the whole shard, and so the same for all its cameras."""
    if stats is None:
        return {}
    return {
        "batching": {
            "provider": stats.provider,
            "batch_mean": round(stats.batch_mean, 1),
            "queue_mean_ms": round(stats.queue_mean_s * 1000, 1),
            "queue_p95_ms": round(stats.queue_p95_s * 1000, 1),
            "failed": stats.failed,
            "fallbacks": stats.fallbacks,
        }
    }


def write_health(state_dir: Path, shard: str, rows: Sequence[dict[str, Any]], at: datetime) -> None:
    """Replaces the shard's file. Not synced: after a power cut it is of no use."""
    folder = state_dir / HEALTH_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{shard}.part"
    partial.write_bytes(as_json({"schema": 1, "at": at.astimezone(UTC).isoformat(), "cameras": list(rows)}))
    partial.rename(folder / f"{shard}.json")


def read_health(state_dir: Path, now: datetime) -> list[dict[str, Any]]:
    """The rows of all shards, by camera; `stale_s` says how old a row is where its shard has stopped writing."""
    rows: list[dict[str, Any]] = []
    for path in sorted((state_dir / HEALTH_FOLDER).glob("*.json")):
        content = json.loads(path.read_bytes())
        age_s = (now - datetime.fromisoformat(content["at"])).total_seconds()
        stale = {"stale_s": round(age_s, 1)} if age_s > STALE_S else {}
        rows += [row | stale for row in content["cameras"]]
    return sorted(rows, key=lambda row: str(row["camera"]))


def as_line(row: Mapping[str, Any]) -> str:
    """A camera's health in one line, for people."""
    measured = [
        f"{row[name]:g} {unit}"
        for name, unit in (("fps", "fps"), ("gop_s", "s GOP"), ("kbit_per_s", "kbit/s"))
        if row[name] is not None
    ]
    losses = {**row["failures"], **row["drops"]}
    said = [
        f"{row['camera']}: {'no news' if 'stale_s' in row else row['state']}",
        *measured,
        f"clock: {row['clock']['source']}",
        f"connected {row['connections']} times",
        *(f"{cause}: {count}" for cause, count in losses.items()),
        *(f"picture: {fault}" for fault in row.get("picture", {}).get("faults", ())),
    ]
    return ", ".join(said)

from datetime import UTC, datetime, timedelta

from detector.health import HEALTH_FOLDER, as_line, health_row, read_health, write_health
from streams.clock import CaptureClock
from streams.source.health import FeedHealth

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def row(camera: str = "gate-3", **drops: int) -> dict:
    health = FeedHealth()
    health.connected()
    health.failures["read"] += 2
    health.drops["before the first keyframe"] += 4
    more = {"looks": 7, "picture": {"faults": ["covered"]}}
    return health_row(camera, health.report(100.0), CaptureClock(live=True), drops=drops, more=more)


def test_a_row_says_what_was_lost_and_why() -> None:
    assert row(undecodable=3, displaced=0)["drops"] == {"before the first keyframe": 4, "undecodable": 3}


def test_rows_of_all_shards_by_camera(tmp_path) -> None:
    write_health(tmp_path, "shard-0", [row("c"), row("a")], NOON)
    write_health(tmp_path, "shard-1", [row("b")], NOON)
    assert [found["camera"] for found in read_health(tmp_path, NOON + timedelta(seconds=5))] == ["a", "b", "c"]
    assert sorted(path.name for path in (tmp_path / HEALTH_FOLDER).iterdir()) == ["shard-0.json", "shard-1.json"]


def test_old_news_is_no_news(tmp_path) -> None:
    write_health(tmp_path, "shard-0", [row()], NOON)
    (found,) = read_health(tmp_path, NOON + timedelta(minutes=5))
    assert found["stale_s"] == 300.0
    assert as_line(found).startswith("gate-3: no news")


def test_a_line_for_people() -> None:
    assert as_line(row(undecodable=3)) == (
        "gate-3: live, clock: arrival, connected 1 times, read: 2, before the first keyframe: 4, undecodable: 3, "
        "picture: covered"
    )


def test_nobody_has_written(tmp_path) -> None:
    assert read_health(tmp_path, NOON) == []

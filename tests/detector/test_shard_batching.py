"""What a shard says about its detector's batches, where there are any."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detector import shard as shards
from detector.health import read_health
from detector.shard import Shard, run_shard
from detector.shard_spec import ShardSpec
from detector.zoning.cameras_file import Camera
from models.runtime.batcher import BatcherStats
from streams.source.address import Address
from tests.detector.film import ZONE, KnowsOneCar

STATS = BatcherStats(
    provider="cuda",
    fallbacks=1,
    submitted=20,
    finished=18,
    displaced=0,
    failed=2,
    cancelled=0,
    dropped=0,
    waiting=0,
    batches=4,
    batch_mean=5.04,
    queue_mean_s=0.00321,
    queue_p50_s=0.002,
    queue_p95_s=0.0111,
)


class Stop:
    def __init__(self, after_s: float) -> None:
        self._until_s = time.monotonic() + after_s

    def is_set(self) -> bool:
        return time.monotonic() > self._until_s


class Batched(KnowsOneCar):
    def batching(self) -> BatcherStats | None:
        return STATS


@pytest.fixture
def spec(make_clip, tmp_path: Path) -> ShardSpec:
    clip = Address(str(make_clip(seconds=1, gop=10)))
    cameras = tuple(Camera(f"gate-{number}", clip, (ZONE,), loop=True) for number in range(3))
    return ShardSpec("shard-0", cameras, "none", tmp_path / "state", 1, "cpu", provider="cuda")


def test_health_carries_queue_time_and_batch_size(spec: ShardSpec) -> None:
    Shard(spec, Batched(), lambda: STATS).run(Stop(1.0))
    rows = read_health(spec.state_dir, datetime.now(UTC))
    assert [row["batching"] for row in rows] == [
        {
            "provider": "cuda",
            "batch_mean": 5.0,
            "queue_mean_ms": 3.2,
            "queue_p95_ms": 11.1,
            "failed": 2,
            "fallbacks": 1,
        }
    ] * 3


@pytest.mark.parametrize(("stats", "analysts"), [(STATS, 3), (None, 1)])
def test_as_many_analysts_as_fill_a_batch(
    spec: ShardSpec, monkeypatch: pytest.MonkeyPatch, stats: BatcherStats | None, analysts: int
) -> None:
    opened: list[tuple[str, str | None]] = []
    ran: list[ShardSpec] = []

    def load(name: str, *, provider: str | None) -> KnowsOneCar:
        opened.append((name, provider))
        detector = Batched()
        detector.batching = lambda: stats
        return detector

    monkeypatch.setattr(shards, "load_detector", load)
    monkeypatch.setattr(shards.signal, "signal", lambda *_: None)
    monkeypatch.setattr(Shard, "run", lambda shard, _: ran.append(shard.spec))
    run_shard(spec, Stop(0.0))
    assert opened == [("none", "cuda")]
    assert [one.analysts for one in ran] == [analysts]

"""What a worker measures of itself, for Prometheus: from what its shards write about their cameras, and from its outbox."""

import shutil
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from detector.delivery.outbox import Outbox
from detector.errors import ConfigError
from detector.health import read_health

PREFIX = "streetwarden_worker"


class WorkerMetrics(Collector):
    """Collected when somebody asks.

    Args:
        state_dir: The worker's.
        outbox: Its.
    """

    def __init__(self, state_dir: Path, outbox: Outbox) -> None:
        self._state_dir, self._outbox = state_dir, outbox

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        moment = datetime.now(UTC)
        rows = read_health(self._state_dir, moment)
        states = Counter("silent" if "stale_s" in row else str(row["state"]) for row in rows)
        cameras = GaugeMetricFamily(f"{PREFIX}_cameras", "Cameras, by state", labels=["state"])
        for state, count in states.items():
            cameras.add_metric([state], count)
        age = GaugeMetricFamily(f"{PREFIX}_packet_age_seconds", "Since the last packet", labels=["camera"])
        looks = CounterMetricFamily(f"{PREFIX}_looks", "Pictures looked at", labels=["camera"])
        analysed = CounterMetricFamily(f"{PREFIX}_analysed", "Pictures that the detector has seen", labels=["camera"])
        lost = CounterMetricFamily(f"{PREFIX}_lost", "What was lost, by cause", labels=["camera", "cause"])
        faults = GaugeMetricFamily(f"{PREFIX}_picture_fault", "Faults of the picture", labels=["camera", "fault"])
        for row in rows:
            camera = str(row["camera"])
            if row["last_packet_age_s"] is not None:
                age.add_metric([camera], row["last_packet_age_s"] + row.get("stale_s", 0.0))
            looks.add_metric([camera], row.get("looks", 0))
            analysed.add_metric([camera], row.get("analysed", 0))
            for cause, count in {**row["failures"], **row["drops"]}.items():
                lost.add_metric([camera, cause], count)
            for fault in row.get("picture", {}).get("faults", ()):
                faults.add_metric([camera, fault], 1)
        waiting = GaugeMetricFamily(f"{PREFIX}_outbox_messages", "Messages, by state", labels=["state"])
        for state, count in self._outbox.counts().items():
            waiting.add_metric([state], count)
        oldest_at = self._outbox.oldest_taken_at()
        oldest_s = 0.0 if oldest_at is None else (moment - oldest_at).total_seconds()
        oldest = GaugeMetricFamily(f"{PREFIX}_outbox_oldest_seconds", "For how long a message waits", value=oldest_s)
        free_bytes = shutil.disk_usage(self._state_dir).free
        free = GaugeMetricFamily(f"{PREFIX}_disk_free_bytes", "Room where the state folder lies", value=free_bytes)
        self._outbox.close()  # of this thread, which lives for one answer
        return cameras, age, looks, analysed, lost, faults, waiting, oldest, free


def serve_metrics(address: str, state_dir: Path, outbox: Outbox) -> None:
    """Answers `GET /metrics` from a thread, for as long as the process lives.

    Args:
        address: `HOST:PORT`, or `:PORT` for this machine alone.
        state_dir: The worker's.
        outbox: Its.

    Raises:
        ConfigError: The address is none, or taken.
    """
    host, _, port = address.rpartition(":")
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(state_dir, outbox))
    try:
        start_http_server(int(port), host or "127.0.0.1", registry)
    except (ValueError, OSError, OverflowError) as error:
        raise ConfigError(f"--metrics {address}: {error}; allowed is HOST:PORT, as in 127.0.0.1:9464") from None

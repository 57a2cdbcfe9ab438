"""What is counted of notices and the ways they go out."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class NoticeMetrics:
    """The counters, in the registry of their application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "streetwarden_webhook_deliveries",
            "Tries to deliver a notice, by what became of it: delivered, retried, dead, unknown",
            ["outcome"],
            registry=registry,
        )
        self.delivery_s = Histogram(
            "streetwarden_webhook_seconds",
            "How long receivers take",
            buckets=(0.1, 0.5, 1, 5, 10, 20),
            registry=registry,
        )
        self.backlog = Gauge(
            "streetwarden_webhook_backlog", "Deliveries that wait, and those given up", ["state"], registry=registry
        )
        self.streams = Gauge("streetwarden_streams", "Open event streams of this process", registry=registry)
        self.streams_closed = Counter(
            "streetwarden_streams_closed", "Event streams that ended, by reason", ["reason"], registry=registry
        )
        self.published = Counter(
            "streetwarden_mqtt_published", "Notices that the MQTT broker has taken", registry=registry
        )
        self.broker_connected = Gauge(
            "streetwarden_mqtt_connected", "Whether this process is connected to the MQTT broker", registry=registry
        )

    def show_backlog(self, counts: Mapping[str, int]) -> None:
        """Shows how much waits."""
        for state, count in counts.items():
            self.backlog.labels(state).set(count)

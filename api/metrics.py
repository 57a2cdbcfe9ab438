"""Prometheus metrics of one application."""

from http import HTTPMethod

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.jobs.counters import JobMetrics
from api.notices.counters import NoticeMetrics

_METHODS = frozenset(HTTPMethod)


class Metrics:
    """The counters, in a registry of their own so that two applications in one process don't meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "streetwarden_http_requests", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self.incidents = Counter(
            "streetwarden_incident_revisions",
            "Incident revisions received",
            ["type", "outcome"],
            registry=self.registry,
        )
        self.unknown_keys = Counter(
            "streetwarden_unknown_keys",
            "Keys in incidents that this version does not know; kept as they came",
            registry=self.registry,
        )
        self.evidence_files = Counter(
            "streetwarden_evidence_files", "Files of evidence stored", ["media_type"], registry=self.registry
        )
        self.evidence_bytes = Counter("streetwarden_evidence_bytes", "Bytes of evidence stored", registry=self.registry)
        self.evidence_refused = Counter(
            "streetwarden_evidence_refused",
            "Files of evidence refused, by status of the answer",
            ["status"],
            registry=self.registry,
        )
        self.uploads_abandoned = Counter(
            "streetwarden_uploads_abandoned",
            "Files that began to arrive in several requests and never became whole",
            registry=self.registry,
        )
        self.reviews = Counter("streetwarden_reviews", "Verdicts of people", ["verdict"], registry=self.registry)
        self.packages = Counter("streetwarden_packages", "Evidence packs handed out", registry=self.registry)
        self.sign_ins = Counter("streetwarden_sign_ins", "Sign-ins", ["outcome"], registry=self.registry)
        self.review_delay_s = Histogram(
            "streetwarden_review_delay_seconds",
            "From the arrival of an incident to its first verdict",
            buckets=(10, 30, 60, 300, 900, 3600, 14_400, 86_400, 864_000),
            registry=self.registry,
        )
        self.disk_free_bytes = Gauge(
            "streetwarden_disk_free_bytes", "Room where the data folder lies", registry=self.registry
        )
        self.notices = NoticeMetrics(self.registry)
        self.jobs = JobMetrics(self.registry)


class CountRequests:
    """Counts every answer by the route that gave it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The route's pattern, never the path: a label must not have a value per incident, or per odd request.
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(method, route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, send_and_count if scope["type"] == "http" else send)

"""The trace of an incident (OpenTelemetry): from its alarm to its arrival, over processes and workers.

All of one incident is one trace, since the trace's id follows from the incident's. Costs next to nothing while nobody has asked
for traces.
"""

import hashlib
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from detector.delivery.outbox import Message

_TRACER = trace.get_tracer("streetwarden.worker")
_TRACE_BYTES, _SPAN_BYTES = 16, 8


@contextmanager
def delivering(message: Message) -> Generator[dict[str, str]]:
    """A span around a try to deliver; gives the headers that let the event system go on with it.

    Args:
        message: What is delivered.
    """
    about: dict[str, str | int] = {
        "incident": message.incident,
        "kind": message.kind,
        "attempt": message.attempts + 1,
    }
    if message.kind != "revision":
        about["file"] = message.name
    with _TRACER.start_as_current_span("deliver", _trace_of(message.incident), SpanKind.CLIENT, about):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        yield headers


def has_arrived(message: Message) -> None:
    """Tells how long it took from an incident's alarm to the arrival of this revision of it."""
    nobody_asked = isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    if message.kind != "revision" or nobody_asked:
        return
    revision: Mapping[str, Any] = json.loads(message.body or "{}")
    if revision.get("state") != "confirmed" or not revision.get("confirmed_at"):
        return
    began_ns = round(datetime.fromisoformat(revision["confirmed_at"]).timestamp() * 1e9)
    about = {name: str(revision.get(name)) for name in ("camera", "zone", "type", "revision")}
    span = _TRACER.start_span("alarm to arrival", _trace_of(message.incident), attributes=about, start_time=began_ns)
    span.end()


def _trace_of(incident: str) -> Context:
    digest = hashlib.sha256(incident.encode()).digest()
    parent = SpanContext(
        int.from_bytes(digest[:_TRACE_BYTES], "big"),
        int.from_bytes(digest[_TRACE_BYTES : _TRACE_BYTES + _SPAN_BYTES], "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent))

"""The thread that publishes notices to an MQTT broker, from the same log as everything else.

One process publishes, whichever holds the lease, and only what the broker has acknowledged (QoS 1) counts as told: while
the broker is away nothing is lost, and after a crash a few notices come twice.
"""

import json
import logging
import os
import ssl
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta

import certifi
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy.exc import SQLAlchemyError

from api.clock import now
from api.notices.cloudevents import body_of, event_of
from api.notices.counters import NoticeMetrics
from api.notices.kinds import PREFIX, VERSION
from api.notices.log import head_of, read
from api.notices.settings import MQTT_PASSWORD_VARIABLE, MqttSettings
from api.schema import as_utc_text
from api.storage.database import Database
from api.storage.tables import Notice, NoticeReader

READER = "mqtt"
POLL_S = 0.5
LEASE = timedelta(seconds=15)
"""Another process takes over when the one that published has not been heard of for so long."""

ACKNOWLEDGED_S = 10.0
"""A batch whose acknowledgements have not come by then is published once more."""

BATCH = 100
RETRY_S = (1, 60)
"""First and longest wait before connecting again; it doubles."""

_LOG = logging.getLogger(__name__)


def topic_of(prefix: str, kind: str, camera_id: str) -> str:
    """Where a notice is published: a subscriber can choose kinds and cameras.

    Examples:
        >>> topic_of("city/streetwarden", "io.streetwarden.case.accepted.v1", "gate-3")
        'city/streetwarden/case/accepted/gate-3'
    """
    name = kind.removeprefix(PREFIX).removesuffix(VERSION).replace(".", "/")
    return f"{prefix}/{name}/{camera_id}"


def health_topic(prefix: str, camera_id: str) -> str:
    """Where the broker keeps how a camera does, for whoever comes later."""
    return f"{prefix}/cameras/{camera_id}/health"


def health_of(notice: Notice) -> Mapping[str, str] | None:
    """How a camera does after this notice; None when it says nothing about that."""
    if not notice.type.startswith(f"{PREFIX}camera."):
        return None
    condition = json.loads(notice.data)["condition"]
    return {
        "camera": notice.camera_id,
        "health": "ok" if condition == "recovered" else condition,
        "since": as_utc_text(notice.at),
    }


class Publisher:
    """Publishes, from `start` to `stop`.

    Args:
        database: Where the log is.
        settings: The broker.
        metrics: Where it is counted.
        public_url: For links in what is published.
    """

    def __init__(
        self, database: Database, settings: MqttSettings, metrics: NoticeMetrics, public_url: str | None
    ) -> None:
        self._database = database
        self._settings = settings
        self._metrics = metrics
        self._public_url = public_url
        self._name = f"streetwarden-{uuid.uuid4().hex[:12]}"
        self._stopping = threading.Event()
        self._client = self._new_client()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begins; a broker that is away is tried again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, and lets another process go on at once."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * ACKNOWLEDGED_S)

    def _new_client(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self._name, protocol=paho.MQTTv311)
        if self._settings.username:
            client.username_pw_set(self._settings.username, os.environ.get(MQTT_PASSWORD_VARIABLE))
        if self._settings.is_encrypted:
            context = ssl.create_default_context()
            context.load_verify_locations(certifi.where())
            client.tls_set_context(context)
        client.reconnect_delay_set(*RETRY_S)
        client.max_inflight_messages_set(BATCH)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, _client: object, _data: object, _flags: object, reason: ReasonCode, _more: object) -> None:
        if reason.is_failure:
            _LOG.warning("mqtt: %s refuses: %s", self._settings.host, reason)
            return
        self._metrics.broker_connected.set(1)

    def _on_disconnect(self, _client: object, _data: object, _flags: object, _reason: object, _more: object) -> None:
        self._metrics.broker_connected.set(0)

    def _run(self) -> None:
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=30)
        self._client.loop_start()
        is_registered = False
        try:
            while not self._stopping.is_set():
                busy = False
                try:
                    # From the first start on everything is told, also if the broker is not there yet.
                    if not is_registered:
                        self._hold()
                        is_registered = True
                    busy = self._client.is_connected() and self._publish_batch()
                except SQLAlchemyError:
                    _LOG.exception("mqtt: the log can't be read")
                    self._stopping.wait(RETRY_S[0])
                if not busy:
                    self._stopping.wait(POLL_S)
            self._let_go()
        finally:
            self._client.disconnect()
            self._client.loop_stop()
            self._metrics.broker_connected.set(0)

    def _publish_batch(self) -> bool:
        """Publishes what comes next, if this process is the one to do so; whether there may be more."""
        reached = self._hold()
        if reached is None:
            return False
        with self._database.read() as session:
            notices = read(session, reached, limit=BATCH)
        if not notices:
            return False
        sent = [info for notice in notices for info in self._publish(notice)]
        if not self._are_acknowledged(sent):
            self._start_anew()
            return False
        if not self._advance(notices[-1].sequence):
            return False
        self._metrics.published.inc(len(notices))
        return len(notices) == BATCH

    def _publish(self, notice: Notice) -> list[paho.MQTTMessageInfo]:
        prefix = self._settings.topic_prefix
        body = body_of(event_of(notice, self._public_url))
        sent = [self._client.publish(topic_of(prefix, notice.type, notice.camera_id), body, qos=1)]
        health = health_of(notice)
        if health is not None:
            topic = health_topic(prefix, notice.camera_id)
            sent.append(self._client.publish(topic, json.dumps(health), qos=1, retain=True))
        return sent

    def _are_acknowledged(self, sent: list[paho.MQTTMessageInfo]) -> bool:
        """Waits until the broker has taken all of them; False when it has gone, or takes too long."""
        deadline = time.monotonic() + ACKNOWLEDGED_S
        try:
            for info in sent:
                while not info.is_published():
                    if time.monotonic() > deadline or not self._client.is_connected() or self._stopping.is_set():
                        return False
                    info.wait_for_publish(0.1)
        except (RuntimeError, ValueError):  # it could not even be handed over
            return False
        return True

    def _start_anew(self) -> None:
        """Forgets what the client still holds: the log holds it better, and it would come twice and out of order."""
        self._client.disconnect()
        self._client.loop_stop()
        self._metrics.broker_connected.set(0)
        if self._stopping.is_set():
            return
        self._client = self._new_client()
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=30)
        self._client.loop_start()

    def _hold(self) -> int | None:
        """Takes or keeps the lease.

        Returns:
            How far the log has been told; None while another process is at it.
        """
        moment = now()
        with self._database.read() as session:
            row = session.get(NoticeReader, READER)
            mine = row is not None and row.holder == self._name
            if row is not None and row.held_until is not None:
                if mine and row.held_until - moment > LEASE / 2:
                    return row.sequence
                if not mine and row.held_until > moment:
                    return None
        with self._database.write(about="mqtt") as session:
            row = session.get(NoticeReader, READER, with_for_update=True)
            if row is None:  # the first time: what was before is not told
                row = NoticeReader(name=READER, sequence=head_of(session))
                session.add(row)
            if row.holder != self._name and row.held_until is not None and row.held_until > moment:
                return None
            row.holder, row.held_until = self._name, moment + LEASE
            return row.sequence

    def _advance(self, sequence: int) -> bool:
        with self._database.write(about="mqtt") as session:
            row = session.get_one(NoticeReader, READER, with_for_update=True)
            if row.holder != self._name:
                return False
            row.sequence, row.held_until = sequence, now() + LEASE
            return True

    def _let_go(self) -> None:
        with self._database.write(about="mqtt") as session:
            row = session.get(NoticeReader, READER, with_for_update=True)
            if row is not None and row.holder == self._name:
                row.holder = row.held_until = None

"""MQTT, with a real mosquitto that comes and goes: everything arrives, in order, and how cameras do is kept."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from api.clock import now
from api.errors import ApiError
from api.notices import mqtt
from api.notices.telling import tell_camera
from api.server import EmbeddedServer
from api.settings import load_settings
from api.storage.data_folder import open_database
from tests.api import storages
from tests.api.conftest import write_settings
from tests.api.events import System, incident, put
from tests.api.receiver import await_true

PASSWORD = "a password of the broker"


@dataclass
class Broker:
    """A mosquitto that asks for a password and keeps nothing over a restart."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(program).exists():
            message = "needs mosquitto (on Debian: apt-get install mosquitto)"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        self.process = subprocess.Popen(
            [program, "-c", self.folder / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await_true(self._answers)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder, storages._free_port())
    program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    if Path(program).exists():
        subprocess.run([program, "-b", "-c", folder / "passwords", "city", PASSWORD], check=True, capture_output=True)
        (folder / "passwords").chmod(0o644)
    folder.chmod(0o755)
    tmp_path.chmod(0o755)
    user = "user root\n" if os.getuid() == 0 else ""
    conf = f"listener {broker.port} 127.0.0.1\npassword_file {folder}/passwords\nallow_anonymous false\n{user}"
    (folder / "conf").write_text(conf)
    broker.start()
    yield broker
    broker.stop()


@dataclass
class Subscriber:
    """Somebody at the broker."""

    port: int
    topic: str = "city/#"
    came: list[paho.MQTTMessage] = field(default_factory=list)

    def __enter__(self) -> "Subscriber":
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.username_pw_set("city", PASSWORD)
        ready: list[object] = []
        self.client.on_message = lambda _client, _data, message: self.came.append(message)
        self.client.on_subscribe = lambda *_: ready.append(1)
        self.client.on_connect = lambda *_: self.client.subscribe(self.topic, qos=1)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()
        await_true(lambda: ready)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message.payload) for message in list(self.came) if not message.topic.endswith("/health")]

    def incidents(self) -> list[str]:
        return [event["data"]["incident"] for event in self.events() if "created" in event["type"]]


@pytest.fixture
def system(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setenv("STREETWARDEN_MQTT_PASSWORD", PASSWORD)
    monkeypatch.setattr(mqtt, "RETRY_S", (1, 1))
    data = tmp_path / "data"
    url = f"mqtt://127.0.0.1:{broker.port}"
    write_settings(data, mqtt={"url": url, "topic_prefix": "city", "username": "city"})
    with EmbeddedServer(data) as server:
        running = System(data, server.url)
        yield running
        running.close()


def is_connected(system: System) -> bool:
    return "streetwarden_mqtt_connected 1.0" in system.anybody().get("/metrics").text


def test_notices_arrive_also_after_the_broker_was_away(system: System, broker: Broker) -> None:
    worker = system.with_token()
    with Subscriber(broker.port) as subscriber:
        await_true(lambda: is_connected(system))
        put(worker, incident("mqtt-1"))
        await_true(lambda: len(subscriber.events()) == 2)
        first = subscriber.came[0]
        assert (first.topic, first.qos) == ("city/incident/created/gate-3", 1)
        assert subscriber.events()[0]["specversion"] == "1.0"
        broker.stop()
        await_true(lambda: not is_connected(system))
        for number in range(2, 12):
            put(worker, incident(f"mqtt-{number}"))
        broker.start()
        # The subscriber may come back later than the publisher and miss some here: what the publisher's cursor says is
        # what the broker has taken.
        await_true(lambda: system.execute("SELECT sequence FROM notice_readers") == [(22,)])
        put(worker, incident("mqtt-last"))
        await_true(lambda: "mqtt-last" in subscriber.incidents())
    assert "streetwarden_mqtt_published_total 2" in system.anybody().get("/metrics").text  # 22 or 24


def test_nothing_is_lost_for_a_subscriber_that_stays(system: System, broker: Broker, tmp_path: Path) -> None:
    """The event system is stopped and started again while things happen; the subscriber sees each incident, in order."""
    worker = system.with_token()
    with Subscriber(broker.port, topic="city/incident/created/+") as subscriber:
        await_true(lambda: is_connected(system))
        for number in range(150):
            put(worker, incident(f"order-{number:03d}"))
        await_true(lambda: len(subscriber.incidents()) >= 150)
        assert list(dict.fromkeys(subscriber.incidents())) == [f"order-{number:03d}" for number in range(150)]


def test_how_cameras_do_is_kept(system: System, broker: Broker) -> None:
    database = open_database(system.data_dir)
    with database.write() as session:
        tell_camera(session, "gate-3", "down", now(), now())
        tell_camera(session, "gate-4", "covered", now(), now())
        tell_camera(session, "gate-3", "recovered", now(), now())
    database.close()
    await_true(lambda: system.execute("SELECT sequence FROM notice_readers") == [(3,)])
    with Subscriber(broker.port, topic="city/cameras/+/health") as late:
        await_true(lambda: len(late.came) == 2)
        health = {message.topic: json.loads(message.payload)["health"] for message in late.came}
        assert health == {"city/cameras/gate-3/health": "ok", "city/cameras/gate-4/health": "covered"}
        assert all(message.retain for message in late.came)


def test_one_of_two_publishes(system: System, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two event systems on one database: each notice comes once; when the first goes, the other goes on."""
    with EmbeddedServer(system.data_dir) as second, Subscriber(broker.port) as subscriber:
        other = System(system.data_dir, second.url)
        worker = other.with_token()
        await_true(lambda: is_connected(system) and is_connected(other))
        for number in range(5):
            put(worker, incident(f"two-{number}"))
        await_true(lambda: len(subscriber.events()) >= 10)
        time.sleep(0.7)
        ids = [event["id"] for event in subscriber.events()]
        assert len(ids) == len(set(ids)) == 10
        other.close()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"url": "http://broker"}, "mqtt.url: Value error, allowed is mqtts://HOST:PORT"),
        ({"url": "mqtts://city:secret@broker"}, "allowed is mqtts://HOST:PORT"),
        ({"url": "mqtts://broker:99999"}, "allowed is mqtts://HOST:PORT"),
        ({"url": "mqtts://broker", "topic_prefix": "city/#"}, "mqtt.topic_prefix"),
        (
            {"url": "mqtts://broker", "password": "x"},
            "mqtt.password: unknown key; allowed are url, topic_prefix, username",
        ),
    ],
)
def test_settings_that_are_wrong(tmp_path: Path, said: dict[str, str], told: str) -> None:
    write_settings(tmp_path, mqtt=said)
    with pytest.raises(ApiError, match=r"settings\.yaml") as caught:
        load_settings(tmp_path)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)

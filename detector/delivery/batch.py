"""Revisions of several incidents in one request: what a worker that has much to tell sends, as after an outage."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from detector.delivery.outbox import Message

BATCH_MIN = 4
"""Fewer are sent one by one: their answers come as soon."""
BATCH_BYTES = 512 * 1024
"""The event system takes a request of 1 MiB."""
PATH = "/v1/incidents/batch"
UNKNOWN_HERE = frozenset({404, 405})
"""Answers of an event system that is older than batches."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one message."""

    status: int
    said: str


def revisions_for_batch(messages: Sequence[Message]) -> list[Message]:
    """The messages that go together; none where there are too few. Of each incident there is one at most: its oldest."""
    chosen: list[Message] = []
    size = 0
    for message in messages:
        size += len(message.body or "")
        if message.kind == "revision" and size <= BATCH_BYTES:
            chosen.append(message)
    return chosen if len(chosen) >= BATCH_MIN else []


def camera_of(message: Message) -> str:
    """Whose incident a revision is about."""
    return str(json.loads(message.body or "{}").get("camera"))


def send_batch(
    client: httpx.Client, messages: Sequence[Message], epoch_of: Callable[[str], int | None]
) -> httpx.Response:
    """Sends them, with the epochs of their cameras' leases; a transport error is the caller's."""
    body = ",".join(message.body or "" for message in messages)
    known = {camera: epoch_of(camera) for camera in map(camera_of, messages)}
    epochs = {camera: epoch for camera, epoch in known.items() if epoch is not None}
    more = f',"epochs":{json.dumps(epochs)}' if epochs else ""
    content = f'{{"incidents":[{body}]{more}}}'.encode()
    return client.post(PATH, content=content, headers={"Content-Type": "application/json"})


def answers_of(response: httpx.Response, count: int) -> list[Answer] | None:
    """What became of each; None where the answer is not one to a batch."""
    try:
        results = response.json()["results"]
        answers = [Answer(int(result["status"]), json.dumps(result)[:300]) for result in results]
    except (ValueError, KeyError, TypeError):
        return None
    return answers if len(answers) == count else None

"""Lists, filters, cursors, problem documents, and what everybody may read."""

from base64 import urlsafe_b64encode
from datetime import timedelta

import httpx
import pytest

from tests.api.events import BEGAN, System, incident, put, text_of


@pytest.fixture(scope="module", autouse=True)
def some(worker: httpx.Client) -> None:
    """Ten incidents, confirmed a minute apart: list-0 the oldest, list-9 the newest."""
    for number in range(10):
        put(
            worker,
            incident(
                f"list-{number}",
                camera="even" if number % 2 == 0 else "odd",
                zone="listed",
                type="dumping" if number < 3 else "illegal_parking",
                confirmed_at=text_of(BEGAN + timedelta(minutes=number)),
            ),
        )


def ids(client: httpx.Client, **filters: str | int) -> list[str]:
    answer = client.get("/v1/incidents", params=filters)
    assert answer.status_code == 200, answer.text
    return [found["id"] for found in answer.json()["incidents"]]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ({"type": "dumping"}, [2, 1, 0]),
        ({"camera": "odd"}, [9, 7, 5, 3, 1]),
        ({"camera": "odd", "type": "dumping"}, [1]),
        ({"camera": "unknown"}, []),
        ({"state": "ended"}, []),
        ({"from": "2026-03-02T08:07:00Z"}, [9, 8, 7]),
        ({"until": "2026-03-02T08:02:00Z"}, [1, 0]),
        ({"from": "2026-03-02T16:03:00+08:00", "until": "2026-03-02T08:05:00Z"}, [4, 3]),
        ({"type": "", "camera": "", "state": "", "from": "", "until": "", "cursor": ""}, list(range(9, -1, -1))),
        ({"limit": "2"}, [9, 8]),
    ],
)
def test_filters(worker: httpx.Client, filters: dict[str, str], numbers: list[int]) -> None:
    assert ids(worker, zone="listed", **filters) == [f"list-{number}" for number in numbers]


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        ({"type": "jaywalking"}, "query.type"),
        ({"state": "new"}, "query.state"),
        ({"from": "yesterday"}, "query.from"),
        ({"from": "2026-03-02T08:07:00"}, "query.from"),
        ({"limit": "0"}, "query.limit"),
        ({"limit": "201"}, "query.limit"),
        ({"camera": "../x"}, "query.camera"),
        ({"typo": "1"}, "query.typo"),
        ({"cursor": "!!!"}, "cursor"),
        ({"cursor": "WyJuZXdlc3QiXQ"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        (
            {"order": "queue", "cursor": urlsafe_b64encode(f'["queue",{10**30},1.0,"{text_of(BEGAN)}","x"]'.encode())},
            "cursor",
        ),
        ({"from": "0001-01-01T00:00:00+14:00"}, "query.from"),
        ({"until": "1772438400"}, "query.until"),
    ],
)
def test_wrong_filters(worker: httpx.Client, filters: dict[str, str | bytes], where: str) -> None:
    answer = worker.get("/v1/incidents", params=filters)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert where in answer.json()["detail"]


@pytest.mark.parametrize("order", ["newest", "queue"])
def test_cursor_is_stable_while_incidents_arrive(worker: httpx.Client, order: str) -> None:
    seen: list[str] = []
    query = {"zone": "listed", "limit": "3", "order": order}
    page = worker.get("/v1/incidents", params=query).json()
    for number in range(20):
        seen += [found["id"] for found in page["incidents"]]
        if page["next"] is None:
            break
        newest = text_of(BEGAN + timedelta(hours=1, minutes=number))
        put(worker, incident(f"late-{order}-{number}", zone="listed", score=1.0, confirmed_at=newest))
        page = worker.get("/v1/incidents", params=query | {"cursor": page["next"]}).json()
    originals = [name for name in seen if name.startswith("list-")]
    assert sorted(originals) == [f"list-{number}" for number in range(10)]
    assert len(seen) == len(set(seen))


def test_a_cursor_belongs_to_its_order(worker: httpx.Client) -> None:
    cursor = worker.get("/v1/incidents", params={"limit": "1"}).json()["next"]
    assert worker.get("/v1/incidents", params={"order": "queue", "cursor": cursor}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/incidents/none", 404),
        ("GET", "/v1/incidents/none/evidence/a.jpg", 404),
        ("GET", "/v1/incidents/list-1/evidence/a.jpg", 404),
        ("GET", "/v1/incidents/-none", 422),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1", 404),
        ("DELETE", "/v1/incidents", 405),
        ("POST", "/v1/incidents/list-1", 405),
    ],
)
def test_problem_documents(worker: httpx.Client, method: str, path: str, status: int) -> None:
    answer = worker.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["instance"]) == (status, path)
    assert set(body) >= {"type", "title", "status", "detail", "instance"}


def test_operations(system: System) -> None:
    anybody = system.anybody()
    assert anybody.get("/healthz").json() == {"status": "ok"}
    assert anybody.get("/readyz").json() == {"status": "ok"}
    metrics = anybody.get("/metrics").text
    assert 'streetwarden_incident_revisions_total{outcome="created",type="dumping"} 3.0' in metrics
    assert 'route="/v1/incidents/{incident_id}"' in metrics
    assert "list-1" not in metrics


def test_openapi_documents_every_answer(system: System) -> None:
    described = system.anybody().get("/openapi.json").json()
    put_incident = described["paths"]["/v1/incidents/{incident_id}"]["put"]["responses"]
    assert set(put_incident) >= {"200", "201", "401", "403", "409", "422"}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert not path.startswith("/v1") or "401" in operation["responses"], (method, path)

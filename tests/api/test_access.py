"""Who gets in: tokens, sessions, passwords, and requests that other pages make a browser send."""

import httpx
import pytest

from api.errors import ApiError
from api.provision import create_token, create_user, list_users, revoke_token
from tests.api.events import System, incident, put


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/incidents"),
        ("PUT", "/v1/incidents/x"),
        ("PUT", "/v1/incidents/x/evidence/a.jpg"),
        ("POST", "/v1/incidents/x/review"),
        ("GET", "/v1/whoami"),
        ("GET", "/v1/nothing-here"),
        ("DELETE", "/v1/incidents"),
        ("POST", "/v1/session"),
        ("GET", "/v1"),
        ("GET", "/v1/../v1/incidents"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer swt_wrong"}, {"Authorization": "Basic YTpi"}])
def test_nobody_gets_in(system: System, method: str, path: str, headers: dict[str, str]) -> None:
    answer = system.anybody().request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "name", ["", " ", "a\0b", "\0", "\U0001f697" * 500, "'; DROP TABLE users; --", "\u202egnihton"]
)
def test_odd_names_are_nobodys(system: System, name: str) -> None:
    assert system.anybody().post("/v1/session", json={"name": name, "password": name}).status_code == 401


def test_a_refused_upload_hears_why(system: System) -> None:
    """20 MB from somebody unknown: the answer arrives, not a reset connection."""
    answer = system.anybody().put("/v1/incidents/x/evidence/a.mp4", content=b"x" * 20_000_000)
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/v1/cases/evidence/hold", "/v1/cases/photos/assignee"])
def test_names_of_routes_as_ids_lift_no_limit(system: System, path: str) -> None:
    """Only what takes files has no limit of its own; a case may be called anything."""
    answer = system.with_token(role="viewer").put(path, json={"reason": "x" * 20_000_000})
    assert (answer.status_code, "allowed are" in answer.json()["detail"]) == (413, True)


def test_strangers_name_no_counters(system: System) -> None:
    for method in ("GETX", "PROPFIND"):
        system.anybody().request(method, "/")
    counted = system.anybody().get("/metrics").text
    assert ("GETX" in counted, "PROPFIND" in counted, 'method="other"' in counted) == (False, False, True)


def test_tokens(system: System) -> None:
    token = create_token(system.data_dir, cameras=["a"], name="north")
    client = system.anybody(headers={"Authorization": f"Bearer {token}"})
    assert token.startswith("swt_")
    who = client.get("/v1/whoami").json()
    assert (who["name"], who["role"], who["cameras"], who["csrf_token"]) == ("north", "worker", ["a"], None)
    assert token not in system.dump()
    revoke_token(system.data_dir, token)
    assert client.get("/v1/whoami").status_code == 401


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"role": "king"}, "allowed are viewer"),
        ({"role": "worker", "cameras": ["A B"]}, "camera 'A B'"),
        ({"role": "officer"}, "--user"),
        ({"role": "officer", "user": "nobody"}, "'nobody' is not known"),
        ({"role": "officer", "user": "rudi"}, "is a reviewer"),
    ],
)
def test_wrong_tokens(system: System, options: dict[str, object], told: str) -> None:
    if ("rudi", "reviewer") not in list_users(system.data_dir):
        create_user(system.data_dir, "rudi", "reviewer")
    with pytest.raises(ApiError, match=told):
        create_token(system.data_dir, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "role", "told"),
    [("", "viewer", "user name"), ("x", "worker", "not a person"), ("x", "boss", "allowed are")],
)
def test_wrong_users(system: System, name: str, role: str, told: str) -> None:
    with pytest.raises(ApiError, match=told):
        create_user(system.data_dir, name, role)


def test_one_time_password_and_ones_own(system: System) -> None:
    password = create_user(system.data_dir, "ines", "reviewer")
    with pytest.raises(ApiError, match="there already"):
        create_user(system.data_dir, "ines", "reviewer")
    client = system.anybody()
    opened = client.post("/v1/session", json={"name": "ines", "password": password})
    assert opened.json()["must_change_password"] is True
    cookie = opened.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie  # plain http on this machine
    client.headers["X-CSRF-Token"] = opened.json()["csrf_token"]
    change = "/v1/account/password"
    other = system.anybody()
    other.post("/v1/session", json={"name": "ines", "password": password})
    assert client.put(change, json={"old": "wrong", "new": "long enough now"}).status_code == 422
    assert client.put(change, json={"old": password, "new": "short"}).status_code == 422
    assert client.put(change, json={"old": password, "new": "long enough now"}).status_code == 204
    assert client.get("/v1/whoami").json()["must_change_password"] is False
    assert other.get("/v1/whoami").status_code == 401  # all other sessions have ended
    assert system.anybody().post("/v1/session", json={"name": "ines", "password": password}).status_code == 401
    again = {"name": "ines", "password": "long enough now"}
    assert system.anybody().post("/v1/session", json=again).status_code == 201
    client.headers["X-CSRF-Token"] = client.get("/v1/whoami").json()["csrf_token"]
    assert client.delete("/v1/session").status_code == 204
    assert client.get("/v1/whoami").status_code == 401


@pytest.mark.parametrize("foreign", ["a/b=1", "a b=1", "=", "{}", 'x="; y=', "é=1", "a[0]=1"])
def test_foreign_cookies_do_no_harm(system: System, reviewer: httpx.Client, foreign: str) -> None:
    secret = reviewer.cookies["streetwarden_session"]
    headers = {"Cookie": f"{foreign}; streetwarden_session={secret}".encode()}
    assert system.anybody(headers=headers).get("/v1/whoami").json()["name"] == "anna"
    assert system.anybody(headers={"Cookie": foreign.encode()}).get("/v1/whoami").status_code == 401


def test_wrong_passwords_have_to_wait(system: System) -> None:
    """Five wrong ones are answered 401, then the account waits; time passes by setting the database's clock back."""
    password = create_user(system.data_dir, "gus", "viewer")
    guesser = system.anybody()
    wrong = {"name": "gus", "password": "wrong"}
    right = {"name": "gus", "password": password}
    assert [guesser.post("/v1/session", json=wrong).status_code for _ in range(5)] == [401] * 5
    answer = guesser.post("/v1/session", json=right)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 30
    system.execute("UPDATE sign_in_failures SET last_at = '2026-01-01 00:00:00.000000' WHERE name = 'gus'")
    assert guesser.post("/v1/session", json=right).status_code == 201
    assert system.anybody().post("/v1/session", json={"name": "no such", "password": "x"}).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "SELF"}, 201),
    ],
)
def test_requests_from_other_pages(
    system: System, worker: httpx.Client, reviewer: httpx.Client, headers: dict[str, str], status: int
) -> None:
    put(worker, incident("csrf"))
    headers = {name: system.url if value == "SELF" else value for name, value in headers.items()}
    answer = reviewer.post("/v1/incidents/csrf/review", json={"verdict": "confirm"}, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        ("/cases/x", "/cases/x"),
        ("https://evil.example/", "/queue"),
        ("//evil.example", "/queue"),
        ("/\\evil.example", "/queue"),
        ("javascript:alert(1)", "/queue"),
    ],
)
def test_sign_in_leads_nowhere_else(system: System, given: str, leads_to: str) -> None:
    if ("nora", "viewer") not in list_users(system.data_dir):
        create_user(system.data_dir, "nora", "viewer", "a password of hers")
    form = {"name": "nora", "password": "a password of hers", "next": given}
    answer = system.anybody().post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, leads_to)


def test_pages_are_guarded(system: System) -> None:
    anybody = system.anybody()
    answer = anybody.get("/cases/x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/cases/x")
    page = anybody.get("/sign-in")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert anybody.get("/static/../pages.py").status_code == 404


@pytest.mark.parametrize("path", ["/v1/account/password", "/password"])
def test_a_browser_left_open_can_not_be_used_to_guess_the_password(system: System, path: str) -> None:
    """Wrong present passwords count as at the door, and are refusals on record; a wrong new one is no guess."""
    name = f"left-open{path.count('/')}"
    password = create_user(system.data_dir, name, "viewer")
    client = system.anybody()
    opened = client.post("/v1/session", json={"name": name, "password": password}).json()

    def change(old: str, new: str = "long enough now") -> httpx.Response:
        if path == "/password":
            form = {"old": old, "new": new, "again": new, "csrf": opened["csrf_token"]}
            return client.post(path, data=form)
        return client.put(path, json={"old": old, "new": new}, headers={"X-CSRF-Token": opened["csrf_token"]})

    assert [change(password, "short").status_code for _ in range(7)] == [422] * 7
    assert [change("wrong").status_code for _ in range(4)] == [422] * 4
    last = change("wrong")
    assert (last.status_code, "The present password is wrong." in last.text) == (422, True)
    waits = change(password)
    assert (waits.status_code, "Too many wrong passwords" in waits.text) == (429, True)
    assert 0 < int(waits.headers["retry-after"]) <= 30
    assert system.anybody().post("/v1/session", json={"name": name, "password": password}).status_code == 429
    told = "SELECT who, action, object, client FROM audit WHERE reason = 'The present password is wrong.' AND who = "
    refusal = (name, "refused.422", "PUT /v1/account/password", "127.0.0.1")
    assert system.execute(f"{told}'{name}'") == [refusal]  # a second within a minute is the same deed
    system.execute(f"UPDATE sign_in_failures SET last_at = '2026-01-01 00:00:00.000000' WHERE name = '{name}'")
    assert change(password).status_code in (204, 303)
    assert system.execute(f"SELECT count FROM sign_in_failures WHERE name = '{name}'") == []  # forgiven

"""Signing in at the city's own provider, a real one; and tokens of providers that are not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from api.errors import ApiError
from api.identity.oidc import OidcClient, Provider, check_id_token, take_begun
from api.identity.oidc_settings import OidcSettings
from api.provision import create_user
from api.server import EmbeddedServer
from api.settings import load_settings
from api.storage.data_folder import open_database
from tests.api.conftest import write_settings
from tests.api.events import System
from tests.api.oidc_provider import OidcProvider, oidc_provider, path_of

ROLES = {"sw-viewers": "viewer", "sw-reviewers": "reviewer", "sw-chiefs": "administrator"}


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with oidc_provider() as running:
        yield running


@pytest.fixture(scope="module")
def data_dir(data_dir: Any, provider: OidcProvider) -> Any:
    known = yaml.safe_load((data_dir / "settings.yaml").read_text())
    oidc = {
        "issuer": provider.url,
        "client_id": "streetwarden",
        "client_secret_env": "TEST_OIDC_SECRET",
        "label": "Civic ID",
        "role_claim": "groups",
        "unit_claim": "department",
        "area_claim": "areas",
        "roles": ROLES,
    }
    write_settings(data_dir, **known, oidc=oidc, second_factor_for=["administrator"])
    return data_dir


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_OIDC_SECRET", "of the client")


def go(system: System, provider: OidcProvider, subject: str, leads_to: str = "/cases/x") -> httpx.Response:
    """The whole way of somebody's browser; the answer to its coming back."""
    browser = system.anybody()
    left = browser.get("/sign-in/outside", params={"next": leads_to}, follow_redirects=False)
    assert left.status_code == 303
    back = provider.sign_in(left.headers["location"], subject)
    assert back.startswith(f"{system.url}/sign-in/outside/back?")
    return browser.get(path_of(back), follow_redirects=False)


def who(system: System, answer: httpx.Response) -> dict[str, Any]:
    cookie = answer.cookies["streetwarden_session"]
    said = system.anybody(cookies={"streetwarden_session": cookie}).get("/v1/whoami")
    assert said.status_code == 200, said.text
    found: dict[str, Any] = said.json()
    return found


def create_chief(system: System) -> str:
    create_user(system.data_dir, "chief-oidc", "administrator")
    return "chief-oidc"


def test_an_account_is_made_and_kept_as_the_provider_says(system: System, provider: OidcProvider) -> None:
    provider.know(
        "7001", preferred_username="anna.li", groups=["staff", "sw-viewers"], department="North", areas=["north"]
    )
    first = go(system, provider, "7001")
    assert first.status_code == 200
    assert 'url=/cases/x"' in first.text
    person = who(system, first)
    assert (person["name"], person["role"], person["cameras"]) == ("anna.li", "viewer", [])
    # Promoted, and moved: with the next sign-in, and what she was signed in as before is over.
    provider.know("7001", preferred_username="anna.li", groups=["sw-viewers", "sw-chiefs"], areas=["north"])
    again = go(system, provider, "7001")
    promoted = who(system, again)
    assert (promoted["role"], promoted["second_factor"], promoted["must_change_password"]) == (
        "administrator",
        True,
        False,
    )
    cookie = first.cookies["streetwarden_session"]
    assert system.anybody(cookies={"streetwarden_session": cookie}).get("/v1/whoami").status_code == 401
    # Making and changing her account is on record, and an administrator can't give her a password around the provider.
    chief = system.with_token(role="administrator", user=create_chief(system))
    log = [line for line in chief.get("/v1/audit").text.splitlines() if '"/v1/users/anna.li"' in line]
    assert ["user.create" in log[0], "user.change" in log[1], len(log)] == [True, True, 2]
    refused = chief.post("/v1/users/anna.li/password")
    assert (refused.status_code, "city's own provider" in refused.json()["detail"]) == (422, True)
    # No password lets her in, and she has no second factor here: the provider sees to that.
    refused = system.anybody().post("/v1/session", json={"name": "anna.li", "password": ""})
    assert refused.status_code == 401


@pytest.mark.parametrize(
    ("subject", "claims", "told"),
    [
        ("1", {"preferred_username": "x", "groups": ["staff"]}, "is a role here"),
        ("2", {"preferred_username": "x"}, "is a role here"),
        ("3", {"preferred_username": "local", "groups": ["sw-viewers"]}, "already"),
        ("4", {"preferred_username": "a\x07", "groups": ["sw-viewers"]}, "printable"),
        ("5", {"preferred_username": "y", "groups": ["sw-viewers"], "areas": ["../x"]}, "area"),
    ],
)
def test_who_is_not_let_in(
    system: System, provider: OidcProvider, subject: str, claims: dict[str, Any], told: str
) -> None:
    if claims["preferred_username"] == "local":
        create_user(system.data_dir, "local", "reviewer")
    provider.know(subject, **claims)
    answer = go(system, provider, subject)
    assert answer.status_code == 401
    assert told in answer.text
    assert "streetwarden_session" not in answer.cookies
    refused = system.execute("SELECT who, reason FROM audit WHERE role = 'nobody' AND action = 'refused.401'")
    assert [told in reason for who, reason in refused if who == claims["preferred_username"]][-1:] == [True]


def test_who_has_no_areas_sees_nothing(system: System, provider: OidcProvider) -> None:
    provider.know("7002", preferred_username="bo", groups="sw-reviewers")
    assert who(system, go(system, provider, "7002"))["cameras"] == []


def test_a_closed_account_stays_closed(system: System, provider: OidcProvider) -> None:
    provider.know("7003", preferred_username="gone", groups=["sw-viewers"], areas=["north"])
    who(system, go(system, provider, "7003"))
    system.execute("UPDATE users SET disabled_at = '2026-01-01 00:00:00' WHERE name = 'gone'")
    answer = go(system, provider, "7003")
    assert (answer.status_code, "is closed" in answer.text) == (401, True)


def test_coming_back_without_having_left(system: System, provider: OidcProvider) -> None:
    provider.know("7004", preferred_username="mallory", groups=["sw-chiefs"], areas=["north"])
    mallory, victim = system.anybody(), system.anybody()
    left = mallory.get("/sign-in/outside", follow_redirects=False)
    back = path_of(provider.sign_in(left.headers["location"], "7004"))
    # Somebody is lured to the address that mallory would have come back to: they must not end up as mallory.
    assert victim.get(back).status_code == 401
    assert mallory.get(back).status_code == 200
    assert mallory.get(back).status_code == 401  # once
    assert mallory.get("/sign-in/outside/back", params={"state": "x", "code": "y"}).status_code == 401
    left = mallory.get("/sign-in/outside", follow_redirects=False)
    state = httpx.URL(left.headers["location"]).params["state"]
    denied = mallory.get("/sign-in/outside/back", params={"state": state, "error": "access_denied"})
    assert (denied.status_code, "access_denied" in denied.text) == (401, True)
    # What a stranger puts there is told to nobody, or they could fill the log with it.
    left = mallory.get("/sign-in/outside", follow_redirects=False)
    state = httpx.URL(left.headers["location"]).params["state"]
    odd = mallory.get("/sign-in/outside/back", params={"state": state, "error": "a word of theirs"})
    assert (odd.status_code, "a word of theirs" in odd.text) == (401, False)
    written = system.execute("SELECT reason FROM audit WHERE action = 'refused.401' AND who = 'somebody'")
    assert [reason for (reason,) in written] == [
        "this browser has not begun this sign-in",
        "the provider says access_denied",
        "the provider says no",
    ]


def test_a_provider_may_change_its_key(system: System, provider: OidcProvider) -> None:
    provider.know("7006", preferred_username="kay", groups=["sw-viewers"], areas=["north"])
    assert go(system, provider, "7006").status_code == 200
    provider.change_key()
    provider.know("7006", preferred_username="kay", groups=["sw-viewers"], areas=["north"])
    assert go(system, provider, "7006").status_code == 200


def test_a_provider_is_not_asked_for_its_keys_all_the_time(provider: OidcProvider, tmp_path: Any) -> None:
    said = {"issuer": provider.url, "client_id": "x", "client_secret_env": "TEST_OIDC_SECRET", "roles": ROLES}
    client = OidcClient(OidcSettings.model_validate(said))
    database = open_database(tmp_path)
    back, begun_at = "http://127.0.0.1/back", datetime.now(UTC)

    def redeem(after: timedelta) -> dict[str, Any]:
        with database.write() as session:
            asked, _ = client.begin(session, back, "/", begun_at + after)
        came = httpx.URL(provider.sign_in(asked, "7007")).params
        with database.write() as session:
            begun = take_begun(session, came["state"], begun_at + after)
        assert begun is not None
        return client.redeem(begun, came["code"], back, begun_at + after)

    assert redeem(timedelta())["sub"] == "7007"
    provider.change_key()
    assert redeem(timedelta(minutes=1))["sub"] == "7007"
    provider.change_key()  # a token that the known keys don't fit, so soon after: nobody can make us ask for each
    with pytest.raises(ApiError, match="is not good"):
        redeem(timedelta(minutes=2))
    assert redeem(timedelta(minutes=6))["sub"] == "7007"
    database.close()


def test_the_page_leads_there_and_nowhere_else(system: System, provider: OidcProvider) -> None:
    page = system.anybody().get("/sign-in").text
    assert "Civic ID" in page
    assert "/sign-in/outside?next=" in page
    provider.know("7005", preferred_username="eve", groups=["sw-viewers"], areas=["north"])
    assert 'url=/queue"' in go(system, provider, "7005", leads_to="https://elsewhere.example/").text
    asked = httpx.URL(system.anybody().get("/sign-in/outside", follow_redirects=False).headers["location"]).params
    assert (asked["code_challenge_method"], len(asked["nonce"]) > 20, asked["response_type"]) == ("S256", True, "code")


def test_a_provider_that_is_away_is_said(tmp_path: Any) -> None:
    oidc = {"issuer": "http://127.0.0.1:9", "client_id": "x", "roles": ROLES}
    write_settings(tmp_path, oidc=oidc)
    with EmbeddedServer(tmp_path) as server:
        answer = httpx.get(f"{server.url}/sign-in/outside", trust_env=False)
    assert (answer.status_code, "t be asked" in answer.text) == (401, True)


def test_without_a_provider_there_is_no_door(tmp_path: Any) -> None:
    with EmbeddedServer(tmp_path) as server:
        assert httpx.get(f"{server.url}/sign-in/outside", trust_env=False).status_code == 404


@pytest.mark.parametrize(
    ("oidc", "told"),
    [
        ({"issuer": "http://id.example", "client_id": "x", "roles": ROLES}, "issuer"),
        ({"issuer": "https://id.example", "client_id": "x", "roles": {}}, "roles"),
        ({"issuer": "https://id.example", "client_id": "x", "roles": {"a": "worker"}}, "is a machine"),
        ({"issuer": "https://id.example", "client_id": "x", "roles": ROLES, "secret": "y"}, "unknown key"),
    ],
)
def test_wrong_settings(tmp_path: Any, oidc: dict[str, Any], told: str) -> None:
    write_settings(tmp_path, oidc=oidc)
    with pytest.raises(ApiError, match=told):
        load_settings(tmp_path)


NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
KEY = RSAKey.generate_key(2048, {"kid": "k", "alg": "RS256"})
PROVIDER = Provider("https://id.example", "https://id.example/a", "https://id.example/t", KeySet([KEY]))


def at(**by: float) -> int:
    return int((NOW + timedelta(**by)).timestamp())


def signed(key: Any = KEY, alg: str = "RS256", **changes: Any) -> str:
    claims = {
        "iss": "https://id.example",
        "sub": "7",
        "aud": "streetwarden",
        "nonce": "n",
        "iat": at(),
        "exp": at(minutes=5),
        **changes,
    }
    header = {"alg": alg, "kid": "k"}
    return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, key, [alg])


def test_good_tokens() -> None:
    for token in (
        signed(),
        signed(aud=["streetwarden"]),
        signed(aud=["streetwarden", "other"], azp="streetwarden"),
        signed(iat=at(seconds=50), exp=at(minutes=5)),  # the provider's clock is fast
        signed(exp=at(seconds=-50)),  # or slow
    ):
        assert check_id_token(token, "streetwarden", "n", NOW, PROVIDER)["sub"] == "7"


OTHER = RSAKey.generate_key(2048, {"kid": "k"})


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "a.b.c",
        signed(iss="https://evil.example"),
        signed(aud="other"),
        signed(aud=None),
        signed(aud=["streetwarden", "other"]),
        signed(azp="other"),
        signed(nonce="other"),
        signed(nonce=None),
        signed(sub=None),
        signed(exp=None),
        signed(exp=at(minutes=-5)),
        signed(iat=at(minutes=5), exp=at(minutes=10)),
        signed(nbf=at(minutes=5)),
        signed(key=OTHER),
        signed(key=ECKey.generate_key("P-256", {"kid": "k"}), alg="ES256"),
        signed(key=OctKey.import_key("of the client" * 4), alg="HS256"),
        signed()[:-4] + "AAAA",
        signed().rsplit(".", 1)[0] + ".",
    ],
)
def test_tokens_that_are_not_good(token: Any) -> None:
    with pytest.raises(ApiError):
        check_id_token(token, "streetwarden", "n", NOW, PROVIDER)

"""A second factor: set up with an authenticator app, needed at each sign-in, used up, lost and found."""

import time
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import yaml

from api.provision import create_user
from api.server import EmbeddedServer
from tests.api.conftest import write_settings
from tests.api.events import System

PATH = "/v1/account/second-factor"


@pytest.fixture(scope="module")
def data_dir(data_dir: Path) -> Path:
    """Administrators need one here; and who mistypes waits for a second at most."""
    known = yaml.safe_load((data_dir / "settings.yaml").read_text())
    limits = {"sign_in_attempts": 100}
    write_settings(data_dir, **known, second_factor_for=["administrator"], limits=limits)
    return data_dir


class Person:
    """Somebody with an account, a browser, and a telephone."""

    def __init__(self, system: System, name: str, role: str = "reviewer") -> None:
        self.system, self.name = system, name
        self.password = create_user(system.data_dir, name, role)
        self.client = system.anybody()
        self.app: pyotp.TOTP | None = None
        self.recovery: list[str] = []
        assert self.sign_in().status_code == 201

    def sign_in(self, code: str | None = None) -> httpx.Response:
        said = {"name": self.name, "password": self.password, **({} if code is None else {"code": code})}
        answer = self.client.post("/v1/session", json=said)
        if answer.status_code == 201:
            self.client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return answer

    def set_up(self) -> None:
        begun = self.client.post(PATH).json()
        self.app = pyotp.TOTP(begun["secret"])
        assert begun["uri"].startswith(f"otpauth://totp/Streetwarden:{self.name}?secret={begun['secret']}")
        assert begun["svg"].startswith("<svg")
        confirmed = self.client.put(PATH, json={"code": self.code()})
        assert confirmed.status_code == 200, confirmed.text
        self.recovery = confirmed.json()["recovery_codes"]

    def code(self, steps: int = 0) -> str:
        assert self.app is not None
        return self.app.at(time.time() + 30 * steps)


def test_each_sign_in_needs_a_code_and_each_code_is_good_once(system: System) -> None:
    anna = Person(system, "anna-2f")
    anna.set_up()
    assert anna.client.get("/v1/whoami").json()["second_factor"] is True
    refused = anna.sign_in()
    assert (refused.status_code, refused.json()["detail"]) == (401, "Name, password or code is wrong.")
    assert anna.sign_in("000000").status_code == 401
    assert anna.sign_in(anna.code()).status_code == 401  # it has confirmed with this one
    later = anna.code(1)  # the telephone's clock is half a minute fast
    assert anna.sign_in(later).status_code == 201
    assert anna.sign_in(later).status_code == 401
    assert anna.sign_in(anna.code(5)).status_code == 401
    assert anna.sign_in(anna.code(-5)).status_code == 401


def test_full_width_digits_are_digits(system: System) -> None:
    """As a Chinese keyboard writes them; other signs are a wrong code like any."""
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    mei = Person(system, "digits-2f")
    mei.set_up()
    assert [mei.sign_in(code).status_code for code in ("１２３", "é", "二三四五六七")] == [401] * 3
    assert mei.sign_in(mei.code(1).translate(wide)).status_code == 201
    assert mei.client.request("DELETE", PATH, json={"code": "é"}).status_code == 422
    assert mei.client.request("DELETE", PATH, json={"code": mei.recovery[0].translate(wide)}).status_code == 204


def test_recovery_codes_are_good_once(system: System) -> None:
    otto = Person(system, "otto-2f")
    otto.set_up()
    assert len(set(otto.recovery)) == 10
    assert otto.sign_in(otto.recovery[3]).status_code == 201
    assert otto.sign_in(otto.recovery[3]).status_code == 401
    assert otto.sign_in(otto.recovery[4].upper().replace("-", " ")).status_code == 201  # as people type
    dump = system.dump()
    assert not any(code.replace("-", "") in dump for code in otto.recovery)


def test_a_right_code_does_not_help_with_a_wrong_password(system: System) -> None:
    eva = Person(system, "eva-2f")
    eva.set_up()
    eva.password, right = "wrong", eva.password
    code = eva.code(1)
    assert eva.sign_in(code).status_code == 401
    eva.password = right
    assert eva.sign_in(code).status_code == 201  # and was not used up by somebody else


def test_taking_it_off_needs_a_code(system: System) -> None:
    lin = Person(system, "lin-2f")
    assert lin.client.request("DELETE", PATH, json={"code": "1"}).status_code == 422
    lin.set_up()
    assert lin.client.post(PATH).status_code == 422  # there is one
    assert lin.client.request("DELETE", PATH, json={"code": "123456"}).status_code == 422
    assert lin.client.request("DELETE", PATH, json={"code": lin.code(1)}).status_code == 204
    assert lin.sign_in().status_code == 201


def test_a_begun_one_does_not_count(system: System) -> None:
    rudi = Person(system, "rudi-2f")
    first = rudi.client.post(PATH).json()["secret"]
    assert rudi.client.put(PATH, json={"code": "000000"}).status_code == 422
    assert rudi.sign_in().status_code == 201
    second = rudi.client.post(PATH).json()["secret"]
    assert first != second
    assert rudi.client.put(PATH, json={"code": pyotp.TOTP(first).now()}).status_code == 422
    assert rudi.client.put(PATH, json={"code": pyotp.TOTP(second).now()}).status_code == 200


def test_who_needs_one_may_do_nothing_else_before(system: System) -> None:
    chief = Person(system, "chief-2f", "administrator")
    for path in ("/v1/incidents", "/v1/users", "/v1/cameras"):
        answer = chief.client.get(path)
        assert (answer.status_code, "second factor" in answer.json()["detail"]) == (403, True)
    assert chief.client.get("/v1/whoami").status_code == 200
    assert chief.client.get("/queue", follow_redirects=False).headers["location"] in ("/password", "/second-factor")
    chief.set_up()
    assert chief.client.get("/v1/users").status_code == 200
    # One that is lost is taken off by an administrator; the person's sessions end.
    mei = Person(system, "mei-2f")
    mei.set_up()
    assert chief.client.delete("/v1/users/mei-2f/second-factor").status_code == 204
    assert mei.client.get("/v1/whoami").status_code == 401
    assert mei.sign_in().status_code == 201
    assert chief.client.delete("/v1/users/nobody/second-factor").status_code == 404
    log = chief.client.get("/v1/audit").text
    assert log.count('"second_factor.confirm"') >= 2
    assert '"/v1/users/mei-2f/second-factor"' in log


def test_programs_have_none(system: System, worker: httpx.Client) -> None:
    assert worker.post(PATH).status_code == 403
    assert worker.get("/v1/whoami").json()["second_factor"] is False


def test_wrong_codes_make_an_account_wait(tmp_path: Path) -> None:
    write_settings(tmp_path, limits={"sign_in_attempts": 3, "sign_in_wait_s": 60})
    with EmbeddedServer(tmp_path) as server:
        system = System(tmp_path, server.url)
        guessed = Person(system, "guessed")
        guessed.set_up()
        answers: list[Any] = [guessed.sign_in(f"{n:06}").status_code for n in range(4)]
        assert answers == [401, 401, 401, 429]
        assert guessed.sign_in(guessed.code(1)).status_code == 429
        # Nor can a browser that was left open be used to guess: codes count there as well.
        left_open = Person(system, "left-open")
        left_open.set_up()
        wrong = [left_open.client.request("DELETE", PATH, json={"code": f"{n:06}"}).status_code for n in range(5)]
        assert wrong == [422, 422, 422, 429, 429]
        refused = system.execute("SELECT who, reason FROM audit WHERE action = 'refused.422'")
        assert refused == [("left-open", "The code is wrong.")]  # the same within a minute is one deed
        begun = Person(system, "begun")
        begun.client.post(PATH)
        tries = [begun.client.put(PATH, json={"code": f"{n:06}"}).status_code for n in range(4)]
        assert tries == [422, 422, 422, 429]
        system.close()

"""The receiver that `docs/integration.md` prints works as it stands there."""

import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.clock import now
from api.notices.subscriptions import new_secret, signed_headers
from tests.api import storages
from tests.api.receiver import await_true

DOCS = Path(__file__).parents[2] / "docs" / "integration.md"
SECRET = new_secret()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[str]:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 22
    port = storages._free_port()
    (tmp_path / "sample.py").write_text(code.replace("whsec_…", SECRET).replace("8099", str(port)))
    process = subprocess.Popen([sys.executable, "sample.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await_true(answers)
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.wait(10)


def test_it_takes_what_is_signed_and_keeps_it_once(receiver: str, tmp_path: Path) -> None:
    body = json.dumps({"id": "one", "data": {"place": "新华路"}}, ensure_ascii=False)
    headers = signed_headers([new_secret(), SECRET], "one", now(), body)  # while secrets are changed there are two
    for _ in range(2):
        assert httpx.post(receiver, content=body.encode(), headers=headers).status_code == 204
    assert httpx.post(receiver, content=body.replace("one", "two").encode(), headers=headers).status_code == 400
    forged = signed_headers([new_secret()], "one", now(), body)
    assert httpx.post(receiver, content=body.encode(), headers=forged).status_code == 400
    database = sqlite3.connect(tmp_path / "seen.db")
    assert database.execute("SELECT id FROM notices").fetchall() == [("one",)]
    database.close()

"""Where things are stored, as an operator writes it: in the settings file or in the environment."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from api.errors import ApiError
from api.settings import load_settings
from api.storage.places import Bucket, Storage
from tests.api.conftest import write_settings

DATABASE = "postgresql+psycopg://anna:secret@db.example/events"


@pytest.mark.parametrize(
    ("written", "environment", "expected"),
    [
        ({}, {}, Storage()),
        ({"database": DATABASE}, {}, Storage(database=make_url(DATABASE))),
        ({"database": DATABASE.replace("+psycopg", "")}, {}, Storage(database=make_url(DATABASE))),
        ({"evidence": "s3://city-evidence"}, {}, Storage(evidence=Bucket("city-evidence"))),
        ({"evidence": "s3://city/a/b/"}, {}, Storage(evidence=Bucket("city", "a/b"))),
        ({"evidence": "/srv/evidence"}, {}, Storage(evidence=Path("/srv/evidence"))),
        ({"accel_redirect": "/evidence-files"}, {}, Storage(accel_redirect="/evidence-files")),
        ({"evidence": "/srv/a"}, {"EVIDENCE": "s3://city"}, Storage(evidence=Bucket("city"))),  # comes before the file
        ({"evidence": "/srv/a"}, {"EVIDENCE": ""}, Storage(evidence=Path("/srv/a"))),
        ({}, {"DATABASE": DATABASE, "ACCEL_REDIRECT": "/x"}, Storage(make_url(DATABASE), None, "/x")),
    ],
)
def test_storage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: dict[str, str],
    environment: dict[str, str],
    expected: Storage,
) -> None:
    write_settings(tmp_path, **written)
    for name, value in environment.items():
        monkeypatch.setenv(f"STREETWARDEN_{name}", value)
    assert load_settings(tmp_path).storage == expected


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            {"database": "mysql://anna:secret@x/y"},
            "settings.yaml: database: mysql://anna:***@x/y: allowed is postgresql",
        ),
        (
            {"database": "postgresql://anna:secret@x"},
            "allowed is postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        ({"database": "anna:secret"}, "settings.yaml: database: allowed is postgresql"),
        ({"database": "postgresql://anna:secret@x:port/y"}, "database: allowed is"),
        ({"database": 3}, "database: allowed is"),
        ({"evidence": "evidence"}, "settings.yaml: evidence: 'evidence': allowed is s3://BUCKET/PREFIX"),
        ({"evidence": "s3://"}, "allowed is s3://BUCKET"),
        ({"evidence": "s3://UPPER/x"}, "allowed is s3://BUCKET"),
        ({"evidence": "s3://city/../x?a=1"}, "allowed is s3://BUCKET"),
        ({"evidence": "s3://anna:secret@city/x"}, "credentials don't belong into the address"),
        ({"evidence": "gs://city"}, "allowed is s3://BUCKET"),
        ({"evidence": ["s3://city"]}, "allowed is s3://BUCKET"),
        ({"accel_redirect": "evidence"}, "accel_redirect: 'evidence': allowed is an address"),
        ({"accel_redirect": "/evidence/"}, "allowed is an address"),
        ({"accel_redirect": "/x\r\nSet-Cookie: a=b"}, "allowed is an address"),
        ({"accel_redirect": "/x", "evidence": "s3://city"}, "evidence lies in s3://city/"),
        ({"storage": {}}, "storage: unknown key; allowed are event_codes"),
    ],
)
def test_wrong_storage(tmp_path: Path, written: dict[str, object], told: str) -> None:
    write_settings(tmp_path, **written)
    with pytest.raises(ApiError) as caught:
        load_settings(tmp_path)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREETWARDEN_EVIDENCE", "nowhere")
    with pytest.raises(ApiError, match=r"^STREETWARDEN_EVIDENCE: 'nowhere': allowed is"):
        load_settings(tmp_path)

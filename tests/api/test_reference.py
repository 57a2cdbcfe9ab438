"""The API reference is made from the application, and says who may what."""

from api.reference import reference
from tests.conftest import ROOT


def test_the_page_is_the_newest() -> None:
    assert (ROOT / "docs" / "api.md").read_text("utf-8") == reference(), "make it anew: ./run reference > docs/api.md"


def test_it_says_who_may() -> None:
    sections = {part.split("\n", 1)[0]: part for part in reference().split("\n### ")[1:]}
    assert "Who may: `worker`." in sections["PUT /v1/incidents/{incident_id}"]
    assert "Who may: `administrator`." in sections["POST /v1/retention/runs"]
    assert "Who may: any account or token." in sections["GET /v1/incidents"]
    assert "Who may: anybody with an account's name and password." in sections["POST /v1/session"]
    assert "Who may: anybody." in sections["GET /healthz"]
    assert "| `limit` | query | integer" in sections["GET /v1/incidents"]

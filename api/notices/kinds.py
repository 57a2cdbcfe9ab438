"""Which kinds of notices there are, and what each carries. Pure.

A notice carries what a receiver decides by, and links; never pictures, plates, names of people or what they wrote.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PREFIX = "io.streetwarden."
VERSION = ".v1"

PING = "io.streetwarden.webhook.ping.v1"
"""A try-out: it stands in no log and goes to one subscription alone."""


def kind(name: str) -> str:
    """The full name of a kind.

    Examples:
        >>> kind("case.accepted")
        'io.streetwarden.case.accepted.v1'
    """
    return f"{PREFIX}{name}{VERSION}"


class Data(BaseModel):
    """Base of what notices carry."""

    model_config = ConfigDict(frozen=True)

    links: dict[str, str] | None = Field(default=None, description="Where the API and the console show it")


class IncidentData(Data):
    """What a worker has seen."""

    incident: str
    revision: int
    state: str
    camera: str
    zone: str
    type: str
    place: str | None = None
    grid_code: str | None = None
    event_code: str | None = None
    latitude: float | None = Field(default=None, description="WGS 84, where the camera knows the ground")
    longitude: float | None = None
    score: float
    onset_at: str | None = None
    confirmed_at: str | None = None
    ended_at: str | None = None


class EvidenceData(Data):
    """All files that a revision names have arrived."""

    incident: str
    revision: int
    camera: str
    zone: str
    type: str
    files: int
    files_sha256: str = Field(description="SHA-256 of the names and digests as canonical JSON")


class CaseData(Data):
    """What somebody, or the camera, did to a case; who it was stands in the case, for those who may read it."""

    incident: str
    camera: str
    zone: str
    type: str
    action: str
    from_step: str | None = None
    to_step: str | None = None
    step: str
    verdict: Literal["confirm", "reject"] | None = None
    reason: str | None = Field(default=None, description="A code of the city's tables")
    role: str
    unit: str | None = None
    value: str | None = Field(
        default=None, description="The photo's name, or the other case's incident, if of the same camera"
    )


class CameraData(Data):
    """How a camera does."""

    camera: str
    condition: str
    since: str
    detail: str | None = None


class PingData(Data):
    """Nothing but a sign of life."""

    webhook: int


SCHEMAS: Mapping[str, type[Data]] = {
    "incident": IncidentData,
    "evidence": EvidenceData,
    "case": CaseData,
    "camera": CameraData,
    "webhook": PingData,
}
"""By the word that follows the prefix."""

NAMES: Mapping[str, tuple[str, str]] = {
    "incident.created": ("An incident was seen", "发现事件"),
    "incident.confirmed": ("A worker confirmed it", "事件已确认（系统）"),
    "incident.ended": ("It is over", "事件已结束"),
    "evidence.complete": ("All evidence has arrived", "证据齐全"),
    "case.confirmed": ("A person confirmed the case: it is evidence", "人工确认"),
    "case.rejected": ("A person rejected the case", "人工驳回"),
    "case.accepted": ("Accepted", "已受理"),
    "case.dispatched": ("Dispatched", "已派遣"),
    "case.handled": ("Handled", "已处置"),
    "case.returned": ("Sent back", "已退回"),
    "case.verified": ("Verified", "已核查"),
    "case.archived": ("Archived", "已归档"),
    "case.appraised": ("Appraised", "已考核"),
    "case.reopened": ("Reopened", "重新打开"),
    "case.merged": ("Merged into another case", "已并案"),
    "case.split": ("A case of its own again", "已拆案"),
    "case.assigned": ("Given to somebody, or to nobody", "变更承办人"),
    "case.photo_added": ("A photo of what was done", "处置照片"),
    "case.held": ("On legal hold", "法律保全"),
    "case.released": ("Legal hold taken off", "解除保全"),
    "case.footage_deleted": ("Footage deleted by the rule", "影像到期删除"),
    "case.changed": ("Comment, tag, or parts", "案件有更新"),
    "camera.down": ("No pictures", "摄像机离线"),
    "camera.moved": ("Looks elsewhere", "摄像机移位"),
    "camera.covered": ("Covered", "摄像机遮挡"),
    "camera.dark": ("Too dark", "画面过暗"),
    "camera.frozen": ("The picture stands still", "画面冻结"),
    "camera.blurred": ("Blurred", "画面模糊"),
    "camera.misconfigured": ("Its settings can't be used", "配置无法使用"),
    "camera.recovered": ("In order again", "摄像机恢复"),
}

KINDS: Mapping[str, tuple[str, str]] = {kind(name): names for name, names in NAMES.items()}
"""Every kind that the log may hold, with its name in English and Chinese."""

KIND_OF_ACTION: Mapping[str, str] = {
    "accept": "case.accepted",
    "dispatch": "case.dispatched",
    "handle": "case.handled",
    "return": "case.returned",
    "verify": "case.verified",
    "archive": "case.archived",
    "appraise": "case.appraised",
    "reopen": "case.reopened",
    "assign": "case.assigned",
    "photo": "case.photo_added",
    "hold": "case.held",
    "release": "case.released",
    "delete_footage": "case.footage_deleted",
}


def kind_of_case_event(action: str, to_step: str | None) -> str | None:
    """The kind of notice that an event of a case makes.

    Args:
        action: What was done.
        to_step: Where it led; None when it moved nothing.

    Returns:
        None when another notice says it: a rejection is told as the verdict that it is.
    """
    if action == "reject":
        return None
    if action in ("merge", "split"):
        # The part moves; the case that leads it has only other parts.
        name = ("case.merged" if action == "merge" else "case.split") if to_step else "case.changed"
        return kind(name)
    return kind(KIND_OF_ACTION.get(action, "case.changed"))


def schema_name(kind_name: str) -> str:
    """Which of `SCHEMAS` a kind's data follows.

    Examples:
        >>> schema_name("io.streetwarden.case.accepted.v1")
        'case'
    """
    return kind_name.removeprefix(PREFIX).partition(".")[0]


def schema_document(name: str) -> dict[str, Any]:
    """The JSON Schema of the data of some kinds."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name].model_json_schema()}

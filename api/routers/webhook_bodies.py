"""What is said about subscriptions, in both directions."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.notices.subscriptions import KindList
from api.schema import Identifier, Moment

CAMERAS_MAX = 1000
IDS_MAX = 1000

Label = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,100}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]+$", max_length=2000)]
Cameras = Annotated[list[Identifier], Field(max_length=CAMERAS_MAX)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewWebhook(_Body):
    """A subscription; empty lists mean all."""

    name: Label
    url: Url
    types: KindList = []
    cameras: Cameras = []
    enabled: bool = True


class WebhookChange(_Body):
    """What is to be otherwise; what is left out stays."""

    name: Label | None = None
    url: Url | None = None
    types: KindList | None = None
    cameras: Cameras | None = None
    enabled: bool | None = Field(default=None, description="What happened meanwhile is delivered once it is on again")


class Rotation(_Body):
    """A new secret; the one before signs beside it for a while."""

    overlap_hours: float = Field(default=24, ge=0, le=168)


class Replay(_Body):
    """What to deliver once more: a span of time, or notices by id."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    ids: Annotated[list[Annotated[str, Field(max_length=36)]], Field(min_length=1, max_length=IDS_MAX)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.from_ is None) == (self.ids is None) or (self.ids is not None and self.until is not None):
            raise ValueError("allowed is `from` (with `until`, if you like) or `ids`")
        return self


class WebhookDocument(BaseModel):
    """A subscription as it is; its secret is shown once, when it is made."""

    id: int
    name: str
    url: str
    types: list[str]
    cameras: list[str]
    enabled: bool
    disabled_why: str | None
    created_at: str
    created_by: str
    previous_secret_until: str | None
    waiting: int
    dead: int
    secret: str | None = None


class Webhooks(BaseModel):
    """All subscriptions."""

    webhooks: list[WebhookDocument]


class Queued(BaseModel):
    """How many deliveries are under way now."""

    queued: int


class Deliveries(BaseModel):
    """How deliveries went, newest first; `next` is the number to go on `before`."""

    deliveries: list[dict[str, Any]]
    next: int | None

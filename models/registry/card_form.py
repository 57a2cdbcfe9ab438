"""What a model's card says beyond its entry: where it comes from and how good it is, as whoever made it wrote it down."""

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue


def _day(value: object) -> object:
    # YAML reads 2026-11-25 as a date.
    return value.isoformat() if isinstance(value, dt.date) else value


class CardForm(BaseModel):
    """The key `card` of an entry or a variant; every key may be left out.

    Attributes:
        description: one or two sentences for people.
        paper: title, arXiv number or address.
        data: what it was trained or calibrated on: a text, or any mapping.
        metrics: name to figure, such as `coco_val2017_ap: 0.373`; nested where there are several sets.
        trained_from: the model (or variant, or checkpoint) that it was made from.
        created: day or time, ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str | None = None
    paper: str | None = None
    data: str | dict[str, JsonValue] | None = None
    metrics: dict[str, JsonValue] = {}
    trained_from: str | None = None
    created: Annotated[str, BeforeValidator(_day)] | None = None

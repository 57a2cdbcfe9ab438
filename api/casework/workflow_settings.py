"""What a department settles about its cases: who may do what, by when, in which hours, and how long footage is kept."""

import re
from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from api.casework.workflow import Action, Rules, Step
from api.casework.working_hours import Span, WorkingCalendar
from api.schema import IncidentType

RETENTION_DAYS_MIN = 30
"""The law's least time that footage of public places is kept (国务院令799 §17)."""

PersonRole = Literal["viewer", "reviewer", "officer", "administrator"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Hours = Annotated[float, Field(gt=0, le=8760)]
LimitedStep = Literal["discovered", "accepted", "dispatched", "handled", "verified", "archived"]
KeptStep = Literal["discovered", "accepted", "dispatched", "handled", "verified", "archived", "appraised", "rejected"]
RetentionDays = dict[KeptStep, Annotated[int, Field(ge=RETENTION_DAYS_MIN, le=36_500)] | None]
"""Days that footage is kept after its case came to a step; a step without a number keeps it."""

_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$")


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkflowSettings(_Written):
    """How cases are worked on.

    Attributes:
        camera_verifies: The steps from which a camera that saw the place clear verifies a case.
        verified_by_another: Whoever handled a case does not verify it.
        lock_s: How long a case stays somebody's after the last sign of them.
    """

    camera_verifies: tuple[Literal["accepted", "dispatched", "handled"], ...]
    verified_by_another: bool
    lock_s: float = Field(ge=10, le=3600)


class WorkingTime(_Written):
    """When a department works: local hours per day of the week, days off, and days worked in place of others."""

    zone: str
    hours: dict[Weekday, tuple[str, ...]]
    holidays: frozenset[date] = frozenset()
    workdays: dict[date, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("allowed is a name like Asia/Shanghai") from None
        return zone

    @model_validator(mode="after")
    def _consistent(self) -> "WorkingTime":
        self.calendar()
        return self

    def calendar(self) -> WorkingCalendar:
        """The calendar that limits are counted in.

        Raises:
            ValueError: Hours are not readable, overlap, or no day is worked.
        """
        return WorkingCalendar(
            ZoneInfo(self.zone),
            tuple(_spans(self.hours.get(day, ())) for day in WEEKDAYS),
            self.holidays,
            {day: _spans(spans) for day, spans in self.workdays.items()},
        )


class TimeLimits(_Written):
    """Working hours in which a case leaves a step; a step that is not named has no limit. By type goes before by step."""

    steps: dict[LimitedStep, Hours]
    by_type: dict[IncidentType, dict[LimitedStep, Hours]] = Field(default_factory=dict)

    def hours(self, step: Step, kind: str) -> float | None:
        """The limit of a step for a type of incident."""
        limits: dict[Any, float] = {**self.steps, **self.by_type.get(IncidentType(kind), {})}
        return limits.get(step.value)


StepRoles = dict[Action, tuple[PersonRole, ...]]


def rules_of(roles: StepRoles, workflow: WorkflowSettings) -> Rules:
    """The pure rules that settings stand for."""
    return Rules(
        roles={action: frozenset(allowed) for action, allowed in roles.items()},
        camera_verifies=frozenset(Step(step) for step in workflow.camera_verifies),
        verified_by_another=workflow.verified_by_another,
    )


def _spans(written: tuple[str, ...]) -> tuple[Span, ...]:
    return tuple(_span(text) for text in written)


def _span(text: str) -> Span:
    found = _SPAN.match(text)
    if found is None:
        raise ValueError(f"working hours are {text!r}; allowed is for example 08:30-12:00, up to 24:00")
    begins = time(int(found[1]), int(found[2]))
    return Span(begins, time(int(found[3]), int(found[4])) if found[3] else None)

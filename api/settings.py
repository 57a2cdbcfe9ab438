"""What an operator can set: tables, limits and storage, read from an optional `DATA/settings.yaml`."""

import os
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, IPvAnyNetwork, StringConstraints, ValidationError

from api.casework.workflow import Rules
from api.casework.workflow_settings import RetentionDays, StepRoles, TimeLimits, WorkflowSettings, WorkingTime, rules_of
from api.casework.working_hours import WorkingCalendar, due_at
from api.clock import now
from api.errors import ApiError
from api.fleet.settings import FleetSettings
from api.identity.oidc_settings import OidcSettings, PersonRole
from api.jobs.settings import JobSettings
from api.notices.settings import MqttSettings, PublicUrl
from api.scrub import scrub_text
from api.storage.places import STORAGE_KEYS, Storage, read_storage

SETTINGS_FILE = "settings.yaml"

_NOT_WRITTEN = ("data_dir", "storage")
"""Fields of the settings that are no keys of the file by these names."""

REPLACED_LINE_BY_LINE = (
    "limits",
    "workflow",
    "step_roles",
    "time_limits",
    "working_time",
    "retention_days",
    "jobs",
    "fleet",
)
"""Tables of which a settings file need only say what it wants otherwise; any other one is replaced as a whole."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]


class _Written(BaseModel):
    """Base of what people write: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Name(_Written):
    """A name per language; English is the one that is always there."""

    en: str = Field(min_length=1, max_length=200)
    zh: str | None = Field(default=None, max_length=200)


class Limits(_Written):
    """Upper bounds that protect the service."""

    evidence_file_bytes: int = Field(ge=1)
    request_bytes: int = Field(ge=1024)
    upload_hours: float = Field(gt=0, le=720)
    open_uploads: int = Field(ge=1, le=10_000)
    session_hours: float = Field(gt=0, le=168)
    sign_in_attempts: int = Field(ge=1, le=100)
    sign_in_wait_s: float = Field(gt=0, le=900)


class Settings(_Written):
    """Everything `create_app` needs to know."""

    data_dir: Path
    event_codes: dict[Code, Name]
    reject_reasons: dict[Code, Name] = Field(min_length=1)
    limits: Limits
    return_reasons: dict[Code, Name] = Field(min_length=1)
    grades: dict[Code, Name] = Field(min_length=1)
    workflow: WorkflowSettings
    step_roles: StepRoles
    time_limits: TimeLimits
    working_time: WorkingTime
    retention_days: RetentionDays
    jobs: JobSettings
    fleet: FleetSettings
    public_url: PublicUrl | None = None
    mqtt: MqttSettings | None = None
    webhook_networks: tuple[IPvAnyNetwork, ...] = ()
    camera_networks: tuple[IPvAnyNetwork, ...] = ()
    second_factor_for: tuple[PersonRole, ...] = ()
    oidc: OidcSettings | None = None
    storage: InstanceOf[Storage] = Storage()

    @cached_property
    def rules(self) -> Rules:
        """The rules of the workflow."""
        return rules_of(self.step_roles, self.workflow)

    @cached_property
    def calendar(self) -> WorkingCalendar:
        """The calendar that time limits are counted in."""
        return self.working_time.calendar()


def load_settings(data_dir: Path) -> Settings:
    """Reads the package's defaults and what `DATA/settings.yaml` says over them.

    Args:
        data_dir: The data folder; it need not exist yet.

    Where things are stored may also be said in the environment, which comes before the file.

    Raises:
        ApiError: The file is no YAML mapping, has an unknown key or a value that is not allowed, or a limit never ends.
    """
    written: dict[str, Any] = yaml.safe_load(resources.files("api").joinpath("defaults.yaml").read_text("utf-8"))
    path = data_dir / SETTINGS_FILE
    places: dict[str, object] = {}
    if path.is_file():
        given = _read_mapping(path)
        places = {key: given.pop(key, None) for key in STORAGE_KEYS}
        for table in REPLACED_LINE_BY_LINE:
            lines = given.pop(table, None) or {}
            if not isinstance(lines, Mapping):
                raise ApiError(f"{path}: {table}: allowed is a mapping, not {lines!r}")
            written[table] = {**written[table], **lines}
        written |= given
    try:
        settings = Settings(data_dir=data_dir, storage=read_storage(places, os.environ, path), **written)
    except ValidationError as error:
        raise ApiError(f"{path}: {_first_of(error)}") from None
    except TypeError:
        unknown = "data_dir" if "data_dir" in written else "storage"
        raise ApiError(f"{path}: {unknown}: unknown key; allowed are {_allowed_keys()}") from None
    _check_limits(settings, path)
    return settings


def _check_limits(settings: Settings, path: Path) -> None:
    """That each limit is over one day: else the first case that comes to its step could not be stored."""
    limits = settings.time_limits
    tables = {"steps": limits.steps, **{f"by_type.{kind}": steps for kind, steps in limits.by_type.items()}}
    moment = now()
    for table, steps in tables.items():
        for step, hours in steps.items():
            try:
                due_at(moment, hours, settings.calendar)
            except ValueError as error:
                where = f"time_limits.{table}.{step}"
                raise ApiError(f"{path}: {where}: {error}; allow less, or open more in working_time") from None


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        given = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ApiError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise ApiError(f"{path}: allowed is a mapping with the keys {_allowed_keys()}")
    return given


def _allowed_keys() -> str:
    return ", ".join((*(name for name in Settings.model_fields if name not in _NOT_WRITTEN), *STORAGE_KEYS))


def _first_of(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        model = _MODELS.get(first["loc"][0], Name) if len(first["loc"]) > 1 else Settings
        allowed = _allowed_keys() if model is Settings else ", ".join(model.model_fields)
        return f"{where}: unknown key; allowed are {allowed}"
    shown = scrub_text(repr(first["input"]))
    return f"{where}: {first['msg']}, not {shown}"


_MODELS: dict[Any, type[BaseModel]] = {
    "limits": Limits,
    "workflow": WorkflowSettings,
    "time_limits": TimeLimits,
    "working_time": WorkingTime,
    "mqtt": MqttSettings,
    "oidc": OidcSettings,
    "jobs": JobSettings,
    "fleet": FleetSettings,
}

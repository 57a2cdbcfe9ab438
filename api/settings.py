"""What an operator can set: tables and limits, read from an optional `DATA/settings.yaml`."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from api.errors import ApiError

SETTINGS_FILE = "settings.yaml"

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
    session_hours: float = Field(gt=0, le=168)
    sign_in_attempts: int = Field(ge=1, le=100)
    sign_in_wait_s: float = Field(gt=0, le=900)


class Settings(_Written):
    """Everything `create_app` needs to know."""

    data_dir: Path
    event_codes: dict[Code, Name]
    reject_reasons: dict[Code, Name] = Field(min_length=1)
    limits: Limits


def load_settings(data_dir: Path) -> Settings:
    """Reads the package's defaults and what `DATA/settings.yaml` says over them.

    Args:
        data_dir: The data folder; it need not exist yet.

    Raises:
        ApiError: The file is no YAML mapping, has an unknown key or a value that is not allowed.
    """
    written: dict[str, Any] = yaml.safe_load(resources.files("api").joinpath("defaults.yaml").read_text("utf-8"))
    path = data_dir / SETTINGS_FILE
    if path.is_file():
        given = _read_mapping(path)
        limits = given.pop("limits", None) or {}
        if not isinstance(limits, Mapping):
            raise ApiError(f"{path}: limits: allowed is a mapping, not {limits!r}")
        written |= given
        written["limits"] = {**written["limits"], **limits}
    try:
        return Settings(data_dir=data_dir, **written)
    except ValidationError as error:
        raise ApiError(f"{path}: {_first_of(error)}") from None
    except TypeError:
        raise ApiError(f"{path}: data_dir: unknown key; allowed are {_allowed_keys()}") from None


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
    return ", ".join(name for name in Settings.model_fields if name != "data_dir")


def _first_of(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        model = Limits if first["loc"][0] == "limits" else Name if len(first["loc"]) > 1 else Settings
        allowed = ", ".join(name for name in model.model_fields if name != "data_dir")
        return f"{where}: unknown key; allowed are {allowed}"
    return f"{where}: {first['msg']}, not {first['input']!r}"

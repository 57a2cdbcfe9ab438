"""Which code of the city's management system an incident gets. The table is data: cities renumber."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BeforeValidator, Field, StringConstraints, ValidationError

from detector.errors import ConfigError
from detector.zoning.written import Written, parsed, said
from detector.zoning.zones import ZoneKind


def as_text(value: object) -> object:
    """A code without quotes is read as a number; one that begins with 0 stays a text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$"), BeforeValidator(as_text)]
"""As the event system takes it."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


@dataclass(frozen=True)
class EventCodes:
    """Codes by kind of zone, and the names of codes by language."""

    kinds: Mapping[ZoneKind, str]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Code to language (`zh`, `en`) to name. A code need not have one."""

    def of(self, kind: ZoneKind) -> str | None:
        """The code for a kind of zone; None where the table has none."""
        return self.kinds.get(kind)

    def names_of(self, code: str | None) -> tuple[tuple[str, str], ...]:
        """Language and name, for each language that the table has."""
        return tuple(self.names.get(code or "", {}).items())

    def changed(self, kinds: Mapping[ZoneKind, str]) -> "EventCodes":
        """With other codes for some kinds."""
        return replace(self, kinds={**self.kinds, **kinds})


class _Table(Written):
    kinds: dict[ZoneKind, Code]
    names: dict[Code, dict[str, Name]] = Field(default_factory=dict)


@cache
def default_codes() -> EventCodes:
    """The table that comes with the program, known second-hand."""
    table = _Table.model_validate(parsed(files("detector.zoning").joinpath("event_codes.yaml").read_text("utf-8")))
    return EventCodes(table.kinds, table.names)


def read_codes(path: Path) -> EventCodes:
    """Reads a table of the form of `event_codes.yaml`.

    Raises:
        ConfigError: It can't be read, or something in it is wrong; one line for each mistake.
    """
    try:
        content = parsed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: can't be read as YAML: {' '.join(str(error).split())}") from None
    try:
        table = _Table.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {said(item, content, _Table)}" for item in error.errors())) from None
    return EventCodes(table.kinds, table.names)

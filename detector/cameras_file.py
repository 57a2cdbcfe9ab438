"""The cameras file that people write: read, checked, and turned into what the worker uses."""

import json
import logging
import os
import ssl
import stat
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import shapely
import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from detector.errors import ConfigError
from detector.zones import DEFAULT_DWELL_S, Zone, ZoneKind
from models.regions.mode import Mode
from streams.source.address import Address, RtspTransport, parse_address, redact

log = logging.getLogger(__name__)

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,100}$")]
Corner = tuple[float, float]
AREA_MIN = 1e-4
"""A zone smaller than a hundredth of the frame in each direction has no room for a wheel."""


@dataclass(frozen=True)
class Camera:
    """One camera as the worker uses it."""

    id: str
    address: Address
    zones: tuple[Zone, ...]
    place: str | None = None
    direction: str | None = None
    grid_code: str | None = None
    starts_at: datetime | None = None
    loop: bool = False
    detect: Mode = Mode.WHOLE


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ZoneEntry(_Written):
    id: Id
    kind: ZoneKind
    polygon: Annotated[list[Corner], Field(min_length=3)]
    dwell_s: Annotated[float, Field(gt=0, le=86_400, strict=True)] | None = None
    classes: Annotated[list[str], Field(min_length=1)] | None = None
    event_code: str | None = None
    grid_code: str | None = None

    @field_validator("polygon")
    @classmethod
    def _drawable(cls, corners: list[Corner]) -> list[Corner]:
        for x, y in corners:
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError(f"corner [{x:g}, {y:g}] lies outside the frame: allowed are fractions from 0 to 1")
        shape = shapely.Polygon(corners)
        if not shape.is_valid:
            raise ValueError("its edges cross: allowed is a simple polygon, corners in order around it")
        if shape.area < AREA_MIN:
            raise ValueError(f"it covers {shape.area:.1e} of the frame: allowed is {AREA_MIN:g} and more")
        return corners

    def zone(self) -> Zone:
        return Zone(
            id=self.id,
            kind=self.kind,
            polygon=tuple(self.polygon),
            dwell_s=self.dwell_s if self.dwell_s is not None else DEFAULT_DWELL_S[self.kind],
            classes=frozenset(self.classes) if self.classes else None,
            event_code=self.event_code,
            grid_code=self.grid_code,
        )


class _CameraEntry(_Written):
    id: Id
    source: Annotated[str, StringConstraints(min_length=1)]
    zones: Annotated[list[_ZoneEntry], Field(min_length=1)]
    place: str | None = None
    direction: str | None = None
    grid_code: str | None = None
    starts_at: AwareDatetime | None = None
    transport: RtspTransport = "tcp"
    login_env: str | None = None
    """Environment variable that holds `user:password`, so that the file need not."""
    login_file: str | None = None
    """File whose only line is `user:password`."""
    verify_certificate: bool = True
    ca_file: str | None = None
    certificate_name: str | None = None
    loop: bool = False
    """A recorded file that the worker plays again and again, as a stand-in for a camera."""
    detect: Mode = Mode.WHOLE
    """What the detector is shown: the whole picture, its zones, or what of the two pays (`auto`)."""

    def camera(self, folder: Path) -> Camera:
        address = replace(
            parse_address(self.source, folder),
            transport=self.transport,
            verify_certificate=self.verify_certificate,
            ca_file=_certificates(self.ca_file, folder) if self.ca_file else None,
            certificate_name=self.certificate_name,
        )
        login = self._login(folder)
        return Camera(
            id=self.id,
            address=address if login is None else address.with_login(login),
            zones=tuple(entry.zone() for entry in self.zones),
            place=self.place,
            direction=self.direction,
            grid_code=self.grid_code,
            starts_at=self.starts_at,
            loop=self.loop,
            detect=self.detect,
        )

    def _login(self, folder: Path) -> str | None:
        if self.login_env is not None and self.login_file is not None:
            raise ValueError("login_env, login_file: both are given: allowed is one")
        if self.login_env is not None:
            if self.login_env not in os.environ:
                raise ValueError(f"login_env: the environment has no variable {self.login_env!r}")
            return os.environ[self.login_env]
        return _login_in(folder / Path(self.login_file).expanduser()) if self.login_file is not None else None


def _login_in(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        # No refusal: secrets that a container is handed are often readable by all in it.
        if os.name == "posix" and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            log.warning("login_file %s: others can read it: chmod 600 takes that away", path)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"login_file: {path} can't be read: {error}") from None
    if len(lines) != 1:
        raise ValueError(f"login_file: {path} has {len(lines)} lines: allowed is one, user:password")
    return lines[0]


def _certificates(ca_file: str, folder: Path) -> Path:
    path = folder / Path(ca_file).expanduser()
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ValueError(f"ca_file: {path} can't be read as certificates in PEM: {error}") from None
    return path


class _File(_Written):
    cameras: Annotated[list[_CameraEntry], Field(min_length=1)]


def read_cameras(path: Path) -> tuple[Camera, ...]:
    """Reads a cameras file, YAML or JSON.

    Raises:
        ConfigError: It can't be read, or something in it is wrong; one line for each mistake.
    """
    try:
        content = _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    try:
        entries = _File.model_validate(content).cameras
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {_said(item, content)}" for item in error.errors())) from None
    _refuse_repeated(path, "cameras", [entry.id for entry in entries])
    for entry in entries:
        _refuse_repeated(path, f"camera {entry.id}, zones", [zone.id for zone in entry.zones])
    cameras: list[Camera] = []
    for entry in entries:
        try:
            cameras.append(entry.camera(path.parent))
        except ValueError as error:
            raise ConfigError(f"{path}: camera {entry.id}: {error}") from None
    return tuple(cameras)


class _Loader(yaml.SafeLoader):
    """YAML in which a key given twice is an error: of two dwell times the reader would not know which one counts."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _parsed(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:  # most JSON is YAML, but not what is indented with tabs
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.YAMLError(f"key {key!r} is given twice")
    return dict(pairs)


def _refuse_repeated(path: Path, where: str, ids: list[str]) -> None:
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ConfigError(f"{path}: {where}: id {repeated[0]!r} is given twice: allowed is once")


def _said(item: Any, content: object) -> str:
    """One validation error as a line: where, what was there, what is allowed."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"]).lstrip(".") or "file"
    kind = item["type"]
    if kind == "extra_forbidden":
        return f"{where}: unknown key: allowed are {', '.join(_keys_beside(item['loc']))}"
    if kind == "missing":
        return f"{where}: is missing"
    if kind in ("model_type", "dict_type"):
        return f"{where}: holds {_kind_of(item.get('input'))}: allowed are the keys {', '.join(_keys_of(item['loc']))}"
    if kind == "list_type":
        return f"{where}: holds {_kind_of(item.get('input'))}: allowed is a list"
    message = item["msg"].removeprefix("Value error, ")
    given = item.get("input", content)
    shown = redact(f" (given: {given!r})") if isinstance(given, str | int | float) else ""
    return f"{where}: {message}{shown}"


def _kind_of(value: object) -> str:
    names = {str: "a text", list: "a list", dict: "keys", type(None): "nothing", bool: "yes or no"}
    return names.get(type(value), "a number")


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    return _keys_of(location[:-1])


def _keys_of(location: tuple[int | str, ...]) -> list[str]:
    names = [part for part in location if isinstance(part, str)]
    model = _ZoneEntry if names[-1:] == ["zones"] else _CameraEntry if names[-1:] == ["cameras"] else _File
    return list(model.model_fields)

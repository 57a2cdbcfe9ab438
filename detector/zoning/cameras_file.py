"""The cameras file that people write: read, checked, and turned into what the worker uses."""

import logging
import os
import re
import ssl
import stat
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from detector.errors import ConfigError
from detector.zoning.event_codes import Code, EventCodes, default_codes, read_codes
from detector.zoning.ground_plane import GroundPlane, Origin, fit
from detector.zoning.written import Written, parsed, said
from detector.zoning.zones import Zone, ZoneKind
from detector.zoning.zones_file import SPEAKING, CallOutEntry, Corner, GridCode, Id, Surroundings, ZoneEntry
from models.regions.mode import Mode
from streams.source.address import Address, RtspTransport, parse_address

log = logging.getLogger(__name__)


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
    ground: GroundPlane | None = None
    """What its picture is in metres; None where nobody has measured."""
    version: str = ""
    """Of its settings, where they may change while the worker runs: another one is another camera to it."""
    epoch: int = 1
    """Of the lease under which it is watched; before there is any, of the first."""

    @property
    def taken_as(self) -> tuple[str, str, int]:
        """What it is to whoever watches it: where this differs from before, it is taken up anew."""
        return self.id, self.version, self.epoch


class _OriginEntry(Written):
    latitude: Annotated[float, Field(ge=-89, le=89)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    bearing_deg: Annotated[float, Field(ge=-360, le=360)] = 0.0


class _GroundEntry(Written):
    image: list[Corner]
    ground_m: list[Corner]
    origin: _OriginEntry | None = None
    _plane: GroundPlane = PrivateAttr()

    @model_validator(mode="after")
    def _fits(self) -> "_GroundEntry":
        outside = next((corner for corner in self.image if not all(0 <= value <= 1 for value in corner)), None)
        if outside is not None:
            raise ValueError(f"image: {list(outside)} lies outside the frame: allowed are fractions from 0 to 1")
        origin = Origin(**self.origin.model_dump()) if self.origin is not None else None
        self._plane = fit(self.image, self.ground_m, origin)
        return self

    @property
    def plane(self) -> GroundPlane:
        return self._plane


class CameraEntry(Written):
    """One camera as people write it."""

    id: Id
    source: Annotated[str, StringConstraints(min_length=1)]
    zones: Annotated[list[ZoneEntry], Field(min_length=1)]
    place: str | None = None
    direction: str | None = None
    grid_code: GridCode | None = None
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
    homography: _GroundEntry | None = None
    callout: CallOutEntry | None = None
    """Of all its fire lanes that have none of their own."""

    def camera(self, folder: Path, codes: EventCodes) -> Camera:
        """As the worker uses it.

        Args:
            folder: What relative paths in it start from.
            codes: What its zones take their codes from.

        Raises:
            ValueError: What it says does not go together, or the machine lacks what it names.
        """
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
            zones=self._zones(address, codes),
            place=self.place,
            direction=self.direction,
            grid_code=self.grid_code,
            starts_at=self.starts_at,
            loop=self.loop,
            detect=self.detect,
            ground=self.homography.plane if self.homography is not None else None,
        )

    def _zones(self, address: Address, codes: EventCodes) -> tuple[Zone, ...]:
        ground = self.homography.plane if self.homography is not None else None
        if self.callout is not None and not any(entry.kind is SPEAKING for entry in self.zones):
            raise ValueError(f"callout: the camera has no zone of kind {SPEAKING}: allowed is a camera that has one")
        around = Surroundings(codes, ground, self.callout.callout() if self.callout is not None else None)
        zones: list[Zone] = []
        for entry in self.zones:
            if entry.calendar is not None and not address.live and self.starts_at is None:
                raise ValueError(
                    f"zone {entry.id}: calendar: needs the camera's starts_at: nothing else says when a recorded file was taken"
                )
            try:
                zones.append(entry.zone(around))
            except ValueError as error:
                raise ValueError(f"zone {entry.id}: {error}") from None
        return tuple(zones)

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


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return value


class _File(Written):
    cameras: Annotated[list[CameraEntry], Field(min_length=1)]
    event_codes: dict[ZoneKind, Code] = Field(default_factory=dict)
    """Codes for some kinds of zone, over those of the table."""
    event_codes_file: str | None = None
    """A table of one's own, of the form of `event_codes.yaml`."""
    grid_code_pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """What a grid code looks like here; without it any is taken, since cities differ."""

    @model_validator(mode="after")
    def _codes_fit(self) -> "_File":
        if self.grid_code_pattern is None:
            return self
        for camera in self.cameras:
            places = [(f"camera {camera.id}", camera.grid_code)]
            places += [(f"camera {camera.id}, zone {zone.id}", zone.grid_code) for zone in camera.zones]
            for where, code in places:
                if code is not None and not re.fullmatch(self.grid_code_pattern, code):
                    raise ValueError(
                        f"{where}: grid_code {code!r}: allowed by grid_code_pattern is {self.grid_code_pattern}"
                    )
        return self

    def codes(self, folder: Path) -> EventCodes:
        """The table that its zones take their codes from."""
        table = (
            read_codes(folder / Path(self.event_codes_file).expanduser()) if self.event_codes_file else default_codes()
        )
        return table.changed(self.event_codes)


def read_cameras(path: Path) -> tuple[Camera, ...]:
    """Reads a cameras file, YAML or JSON.

    Raises:
        ConfigError: It can't be read, or something in it is wrong; one line for each mistake.
    """
    try:
        content = parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    return cameras_in(content, str(path), path.parent)


def cameras_in(content: object, source: str, folder: Path) -> tuple[Camera, ...]:
    """What a cameras file says, once it has been parsed.

    Args:
        content: All of it.
        source: Where it came from, for people.
        folder: What relative paths in it start from.

    Raises:
        ConfigError: Something in it is wrong; one line for each mistake.
    """
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {said(item, content, _File)}" for item in error.errors())) from None
    entries = file.cameras
    _refuse_repeated(source, "cameras", [entry.id for entry in entries])
    for entry in entries:
        _refuse_repeated(source, f"camera {entry.id}, zones", [zone.id for zone in entry.zones])
    codes = file.codes(folder)
    cameras: list[Camera] = []
    for entry in entries:
        try:
            cameras.append(entry.camera(folder, codes))
        except ValueError as error:
            raise ConfigError(f"{source}: camera {entry.id}: {error}") from None
    return tuple(cameras)


def _refuse_repeated(source: str, where: str, ids: list[str]) -> None:
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ConfigError(f"{source}: {where}: id {repeated[0]!r} is given twice: allowed is once")

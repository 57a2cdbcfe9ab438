"""ONVIF: what a device is, which streams it has, and where they are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError
from zeep.exceptions import Error as SoapError

from streams.errors import SourceError
from streams.source.address import Address, redact

ONVIF_TIMEOUT_S = 15.0
"""For all questions to one device: about eight, of which a slow camera answers one in a second."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream that a device offers, as the device declares it."""

    token: str
    name: str
    codec: str
    width_px: int
    height_px: int
    fps: float | None
    address: Address
    """Without a login."""


@dataclass(frozen=True, slots=True)
class Device:
    """A camera or recorder, as it describes itself."""

    host: str
    port: int
    maker: str
    model: str
    firmware: str
    profiles: tuple[Profile, ...]


def describe_device(host: str, port: int = 80, login: str | None = None) -> Device:
    """Asks a device what it is and which streams it has.

    Args:
        host: Its name or address.
        port: Of its ONVIF service.
        login: `user:password`; most devices tell nothing without one.

    Raises:
        SourceError: It does not answer, refuses, or says what is not ONVIF.
    """
    try:
        return asyncio.run(asyncio.wait_for(_described(host, port, login or ":"), ONVIF_TIMEOUT_S))
    except TimeoutError:
        raise SourceError(f"{host}:{port}: no complete answer to ONVIF within {ONVIF_TIMEOUT_S:g} s") from None
    except (ONVIFError, SoapError, aiohttp.ClientError, OSError, ValueError, AttributeError) as error:
        # The library hands on what the device says, in whatever shape: missing parts end in AttributeError.
        raise SourceError(f"{host}:{port}: does not describe itself over ONVIF: {redact(str(error))}") from error


async def _described(host: str, port: int, login: str) -> Device:
    user, _, password = login.partition(":")
    # A camera whose clock is off refuses digests of our time: `adjust_time` asks for its own.
    camera = ONVIFCamera(host, port, user, password, no_cache=True, adjust_time=True)
    try:
        await camera.update_xaddrs()
        management = await camera.create_devicemgmt_service()
        known = await management.GetDeviceInformation()
        media = await camera.create_media_service()
        profiles = [
            await _profile(media, entry) for entry in await media.GetProfiles() if entry.VideoEncoderConfiguration
        ]
    finally:
        await camera.close()
    return Device(host, port, known.Manufacturer, known.Model, known.FirmwareVersion, tuple(profiles))


async def _profile(media: Any, entry: Any) -> Profile:
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    answer = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": entry.token})
    encoder = entry.VideoEncoderConfiguration
    return Profile(
        token=entry.token,
        name=entry.Name,
        codec=encoder.Encoding,
        width_px=encoder.Resolution.Width,
        height_px=encoder.Resolution.Height,
        fps=float(encoder.RateControl.FrameRateLimit) if encoder.RateControl else None,
        address=Address(answer.Uri),
    )

"""Where on the map something was seen, as far as its worker knows."""

from collections.abc import Mapping
from typing import Any

LATITUDE_MAX, LONGITUDE_MAX = 90.0, 180.0


def place_on_map(why: Mapping[str, Any]) -> tuple[float, float] | None:
    """Latitude and longitude (degrees, WGS 84) that a revision's `why` tells; None unless both are there and possible.

    Examples:
        >>> place_on_map({"latitude": 39.9, "longitude": 116.4}), place_on_map({"latitude": True, "longitude": 181})
        ((39.9, 116.4), None)
    """
    latitude, longitude = why.get("latitude"), why.get("longitude")
    if not (_within(latitude, LATITUDE_MAX) and _within(longitude, LONGITUDE_MAX)):
        return None
    return float(latitude), float(longitude)  # type: ignore[arg-type]  # both are numbers


def _within(value: object, bound: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= bound

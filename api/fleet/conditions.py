"""What follows from a camera's report: its condition, in one word and one sentence. Pure."""

from dataclasses import dataclass

from api.fleet.documents import CameraReport

OK = "ok"
ENDED = "ended"
"""A recording that has been watched to its end: nothing is wrong with it, and nobody has to watch it any more."""
DOWN = "down"
MISCONFIGURED = "misconfigured"

PICTURE = {"covered": "covered", "black": "dark", "frozen": "frozen", "moved": "moved", "blurred": "blurred"}
"""Conditions by the picture's faults, the gravest first."""

_SENTENCES = {
    "covered": "Something covers the lens.",
    "dark": "The picture is black.",
    "frozen": "The picture does not change.",
    "moved": "It looks elsewhere: its zones hold still.",
    "blurred": "The picture is blurred.",
}


@dataclass(frozen=True)
class Condition:
    """How a camera does; `detail` is a sentence without an address or a credential."""

    name: str
    detail: str | None = None


def condition_of(report: CameraReport, held_s: float, down_after_s: float) -> Condition:
    """What a report says.

    Args:
        report: The newest.
        held_s: How long its worker has had the camera: what never sent a picture is down only after a while.
        down_after_s: Without pictures for so long, it is down.
    """
    if report.refused is not None:
        return Condition(MISCONFIGURED, report.refused)
    if report.state in ("ended", "closed"):
        return Condition(ENDED)
    silent_s = held_s if report.last_packet_age_s is None else report.last_packet_age_s
    if silent_s > down_after_s:
        return Condition(DOWN, f"No picture for {silent_s:.0f} s; {report.state}.")
    for fault, name in PICTURE.items():
        if fault in report.picture:
            return Condition(name, _SENTENCES[name])
    return Condition(OK)

"""Cameras that misbehave over RTSP: which one a case gets."""

from __future__ import annotations

import random

from tests.streams.fuzz_answers import ANSWERS
from tests.streams.fuzz_media import MEDIA, WAITING
from tests.streams.fuzz_recording import RECORDINGS
from tests.streams.fuzz_script import Script, played

WAITING_SHARE = 0.06


def twisted(rng: random.Random) -> tuple[str, tuple[str, ...], Script]:
    """One misbehaving camera: which recording it plays, the names of what is wrong with it, what it says."""
    name = rng.choice(list(RECORDINGS))
    script = played(name)
    chosen = rng.choices(ANSWERS + MEDIA, k=rng.choices((1, 2, 3), (60, 30, 10))[0])
    if rng.random() < WAITING_SHARE:
        chosen.append(rng.choice(WAITING))
    for twist in chosen:
        twist(rng, script)
    return name, tuple(twist.__name__ for twist in chosen), script

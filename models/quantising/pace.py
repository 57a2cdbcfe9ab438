"""How long two models take for a picture, in turns, so that both meet the same machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from models.runtime.session import Runner, Tensors

RUNS = 24  # of each: the median of so many varies by about 2 %
_CPUINFO = Path("/proc/cpuinfo")
_VNNI = frozenset({"avx512_vnni", "avx_vnni"})


@dataclass(frozen=True, slots=True)
class Pace:
    """Medians in milliseconds a picture, the model alone, without preparing the picture and reading the outputs.

    Attributes:
        float_ms: of the float model.
        variant_ms: of the variant.
    """

    float_ms: float
    variant_ms: float

    @property
    def ratio(self) -> float:
        """How many times as fast the variant is."""
        return self.float_ms / self.variant_ms


def pace(float_model: Runner, variant: Runner, pictures: Sequence[Tensors], *, runs: int = RUNS) -> Pace:
    """Run both on the same pictures on this thread, one after the other, after one run of each that does not count.

    On a CPU it is the time that the processor spent on this thread, so that what else the machine does hardly counts; on
    another provider it is the time that passed.

    Args:
        float_model: one.
        variant: the other.
        pictures: inputs of one picture each, taken in turns.
        runs: of each model.
    """
    clock = time.thread_time if {float_model.provider, variant.provider} == {"cpu"} else time.perf_counter
    taken_s: tuple[list[float], list[float]] = ([], [])
    for index in range(runs + 1):
        for model, times_s in zip((float_model, variant), taken_s, strict=True):
            begin_s = clock()
            model.run(pictures[index % len(pictures)])
            times_s.append(clock() - begin_s)
    float_s, variant_s = (median(times_s[1:]) for times_s in taken_s)
    return Pace(float_s * 1e3, variant_s * 1e3)


def has_vnni() -> bool | None:
    """Whether the processor multiplies and adds 8-bit integers in one instruction; None where it can't be told."""
    try:
        lines = _CPUINFO.read_text("utf-8").splitlines()
    except OSError:
        return None
    flags = next((line for line in lines if line.startswith("flags")), None)
    return None if flags is None else bool(_VNNI.intersection(flags.split()))

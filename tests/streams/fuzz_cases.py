"""Runs fuzz cases in this process and says on stdout what became of each; replays one by its number.

`python -m tests.streams.fuzz_cases file 17` replays a case, `… file 17 --keep FOLDER` leaves its damaged file there,
`… rtsp 0-99 --jobs 24` runs a range. A case that crashes takes this process with it: `fuzz_run` watches from outside.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import faulthandler
import json
import logging
import resource
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.streams import fuzz_files, fuzz_rtsp
from tests.streams.fuzz_answers import crashing
from tests.streams.fuzz_clips import RECIPES, original
from tests.streams.fuzz_files import Outcome

SUITE_SEED = 1
CASE_CPU_S = 2.0
"""Processor time of one case. The kernel ends the process at it, wherever it is: a hang in a library can't be caught."""
MEMORY_MB = 2048
"""Address space beyond what the process starts with: a runaway allocation fails here, and not in the machine."""
TRAP_MB = 400
THREAD_MB = 160
"""What a thread reserves, and does not use: its stack, and an arena of the allocator."""

_printing = threading.Lock()


def _trap(_seed: int, number: int, _folder: Path) -> Outcome:
    """Does what a case must not do, to show that it would be noticed."""
    outcome = Outcome("trap", (), verdict="whole")
    if number == 1:
        ctypes.string_at(0)
    if number == 2:
        while True:
            pass
    if number == 3:
        outcome.packets = len(b"x" * (TRAP_MB << 20))
    if number == 4:
        outcome.fault = "a fault"
        outcome.judge()
    return outcome


KINDS: dict[str, Callable[[int, int, Path], Outcome]] = {
    "file": fuzz_files.run_case,
    "rtsp": fuzz_rtsp.run_case,
    "crash": lambda _seed, _number, folder: fuzz_rtsp.play(crashing(), Outcome("h264", ("crashing",)), folder),
    "trap": _trap,
}


def run(kind: str, numbers: list[int], seed: int, jobs: int) -> None:
    """Runs cases, one after the other or several at once, and reports each as a line of JSON when it starts and ends."""
    faulthandler.enable()
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger().addHandler(logging.NullHandler())
    with TemporaryDirectory() as made:
        folder = Path(made)
        if kind != "trap":
            _warm_up(folder)
        _limit_memory(jobs)
        say({"base_mb": _status_mb("VmRSS")})

        def one(number: int) -> None:
            say({"start": number})
            if jobs == 1:
                _forget_peak()
                signal.setitimer(signal.ITIMER_PROF, CASE_CPU_S)
            outcome = KINDS[kind](seed, number, folder)
            if jobs == 1:
                signal.setitimer(signal.ITIMER_PROF, 0)
            say({"done": number, "rss_mb": _status_mb("VmRSS"), "peak_mb": _status_mb("VmHWM"), **outcome.as_dict()})

        if jobs == 1:
            for number in numbers:
                one(number)
        else:
            with ThreadPoolExecutor(jobs) as pool:
                list(pool.map(one, numbers))


def _warm_up(folder: Path) -> None:
    """Loads every codec once, so that growth is counted from a process that has worked."""
    for name in RECIPES:
        path = folder / f"warm{original(name).suffix}"
        path.write_bytes(original(name).data)
        with contextlib.suppress(AssertionError):  # whether they come out whole is a test of its own
            fuzz_files.walk(path, Outcome(name, ()))


def _limit_memory(threads: int) -> None:
    limit = (_status_mb("VmSize") + MEMORY_MB + threads * THREAD_MB) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _status_mb(key: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key + ":"))
    return int(line.split()[1]) >> 10


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts anew: a peak belongs to one case


def say(line: dict[str, Any]) -> None:
    """Writes a line of JSON, whole."""
    with _printing:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("numbers", help="a number, a range as in 3-8, or several with commas")
    parser.add_argument("--seed", type=int, default=SUITE_SEED)
    parser.add_argument("--jobs", type=int, default=1, help="cases at once; only those of `rtsp`, which mostly wait")
    parser.add_argument("--keep", type=Path, help="leave the damaged files in this folder, and run nothing")
    given = parser.parse_args()
    parts = [part.split("-") for part in given.numbers.split(",")]
    numbers = [number for part in parts for number in range(int(part[0]), int(part[-1]) + 1)]
    if given.keep is None:
        run(given.kind, numbers, given.seed, given.jobs)
    for number in numbers if given.keep is not None and given.kind == "file" else []:
        say({"case": number, "file": str(fuzz_files.write_case(given.seed, number, given.keep)[0])})


if __name__ == "__main__":
    main()

"""Runs fuzz cases in child processes, outlives their crashes and hangs, and adds up what became of them."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.streams.fuzz_cases import SUITE_SEED

ROOT = Path(__file__).resolve().parents[2]
BATCH = 250
"""Cases of one process: enough to share the second that starting costs, few enough to show what leaks."""
SILENCE_S = 60.0
"""A child that reports nothing for this long hangs. Far more than a case may take: the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Death:
    """A case that took its process with it."""

    number: int
    returncode: int
    """As of `subprocess`: minus the signal; 0 if it was ended here because it hung."""
    alone: bool
    """True when it does the same alone; else it takes the cases before it in `company`."""
    company: tuple[int, ...]
    stderr: str = field(repr=False)


@dataclass(slots=True)
class Report:
    """What became of all cases."""

    outcomes: dict[int, dict[str, Any]] = field(default_factory=dict)
    deaths: list[Death] = field(default_factory=list)
    growth_mb: int = 0
    """The most that any process grew over what it had after warming up, at the peak of a case."""
    kept_mb: int = 0
    """The most that any process still held at its end."""

    @property
    def faults(self) -> dict[int, str]:
        return {number: outcome["fault"] for number, outcome in self.outcomes.items() if outcome["fault"]}

    def summary(self) -> dict[str, Any]:
        """Figures for a person to judge whether the fuzz reaches what it should."""
        cases = self.outcomes.values()
        slowest = max(self.outcomes, key=lambda number: self.outcomes[number]["cpu_s"], default=None)
        longest = max(self.outcomes, key=lambda number: self.outcomes[number]["wall_s"], default=None)
        return {
            "cases": len(cases) + len(self.deaths),
            "deaths": [(death.number, death.returncode, death.alone) for death in self.deaths],
            "verdicts": dict(Counter(outcome["verdict"] for outcome in cases).most_common()),
            "connected": sum(outcome["connected"] for outcome in cases),
            "pictures_and_errors": sum(outcome["pictures"] > 0 and outcome["errors"] > 0 for outcome in cases),
            "pictures": sum(outcome["pictures"] for outcome in cases),
            "errors": sum(outcome["errors"] for outcome in cases),
            "unwritable": sum(outcome["unwritable"] is not None for outcome in cases),
            "clips": sum(outcome["clip"] for outcome in cases),
            "slowest": slowest is not None and (slowest, round(self.outcomes[slowest]["cpu_s"], 3)),
            "longest": longest is not None and (longest, round(self.outcomes[longest]["wall_s"], 3)),
            "growth_mb": self.growth_mb,
            "kept_mb": self.kept_mb,
        }


def run_cases(
    kind: str,
    count: int,
    *,
    first: int = 0,
    without: Collection[int] = (),
    processes: int = 2,
    jobs: int = 1,
    seed: int = SUITE_SEED,
) -> Report:
    """Runs the cases `first` to `first + count`; every one of them is in the report, as an outcome or a death."""
    report = Report()
    numbers = [number for number in range(first, first + count) if number not in without]
    batches = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
    with ThreadPoolExecutor(processes) as pool:
        for _ in pool.map(lambda numbers: _run_batch(report, kind, numbers, seed, jobs), batches):
            pass
    return report


def _run_batch(report: Report, kind: str, numbers: list[int], seed: int, jobs: int) -> None:
    while numbers:
        child = _Child(kind, numbers, seed, jobs)
        done = child.run(report)
        numbers = [number for number in numbers if number not in done]
        if child.returncode == 0 and not numbers:
            return
        suspects = [number for number in child.started if number not in done] or numbers[:1]
        _question(report, child, suspects, kind, seed, done)
        numbers = [number for number in numbers if number not in suspects]


def _question(report: Report, dead: _Child, suspects: list[int], kind: str, seed: int, before: list[int]) -> None:
    """Runs what was under way when a process died once more, each alone, to find the one that did it."""
    guilty = False
    for number in suspects:
        child = _Child(kind, [number], seed, jobs=1)
        if number not in child.run(report):
            guilty = True
            report.deaths.append(Death(number, child.returncode, alone=True, company=(), stderr=child.stderr))
    if not guilty:
        company = tuple(before + suspects)
        report.deaths.append(Death(suspects[0], dead.returncode, alone=False, company=company, stderr=dead.stderr))


class _Child:
    """One process that runs cases."""

    def __init__(self, kind: str, numbers: list[int], seed: int, jobs: int) -> None:
        self._command = [
            sys.executable, "-m", "tests.streams.fuzz_cases", kind, ",".join(map(str, numbers)),
            "--seed", str(seed), "--jobs", str(jobs),
        ]  # fmt: skip
        self.started: list[int] = []
        self.returncode = 0
        self.stderr = ""

    def run(self, report: Report) -> list[int]:
        """Runs to the end, natural or not; gives the numbers of the cases that came to an end of their own."""
        done: list[int] = []
        base_mb = kept_mb = 0
        for line in self._lines():
            if "base_mb" in line:
                base_mb = line["base_mb"]
            elif "start" in line:
                self.started.append(line["start"])
            else:
                number = line.pop("done")
                done.append(number)
                report.outcomes[number] = line
                kept_mb = line["rss_mb"] - base_mb
                report.growth_mb = max(report.growth_mb, line["peak_mb"] - base_mb)
        if not base_mb:
            raise RuntimeError(f"the fuzz could not start:\n{self.stderr}")
        report.kept_mb = max(report.kept_mb, kept_mb)
        return done

    def _lines(self) -> Iterator[dict[str, Any]]:
        said: queue.Queue[str | None] = queue.Queue()
        with subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            stdout, stderr = process.stdout, process.stderr
            errors: list[str] = []

            def hear() -> None:
                for line in stdout:
                    said.put(line)
                said.put(None)

            readers = [threading.Thread(target=hear), threading.Thread(target=lambda: errors.append(stderr.read()))]
            for reader in readers:
                reader.start()
            silent = True
            try:
                while (line := said.get(timeout=SILENCE_S)) is not None:
                    yield json.loads(line)
                silent = False
            except queue.Empty:
                pass
            finally:
                if silent:
                    process.kill()
                for reader in readers:
                    reader.join()
        self.returncode, self.stderr = 0 if silent else process.returncode, "".join(errors)

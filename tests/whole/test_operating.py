"""The operator's guide: its commands do what it says, in the order in which they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from evaluation.sample.compose import Sample
from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "operating.md").read_text("utf-8")
NOT_HERE = ("systemctl", "deploy/install.sh", "cd ")
"""Commands of blocks that change the machine; `test_deploy` looks at units and script."""


def commands() -> list[str]:
    """Every line of the guide's blocks, without comments."""
    blocks = re.findall(r"^```\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return [line.split("   #")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that stands for the machine, with the command in its path."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "bin").mkdir()
    command = folder / "bin" / "streetwarden"
    command.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m streetwarden "$@"\n')
    command.chmod(0o755)
    for name in ("var/lib/streetwarden", "etc/streetwarden", "mnt/backup", "tmp"):
        (folder / name).mkdir(parents=True)
    return folder


def carried_out(machine: Path) -> Iterator[tuple[str, subprocess.CompletedProcess[str]]]:
    """Runs the commands one after the other, in the folder that stands for the machine."""
    for command in commands():
        if command.startswith(NOT_HERE):
            continue
        here = re.sub(r"(?<![\w./])/(?=var/|etc/|mnt/|tmp/)", f"{machine}/", command)
        here = here.replace("runuser -u streetwarden -- ", "")
        here = re.sub(r"(--file|>) (audit\.jsonl)", rf"\1 {machine}/\2", here)
        if " serve " in here:
            here = f"timeout --preserve-status -s INT 8 {here.replace('--port 8001', '--port 0')}"
        yield (
            command,
            subprocess.run(
                ["sh", "-c", here],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                env=os.environ | {"PATH": f"{machine}/bin:{os.environ['PATH']}"},
            ),
        )


def test_the_commands_of_the_guide_work(machine: Path, sample: Sample) -> None:
    zone = {"id": "kerb", "kind": "no_parking", "polygon": [list(corner) for corner in sample.zone]}
    camera = {"id": "gate-3", "source": str(sample.path), "zones": [zone]}
    (machine / "etc/streetwarden/gate.yaml").write_text(yaml.safe_dump({"cameras": [camera]}))
    done = list(carried_out(machine))
    wrong = {command: answer.stderr[-500:] for command, answer in done if answer.returncode}
    assert wrong == {}
    assert len(done) >= 10
    assert list((machine / "tmp/check").iterdir())  # zones on a picture
    assert "streetwarden.db" in {path.name for path in (machine / "tmp/drill").iterdir()}


def test_files_and_settings_that_the_guide_names_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
    metrics = (ROOT / "api" / "metrics.py").read_text("utf-8")
    for metric in re.findall(r"`(streetwarden_[a-z_]+?)(?:_total)?(?:\{[^`]*)?`", GUIDE):
        assert f'"{metric}"' in metrics, metric
    for unit in re.findall(r"streetwarden-[a-z]+@?\.(?:service|timer)", GUIDE):
        assert (ROOT / "deploy" / "systemd" / unit).exists(), unit

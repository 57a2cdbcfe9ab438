"""The house itself: lint, types, import contracts, papers, and what must not stand anywhere in it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("streams", "models", "detector", "api", "evaluation")
TOOLS = Path(sys.executable).parent
LINES_MAX = 350


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)],
    ids=" ".join,
)
def test_the_tools_are_content(command) -> None:
    answer = subprocess.run([TOOLS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_wire_schema_needs_no_server() -> None:
    code = (
        "import api.schema, sys; print(*[name for name in ('fastapi', 'sqlalchemy', 'uvicorn') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""


def test_help_is_quick_and_loads_no_detector() -> None:
    code = "import streetwarden, sys; print(*[name for name in ('onnxruntime', 'cv2', 'av', 'fastapi') if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""


def test_there_are_five_rooms_and_no_other_package() -> None:
    packages = {path.parent.relative_to(ROOT).parts[0] for path in tracked() if path.name == "__init__.py"}
    assert packages == {*ROOMS, "tests"}
    for room in ROOMS:
        assert (ROOT / room / "README.md").is_file(), room


def test_a_file_holds_one_idea() -> None:
    long = {
        str(path): count
        for path in tracked()
        if path.suffix == ".py" and (count := path.read_text().count("\n")) > LINES_MAX
    }
    assert long == {}


def test_locks_name_no_index_and_pin_every_package_by_hash() -> None:
    for lock in sorted((ROOT / "locks").glob("*.txt")):
        text = lock.read_text()
        assert "://" not in text, lock
        entries = re.findall(r"^\S+==[^\n]*\n(?:    --hash[^\n]*\n)+", text, re.MULTILINE)
        assert len(entries) == len(re.findall(r"^\S+==", text, re.MULTILINE)), lock


def test_the_readme_names_only_what_is_there() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (ROOT / target).exists(), f"{page.name}: {target}"

"""A YAML or JSON file that somebody wrote, and on which line each of its values stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import yaml

from evaluation.errors import EvaluationError

Place = tuple[str | int, ...]
"""Keys and indices from the top of the file to a value."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is there: ten times as fast


@dataclass(frozen=True)
class Document:
    """What a file says.

    Attributes:
        path: the file.
        content: plain dicts, lists, strings, numbers.
        text: as it was written.
    """

    path: Path
    content: object
    text: str

    @cached_property
    def _root(self) -> yaml.Node | None:
        # JSON is YAML, but for the tabs that it may be indented with; inside its strings a bare tab is not allowed.
        text = self.text.replace("\t", " ") if self.path.suffix == ".json" else self.text
        try:
            return yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError:
            return None

    def line(self, place: Place = ()) -> int:
        """The line (from 1) of a value, or of the nearest thing around it that is there."""
        node, line = self._root, 1
        if node is None:
            return line
        for step in place:
            found = _child(node, step)
            if found is None:
                break
            node, line = found
        return line

    def said(self, place: Place, reason: str) -> str:
        """A line about a value: file, line, place, what is wrong."""
        where = ".".join(str(step) for step in place)
        return f"{self.path}:{self.line(place)}: {where + ': ' if where else ''}{reason}"


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    """The value under a key or an index, and the line where it (its key, if it has one) begins."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        value = node.value[step]
        return value, value.start_mark.line + 1
    return None


def read_document(path: Path) -> Document:
    """Read a YAML or JSON file.

    Raises:
        EvaluationError: it can't be read or parsed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, _LOADER)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is not UTF-8 text") from error
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise EvaluationError(f"{path}:{_line_of(error, text)}: is not valid YAML or JSON: {reason}") from error
    return Document(path, content, text)


def _line_of(error: Exception, text: str) -> int:
    if isinstance(error, json.JSONDecodeError):
        return error.lineno
    mark = getattr(error, "problem_mark", None)
    return 1 if mark is None else min(int(mark.line) + 1, text.count("\n") + 1)  # libyaml points behind the end

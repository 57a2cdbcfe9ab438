"""Files that people write: parsed so that texts stay texts, and every mistake said in one line of the file's own words."""

import json
import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict

from streams.source.address import redact

WORDS_1_2 = {
    "tag:yaml.org,2002:bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    "tag:yaml.org,2002:int": (re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)$"), "-+0123456789"),
    "tag:yaml.org,2002:float": (
        re.compile(
            r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+0123456789.",
    ),
}
"""What YAML 1.2 takes for a number or a truth. PyYAML speaks 1.1, where 17:30 is 1050, 0505 is 325, and `on` is true."""


class Written(BaseModel):
    """Base of what people write: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Loader(yaml.SafeLoader):
    """YAML in which a key given twice is an error: of two dwell times the reader would not know which one counts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name for it
        first: [pair for pair in pairs if pair[0] not in WORDS_1_2]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping, once no key is in it twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


for _tag, (_pattern, _first) in WORDS_1_2.items():
    Loader.add_implicit_resolver(_tag, _pattern, list(_first))


def parsed(text: str) -> object:
    """Reads YAML or JSON.

    Raises:
        yaml.YAMLError: It is neither, or a key is given twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:  # most JSON is YAML, but not what is indented with tabs
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.YAMLError(f"key {key!r} is given twice")
    return dict(pairs)


def said(item: Any, content: object, model: type[BaseModel]) -> str:
    """One validation error as a line: where, what was there, what is allowed.

    Args:
        item: An error of pydantic, as `ValidationError.errors()` lists it.
        content: What was validated.
        model: What it was validated as.
    """
    location = tuple(part for part in item["loc"] if part != "[key]")  # pydantic's word for a key that is wrong itself
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "file"
    kind = item["type"]
    if kind == "extra_forbidden":
        return f"{where}: unknown key: allowed are {', '.join(_keys(location[:-1], model))}"
    if kind == "missing":
        return f"{where}: is missing"
    if kind in ("model_type", "dict_type"):
        return f"{where}: holds {_kind_of(item.get('input'))}: allowed are the keys {', '.join(_keys(location, model))}"
    if kind == "list_type":
        return f"{where}: holds {_kind_of(item.get('input'))}: allowed is a list"
    message = item["msg"].removeprefix("Value error, ")
    given = item.get("input", content)
    shown = redact(f" (given: {given!r})") if isinstance(given, str | int | float) else ""
    return f"{where}: {message}{shown}"


def _kind_of(value: object) -> str:
    names = {str: "a text", list: "a list", dict: "keys", type(None): "nothing", bool: "yes or no"}
    return names.get(type(value), "a number")


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _keys(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    models: list[type[BaseModel]] = [model]
    for part in location:
        if isinstance(part, str):
            models = [inner for each in models for inner in _inside(each, part)]
    return [name for each in models for name in _names(each)]


def _inside(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    """The models that a key of a model may hold."""
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            yield from _models_in(field.annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, list, tuple, dict, Annotated):
        for part in get_args(annotation):
            yield from _models_in(part)

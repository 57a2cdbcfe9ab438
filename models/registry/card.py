"""The card of a model: what it is, what it knows, where it comes from, how good it is; for people and for programs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from models.registry.entries import Model
from models.registry.licence import is_copyleft
from models.registry.pull import CONVERTER_VERSION, condition

_NOT_STATED = "not stated"


def facts(model: Model, cache_dir: Path | None = None) -> dict[str, Any]:
    """All that is known of a model or variant, as plain values that JSON can hold.

    Args:
        model: from the registry.
        cache_dir: instead of the user's cache folder.

    Returns:
        By key: name, description, family, licence, copyleft, input_px, classes, roles (role to classes), file (name, sha256,
        size_bytes, sources, condition), conversion, paper, data, metrics, trained_from, created, variants. None where nobody
        stated it.
    """
    entry, card = model.entry, model.entry.card
    played: dict[str, list[str]] = {}
    for name in model.class_names:
        if name in model.roles:
            played.setdefault(model.roles[name], []).append(name)
    conversion = f"from the checkpoint to ONNX, converter {entry.convert} version {CONVERTER_VERSION}"
    return {
        "name": model.name,
        "description": card.description,
        "family": entry.family,
        "licence": entry.licence,
        "copyleft": is_copyleft(entry.licence),
        "input_px": entry.input_size,
        "classes": list(model.class_names),
        "roles": played,
        "file": _file(model) | {"condition": condition(model, cache_dir).value},
        "conversion": conversion if entry.convert else None,
        **card.model_dump(mode="json", exclude={"description"}),
        "variants": {precision: _file(variant) for precision, variant in model.variants.items()},
    }


def markdown(known: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        known: as `facts` returns it.
    """
    return "\n".join(_lines(known))


def _file(model: Model) -> dict[str, Any]:
    entry = model.entry
    if entry.file:
        path = model.folder / entry.file.path
        size = path.stat().st_size if path.is_file() else None
        return {"name": entry.file.path, "sha256": entry.file.sha256, "size_bytes": size, "sources": [str(path)]}
    found = entry.artifact or entry.unpinned
    return {
        "name": found.name if found else None,
        "sha256": entry.artifact.sha256 if entry.artifact else None,
        "size_bytes": entry.artifact.size_bytes if entry.artifact else None,
        "sources": [str(source) for source in found.sources] if found else [],
    }


def _lines(known: Mapping[str, Any]) -> Iterator[str]:
    file, classes = known["file"], known["classes"]
    yield f"# {known['name']}\n"
    yield f"{known['description'] or 'No description.'}\n"
    yield "| | |\n|---|---|"
    rows = {
        "family": known["family"],
        "licence": known["licence"] + (" (copyleft)" if known["copyleft"] else ""),
        "input": f"{known['input_px']} px",
        "trained on": _inline(known["data"]),
        "made from": known["trained_from"],
        "converted": known["conversion"],
        "paper": known["paper"],
        "created": known["created"],
    }
    yield from (f"| {key} | {_cell(value or _NOT_STATED)} |" for key, value in rows.items() if value or key in _ALWAYS)
    yield f"\n## Classes\n\n{len(classes)}: {', '.join(classes)}.\n"
    yield from (f"- {role}: {', '.join(names)}" for role, names in known["roles"].items())
    yield "" if known["roles"] else "None of them plays a role.\n"
    yield f"## File\n\n`{file['name']}`, {_size(file['size_bytes'])}, {file['condition']}.\n"
    yield f"sha256 `{file['sha256']}`\n" if file["sha256"] else "Nobody has established its sha256.\n"
    yield from (f"- {source}" for source in file["sources"])
    if known["variants"]:
        yield "\n## Variants\n\n| | size | sha256 |\n|---|---|---|"
        for precision, one in known["variants"].items():
            yield f"| {known['name']}:{precision} | {_size(one['size_bytes'])} | `{one['sha256']}` |"
    if known["metrics"]:
        yield "\n## Figures\n\n| | |\n|---|---|"
        yield from (f"| {_cell(name)} | {_cell(figure)} |" for name, figure in _flat(known["metrics"]))


_ALWAYS = ("family", "licence", "input", "trained on")


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Figures by their path, such as `val_ap50.car`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _inline(value: str | Mapping[str, Any] | None) -> str | None:
    return "; ".join(f"{name}: {one}" for name, one in _flat(value)) if isinstance(value, Mapping) else value


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _size(size_bytes: int | None) -> str:
    return "size not stated" if size_bytes is None else f"{size_bytes / 1e6:.1f} MB"

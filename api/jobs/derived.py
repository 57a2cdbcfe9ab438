"""Files that jobs made from evidence, as entries in their case's list of evidence. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.schema import as_utc_text
from api.storage.tables import DerivedFile, EvidenceFile


def derived_items(
    derived: Iterable[DerivedFile], declared: Sequence[Mapping[str, Any]], files: Mapping[str, EvidenceFile]
) -> list[dict[str, Any]]:
    """Entries of the same form as those that a worker declares; the times are those of what each was made from.

    Args:
        derived: What jobs have made.
        declared: The evidence that the incident's latest revision names.
        files: All stored files of the case, by name.
    """
    by_name = {item["name"]: item for item in declared}
    items: list[dict[str, Any]] = []
    for made in derived:
        file = files.get(made.name)
        if file is None or made.name in by_name:
            continue
        # A photo that a person took has no span of its own.
        source = by_name.get(made.derived_from, {})
        items.append(
            {
                "name": made.name,
                "kind": made.kind,
                "sha256": file.sha256,
                "start_at": source.get("start_at", as_utc_text(made.made_at)),
                "end_at": source.get("end_at", as_utc_text(made.made_at)),
                "derived_from": made.derived_from,
                "job": made.job_id,
                "made_at": as_utc_text(made.made_at),
                "about": json.loads(made.about),
            }
        )
    return items

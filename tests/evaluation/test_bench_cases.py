"""The bench of lists, with few cases."""

from datetime import UTC, datetime

from api.casework.queries import Filters
from evaluation.benches.cases import PAGES_EACH, bench_cases, filters_of


def test_every_list_is_asked_for_and_told() -> None:
    found = bench_cases(3000)
    # Three callers, two orders, 29 filters.
    assert found["lists"] == 3 * 2 * len(filters_of(datetime.now(UTC), 3000)) == 174
    assert found["pages"] >= PAGES_EACH * 174
    assert 0 < found["page_ms"]["median"] <= found["page_ms"]["p95"] <= found["page_ms"]["worst"]
    assert found["quick_enough"] is (max(found["worst_lists"].values()) <= 50)


def test_the_filters_are_ones_that_the_event_system_knows() -> None:
    for filters in filters_of(datetime.now(UTC), 3000):
        Filters.model_validate(filters)

"""The bench of intake, for a second each."""

import json

from click.testing import CliRunner

from evaluation.commands import bench


def test_it_counts_what_was_taken() -> None:
    answer = CliRunner().invoke(bench, ["api", "intake", "--seconds", "1"])
    assert answer.exit_code == 0, answer.exception
    report = json.loads(answer.output)
    assert set(report["per_s"]) == {"1", "4", "16"}
    assert all(rate > 0 for rate in report["per_s"].values())
    assert set(report["in_batches_per_s"]) == {"1", "4"}
    best = max(*report["per_s"].values(), *report["in_batches_per_s"].values())
    assert report["fast_enough"] is (best >= 300)

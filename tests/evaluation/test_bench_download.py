"""The bench of downloads, on a small clip: what it says, and that its parts add up."""

import json

import pytest
from click.testing import CliRunner

from evaluation.commands import bench


def test_download_says_what_a_clip_costs() -> None:
    answer = CliRunner().invoke(bench, ["api", "download", "--size", "8", "--rounds", "2"])
    assert answer.exit_code == 0, answer.exception
    report = json.loads(answer.output)
    assert (report["size_mib"], report["rounds"]) == (8, 2)
    assert report["mb_s"] > 0
    # CPU is counted in hundredths of a second, so a small clip may cost none; the shares follow from the same count.
    assert report["core_share_at_110_mb_s"] == pytest.approx(report["cpu_s_per_gb"] * 0.110, abs=0.001)
    assert report["fast_enough"] == (report["mb_s"] >= 110)
    assert report["cheap_enough"] == (report["core_share_at_110_mb_s"] <= 0.30)
    assert report["memory_growth_mib"] < 8  # the clip is never held as a whole

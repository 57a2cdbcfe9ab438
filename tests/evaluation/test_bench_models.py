"""The bench of models: every picture is accounted for. What it measures is no matter for a test."""

from evaluation.bench_models import bench_models


def test_served_beside_the_bare_loop() -> None:
    row = bench_models("yolov8n", "cpu", cameras=3, rounds=2, turn_s=0.2)[0]
    assert (row["model"], row["provider"], row["input_px"], row["cameras"]) == ("yolov8n", "cpu", "640x384", 3)
    assert (row["batch"], row["batch_mean"], row["failed"], row["fallbacks"]) == (1, 1.0, 0, 0)
    assert row["ratio"] > 0.2
    assert row["cpu_ratio"] > 0.2
    assert 0 <= row["queue_p50_ms"] <= row["queue_p95_ms"]
    (alone,) = row["batches"]  # a CPU takes one picture at a time
    assert alone["batch"] == 1
    assert 0 < alone["p50_ms"] <= alone["p95_ms"]
    assert alone["per_s"] > 0

import json
from pathlib import Path

from models.registry.card import facts, markdown
from models.registry.entries import load_registry
from models.registry.variants import add_variant


def test_of_a_shipped_model(tmp_path: Path) -> None:
    known = facts(load_registry().model("yolo26n"), tmp_path)
    assert json.loads(json.dumps(known)) == known
    assert (known["family"], known["licence"], known["copyleft"], known["input_px"]) == (
        "yolov10",
        "AGPL-3.0",
        True,
        640,
    )
    assert known["roles"]["two_wheeler"] == ["bicycle", "motorcycle"]
    assert known["file"] == {
        "name": "yolo26n.pt",
        "sha256": "9b09cc8bf347f0fc8a5f7657480587f25db09b34bf33b0652110fb03a8ad4fef",
        "size_bytes": 5_544_453,
        "sources": ["https://github.com/ultralytics/assets/releases/download/v8.4.0/yolo26n.pt"],
        "condition": "not pulled",
    }
    assert known["conversion"] == "from the checkpoint to ONNX, converter ultralytics version 1"
    lines = markdown(known).splitlines()
    assert lines[0] == "# yolo26n"
    assert "| licence | AGPL-3.0 (copyleft) |" in lines
    assert "- stall: umbrella" in lines
    assert "`yolo26n.pt`, 5.5 MB, not pulled." in lines
    assert "| coco_val2017_ap | 0.401 |" in lines


def test_of_a_variant_and_its_model(own_models: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(bytes(2_500_000))
    card = {
        "description": "Quantised | by us.",
        "data": {"pictures": 64, "from": {"cameras": 3}},
        "metrics": {"ap50": {"car": 0.61, "bus": 0.7}, "agreement": 0.98},
    }
    variant = add_variant("yolox_nano", "int8", graph, card)
    lines = markdown(facts(variant)).splitlines()
    assert lines[0] == "# yolox_nano:int8"
    assert "Quantised | by us." in lines
    assert "| licence | Apache-2.0 |" in lines
    assert "| trained on | pictures: 64; from.cameras: 3 |" in lines
    assert [line for line in lines if line.startswith("| made from | yolox_nano (sha256 c789161e")]
    assert {"| ap50.car | 0.61 |", "| ap50.bus | 0.7 |", "| agreement | 0.98 |"} <= set(lines)
    known = facts(load_registry().model("yolox_nano"), tmp_path)
    assert known["variants"]["int8"]["size_bytes"] == 2_500_000
    assert any(line.startswith("| yolox_nano:int8 | 2.5 MB | `") for line in markdown(known).splitlines())


def test_of_what_says_little(own_models: Path) -> None:
    own_models.mkdir()
    source = "{name: a.onnx, sources: [{url: 'https://x/a.onnx'}]}"
    (own_models / "registry.yaml").write_text(
        f"models: {{mine: {{family: yolov8, classes: [tree], licence: mine, unpinned: {source}}}}}\n"
    )
    lines = markdown(facts(load_registry().model("mine"))).splitlines()
    assert {"No description.", "| trained on | not stated |", "None of them plays a role."} <= set(lines)
    assert {
        "`a.onnx`, size not stated, no digest known.",
        "Nobody has established its sha256.",
        "- https://x/a.onnx",
    } <= set(lines)

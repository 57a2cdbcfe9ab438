from pathlib import Path

import pytest

from models.errors import ModelError
from models.registry.entries import load_registry

SHA = "a" * 64


def own(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "registry.yaml"
    path.write_text(text)
    return path


def test_shipped() -> None:
    registry = load_registry()
    default = registry.model("yolov8n")
    assert len(default.class_names) == len(set(default.class_names)) == 80
    assert (default.class_names[0], default.class_names[79]) == ("person", "toothbrush")
    vehicles = {name for name, role in default.roles.items() if role == "vehicle"}
    assert vehicles == {"car", "bus", "truck"}
    assert set(default.roles) <= set(default.class_names)
    assert registry.model("yolox_nano").entry.input_size == 416
    with pytest.raises(ModelError, match="unknown model 'yolo'; known: yolov8n, yolox_nano"):
        registry.model("yolo")
    with pytest.raises(ModelError, match="unknown picture 'tram'; known: bus"):
        registry.picture("tram")


def test_own_goes_over_shipped(own_models: Path) -> None:
    file = f"{{path: a.onnx, sha256: {SHA}}}"
    own(
        own_models,
        f"""
classes: {{two: [car, stall]}}
models:
  yolov8n: {{family: yolov8, classes: coco80, licence: mine, file: {file}}}
  stalls: {{family: yolox, classes: two, licence: mine, file: {file}}}
  roles: {{family: yolox, classes: two, roles: {{stall: goods}}, licence: mine, file: {file}}}
""",
    )
    registry = load_registry()
    assert registry.model("yolov8n").entry.licence == "mine"
    assert registry.model("stalls").class_names == ("car", "stall")
    assert registry.model("stalls").roles == {"car": "vehicle"}  # by the name it has elsewhere
    assert registry.model("roles").roles == {"stall": "goods"}
    assert registry.model("yolox_nano").folder != own_models


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [", "not YAML"),
        ("modles: {}", "modles: unknown key"),
        ("models: {a: {family: yolov8, classes: coco80, licence: x, colour: red}}", r"models\.a\.colour: unknown key"),
        ("models: {a: {family: ssd, classes: coco80, licence: x}}", r"models\.a\.family: .*'yolov8' or 'yolox'"),
        (
            "models: {a: {family: yolov8, classes: coco80, licence: x}}",
            r"models\.a: .*exactly one of checkpoint, onnx, file",
        ),
        ("models: {../a: {family: yolov8, classes: coco80, licence: x}}", r"models\.\.\./a"),
        (
            f"models: {{a: {{family: yolov8, classes: b, licence: x, file: {{path: a.onnx, sha256: {SHA}}}}}}}",
            r"models\.a\.classes: no list 'b'; known: coco80",
        ),
        (
            f"models: {{a: {{family: yolov8, classes: [c], roles: {{d: e}}, licence: x, file: {{path: a, sha256: {SHA}}}}}}}",
            r"models\.a\.roles: 'd' is no class of this model",
        ),
        (
            f"models: {{a: {{family: yolov8, classes: [c], licence: x, file: {{path: ../a, sha256: {SHA}}}}}}}",
            r"models\.a\.file\.path",
        ),
        (
            f"pictures: {{a: {{name: a, sha256: {SHA}, size_bytes: 1, sources: [{{url: 'ftp://x/y'}}]}}}}",
            r"pictures\.a\.sources\.0\.url\.url: ",
        ),
        (f"pictures: {{a: {{name: a, sha256: {SHA}, size_bytes: 1, sources: []}}}}", r"pictures\.a\.sources: "),
        (
            f"pictures: {{a: {{name: a, sha256: {SHA}, size_bytes: 1, sources: [{{package: '--index==1', member: m}}]}}}}",
            r"package: ",
        ),
        (
            "pictures: {a: {name: a, sha256: aa, size_bytes: 1, sources: [{url: 'https://x'}]}}",
            r"pictures\.a\.sha256: ",
        ),
    ],
)
def test_one_line_names_file_and_key(text: str, message: str, own_models: Path) -> None:
    path = own(own_models, text)
    with pytest.raises(ModelError, match=message) as refused:
        load_registry()
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)

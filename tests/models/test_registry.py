from pathlib import Path

import pytest

from models.errors import ModelError
from models.registry.entries import load_registry

SHA = "a" * 64
FILE = f"file: {{path: a, sha256: {SHA}}}"


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
    assert default.roles == {
        "person": "person",
        "bicycle": "two_wheeler",
        "motorcycle": "two_wheeler",
        "car": "vehicle",
        "bus": "vehicle",
        "truck": "vehicle",
        "umbrella": "stall",
        "backpack": "goods",
        "handbag": "goods",
        "suitcase": "goods",
    }
    with pytest.raises(ModelError, match=r"unknown model 'yolo'; known: dfine_n, dfine_s, .*, yolox_tiny"):
        registry.model("yolo")
    with pytest.raises(ModelError, match="unknown picture 'tram'; known: bus"):
        registry.picture("tram")


def test_what_is_promised() -> None:
    shipped = load_registry().models
    assert {
        name: (model.entry.family, model.entry.input_size, model.entry.licence) for name, model in shipped.items()
    } == {
        "yolov8n": ("yolov8", 640, "AGPL-3.0"),
        "yolov8s": ("yolov8", 640, "AGPL-3.0"),
        "yolo11n": ("yolov8", 640, "AGPL-3.0"),
        "yolo26n": ("yolov10", 640, "AGPL-3.0"),
        "yolox_nano": ("yolox", 416, "Apache-2.0"),
        "yolox_tiny": ("yolox", 416, "Apache-2.0"),
        "yolox_s": ("yolox", 640, "Apache-2.0"),
        "dfine_n": ("rtdetr", 640, "Apache-2.0"),
        "dfine_s": ("rtdetr", 640, "Apache-2.0"),
        "rtdetrv2_s": ("rtdetr", 640, "Apache-2.0"),
        "rfdetr_n": ("rfdetr", 384, "Apache-2.0"),
    }
    digests = set()
    for model in shipped.values():
        artifact = model.entry.artifact
        assert artifact
        assert str(artifact.sources[0]).startswith(
            (
                "https://github.com/ultralytics/assets/releases/download/v8.",
                "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/",
                "https://huggingface.co/onnx-community/",
            )
        )
        assert "/resolve/main/" not in str(artifact.sources[0])  # a branch moves, and the digest would not fit any more
        assert artifact.size_bytes
        assert model.entry.card.description
        digests.add(artifact.sha256)
    assert len(digests) == len(shipped)


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


def test_variants(own_models: Path) -> None:
    file = f"{{path: a.onnx, sha256: {SHA}}}"
    own(
        own_models,
        f"""
models:
  mine:
    {{family: yolov8, classes: [car], licence: l, file: {file}, precisions: {{fp16: {{{FILE}}}}}}}
variants:
  yolov8n: {{int8: {{file: {file}, card: {{metrics: {{ap: 0.36}}, created: 2026-11-25}}}}}}
  mine: {{int8: {{file: {{path: c.onnx, sha256: {SHA}}}}}}}
""",
    )
    registry = load_registry()
    variant = registry.model("yolov8n:int8")
    assert (variant.name, variant.precision, variant.folder) == ("yolov8n:int8", "int8", own_models)
    assert variant.entry.file
    assert (variant.entry.file.path, variant.entry.artifact, variant.entry.convert) == ("a.onnx", None, None)
    assert (variant.entry.card.metrics, variant.entry.card.created) == ({"ap": 0.36}, "2026-11-25")
    assert (variant.roles, variant.entry.licence) == (registry.model("yolov8n").roles, "AGPL-3.0")
    assert list(registry.model("mine").variants) == ["fp16", "int8"]  # of the entry and laid over it
    assert [model.name for model in registry.with_variants()][-3:] == ["mine", "mine:fp16", "mine:int8"]
    with pytest.raises(ModelError, match="model 'mine' has no variant 'int4'; known: fp16, int8"):
        registry.model("mine:int4")
    with pytest.raises(ModelError, match="model 'yolo11n' has no variant 'int8'; it has none"):
        registry.model("yolo11n:int8")
    with pytest.raises(ModelError, match="unknown model 'theirs:int8'; known: "):
        registry.model("theirs:int8")


def test_a_digest_that_somebody_vouches_for(own_models: Path) -> None:
    somewhere = "unpinned: {name: a.pt, sources: [{url: 'https://x/a.pt'}]}"
    models = f"""
models:
  onnx: {{family: yolov8, classes: [car], licence: l, {somewhere}}}
  checkpoint: {{family: yolov8, classes: [car], licence: l, {somewhere}, convert: ultralytics}}
"""
    own(own_models, models)
    for name in ("onnx", "checkpoint"):
        assert load_registry().model(name).entry.unpinned
    own(own_models, f"{models}vouched: {{onnx: {SHA}, checkpoint: {SHA}, yolov8n: {SHA}}}")
    registry = load_registry()
    for name, key in (("onnx", "onnx"), ("checkpoint", "checkpoint")):
        entry = registry.model(name).entry
        assert entry.unpinned is None
        assert getattr(entry, key).sha256 == SHA
    default = registry.model("yolov8n").entry.artifact
    assert default
    assert default.sha256 != SHA  # what is pinned stays as it is


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [", "not YAML"),
        ("modles: {}", "modles: unknown key"),
        ("models: {a: {family: yolov8, classes: coco80, licence: x, colour: red}}", r"models\.a\.colour: unknown key"),
        ("models: {a: {family: ssd, classes: coco80, licence: x}}", r"models\.a\.family: .*'yolov8'.*'nms'"),
        (
            "models: {a: {family: yolov8, classes: coco80, licence: x}}",
            r"models\.a: .*exactly one of checkpoint, onnx, unpinned, file",
        ),
        ("models: {../a: {family: yolov8, classes: coco80, licence: x}}", r"models\.\.\./a"),
        (
            f"models: {{a: {{family: yolov8, classes: b, licence: x, file: {{path: a.onnx, sha256: {SHA}}}}}}}",
            r"models\.a\.classes: no list 'b'; known: coco80",
        ),
        (
            f"models: {{a: {{family: yolov8, classes: [c], roles: {{d: goods}}, licence: x, {FILE}}}}}",
            r"models\.a\.roles: 'd' is no class of this model",
        ),
        (
            f"models: {{a: {{family: yolov8, classes: [c], roles: {{c: tree}}, licence: x, {FILE}}}}}",
            r"models\.a\.roles\.c: .*'vehicle', 'two_wheeler', 'person', 'stall', 'goods', 'waste' or 'ignore'",
        ),
        ("roles: {coco80: {car: tree}}", r"roles\.coco80\.car: .*'vehicle'"),
        (
            f"models: {{a: {{family: yolov8, classes: [c], licence: x, convert: ultralytics, {FILE}}}}}",
            r"models\.a: .*checkpoint and convert belong together",
        ),
        (
            f"models: {{a: {{family: yolov8, classes: [c], licence: x, card: {{ap: 1}}, {FILE}}}}}",
            r"models\.a\.card\.ap: unknown key",
        ),
        (
            f"variants: {{a: {{int8: {{file: {{path: a, sha256: {SHA}}}}}}}}}",
            r"variants\.a: no such model; known: dfine_n",
        ),
        (f"variants: {{yolov8n: {{INT-8: {{file: {{path: a, sha256: {SHA}}}}}}}}}", r"variants\.yolov8n\.INT-8"),
        ("variants: {yolov8n: {int8: {}}}", r"variants\.yolov8n\.int8: .*exactly one of onnx, file"),
        (f"vouched: {{a: {SHA}}}", r"vouched\.a: no such model"),
        ("vouched: {yolov8n: abc}", r"vouched\.yolov8n: "),
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

"""Which provider, with which options: pure."""

import json
from pathlib import Path

import pytest

from models.errors import ModelError
from models.runtime.nvidia import device_name
from models.runtime.providers import (
    BUCKETS,
    PROVIDERS,
    Wish,
    batch_sizes,
    bucket_for,
    candidates,
    cuda_options,
    engine_folder,
    openvino_options,
    parse_wish,
    successors,
    tensorrt_options,
)

ALL = ["tensorrt", "cuda", "openvino", "cpu"]


def test_the_order_they_are_tried_in() -> None:
    assert list(PROVIDERS) == ALL
    assert candidates(Wish(None), ["cuda", "cpu"]) == ("cuda", "cpu")


@pytest.mark.parametrize(
    ("asked", "environment", "wish"),
    [
        (None, {}, Wish(None)),
        (None, {"STREETWARDEN_PROVIDER": ""}, Wish(None)),
        ("cuda", {}, Wish("cuda")),
        (None, {"STREETWARDEN_PROVIDER": "cpu"}, Wish("cpu", by_environment=True)),
        ("openvino:bf16", {"STREETWARDEN_PROVIDER": "cpu"}, Wish("openvino", reduced=True)),
        ("cuda:tf32", {}, Wish("cuda", reduced=True)),
    ],
)
def test_what_is_asked_for(asked: str | None, environment: dict[str, str], wish: Wish) -> None:
    assert parse_wish(asked, environment) == wish


@pytest.mark.parametrize("asked", ["cpu:fp16", "tensorrt:fp8", "abacus:fp16"])
def test_a_precision_that_it_does_not_have(asked: str) -> None:
    allowed = "allowed are tensorrt, cuda, openvino, cpu, tensorrt:fp16, cuda:tf32, openvino:bf16"
    with pytest.raises(ModelError, match=f"^provider '{asked}': {allowed}$"):
        parse_wish(asked, {})
    with pytest.raises(ModelError, match=f"^STREETWARDEN_PROVIDER: provider '{asked}': {allowed}$"):
        parse_wish(None, {"STREETWARDEN_PROVIDER": asked})


def test_one_that_is_not_there() -> None:
    with pytest.raises(ModelError, match=r"^provider 'cuda' is not available here: openvino, cpu$"):
        candidates(parse_wish("cuda", {}), ["openvino", "cpu"])


def test_where_to_go_on() -> None:
    assert successors("tensorrt", ALL) == ("cuda", "openvino", "cpu")
    assert successors("cuda", ["tensorrt", "cuda", "cpu"]) == ("cpu",)
    assert successors("cpu", ALL) == ()


def test_sizes_of_batch() -> None:
    free = [("batch", 3, "height", "width"), ("batch", 84, "anchors")]
    assert batch_sizes("cuda", free) == BUCKETS == (1, 2, 4, 8, 16, 32)
    assert batch_sizes("tensorrt", [(4, 3, 640, 640), (4, 84, 8400)]) == (4,)
    assert batch_sizes("openvino", free) == batch_sizes("cpu", free) == (1,)
    # Boxes of all pictures in one list, or no axis at all: a batch could not be parted.
    assert batch_sizes("cuda", [*free, ("boxes", 7)]) == batch_sizes("cuda", [*free, ()]) == (1,)
    assert bucket_for(5, (4,)) == 4


def test_cuda_keeps_float32_unless_asked() -> None:
    assert cuda_options(reduced=False, graphs=True) == [
        ("CUDAExecutionProvider", {"use_tf32": False, "enable_cuda_graph": True})
    ]
    assert cuda_options(reduced=True, graphs=False)[0][1] == {"use_tf32": True, "enable_cuda_graph": False}


def test_tensorrt_builds_one_engine_for_all_sizes() -> None:
    (name, options), (rest, _) = tensorrt_options(
        "images", ("batch", 3, "height", "width"), 640, engines=Path("engines"), reduced=True, graphs=True
    )
    assert (name, rest) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert options == {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": "engines",
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": "engines",
        "trt_fp16_enable": True,
        "trt_cuda_graph_enable": False,
        "trt_profile_min_shapes": "images:1x3x32x32",
        "trt_profile_opt_shapes": "images:8x3x640x640",
        "trt_profile_max_shapes": "images:32x3x640x640",
    }


def test_tensorrt_keeps_what_the_graph_fixes() -> None:
    fixed = tensorrt_options("images", (1, 3, 416, 416), 640, engines=Path("e"), reduced=False, graphs=True)[0][1]
    assert fixed["trt_cuda_graph_enable"]
    assert not [key for key in fixed if "profile" in key]
    free_batch = tensorrt_options("x", (None, 3, 416, 416), 640, engines=Path("e"), reduced=False, graphs=True)[0][1]
    assert free_batch["trt_profile_max_shapes"] == "x:32x3x416x416"
    assert not free_batch["trt_cuda_graph_enable"]
    unrecorded = tensorrt_options("x", (1, 3, 416, 416), 640, engines=Path("e"), reduced=False, graphs=False)[0][1]
    assert not unrecorded["trt_cuda_graph_enable"]


def test_openvino_computes_in_float32_on_one_thread_a_run() -> None:
    ((name, options),) = openvino_options(reduced=False)
    assert name == "OpenVINOExecutionProvider"
    assert json.loads(options["load_config"]) == {
        "CPU": {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": "1",
            "NUM_STREAMS": "1",
            "ENABLE_CPU_PINNING": "NO",
        }
    }
    assert '"bf16"' in openvino_options(reduced=True)[0][1]["load_config"]


def test_engines_are_kept_apart_by_model_version_and_device() -> None:
    same = {"model_sha256": "ab" * 32, "runtime": "1.31.1-trt10.13", "device": "NVIDIA L4"}
    others = [{"model_sha256": "cd" * 32}, {"runtime": "1.32.0-trt10.13"}, {"device": "NVIDIA T4"}]
    folders = [engine_folder(Path("c"), **{**same, **other}) for other in ({}, *others)]
    assert len(set(folders)) == 4
    assert folders[0] == Path("c/engines/abababababababab-1.31.1-trt10.13-nvidia-l4")


def test_the_device_is_named_by_its_driver(tmp_path: Path) -> None:
    assert device_name(tmp_path) == "gpu"
    (tmp_path / "0000:01:00.0").mkdir()
    (tmp_path / "0000:01:00.0" / "information").write_text("Model: \t\t NVIDIA L4\nIRQ:   \t\t 42\n")
    assert device_name(tmp_path) == "NVIDIA L4"

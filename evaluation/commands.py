"""The sub-commands of this room: `streetwarden evaluate`, `bench` and `simulate`."""

from __future__ import annotations

import json
import logging
import random
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from evaluation.benches.command import api, cameras, peers
from evaluation.running.command import bench_evaluate, evaluate

__all__ = ["bench", "evaluate", "simulate"]


@click.group()
def bench() -> None:
    """Measure throughput and latency; JSON on standard output."""


bench.add_command(api)
bench.add_command(bench_evaluate)
bench.add_command(cameras)
bench.add_command(peers)


@bench.command()
@click.argument("clip", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
def patrol(clip: Path | None, model: str) -> None:
    """What watching a quiet street costs, beside a bare keyframe loop; on the sample camera's film if no CLIP is given."""
    from evaluation.bench_patrol import bench_patrol  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from evaluation.sample.film import cached_sample  # noqa: PLC0415

    click.echo(json.dumps(bench_patrol(clip or cached_sample().path, model), indent=1))


@bench.command()
def lookback() -> None:
    """What decoding the last 20 s again costs, beside a bare decode of the same packets; 1080p, H.264 and H.265.

    Composes its footage at the first call, which takes some minutes.
    """
    from evaluation.bench_lookback import bench_lookback  # noqa: PLC0415 - loads PyAV; --help must not

    click.echo(json.dumps(bench_lookback(), indent=1))


@bench.command()
@click.argument(
    "source", type=click.Path(path_type=Path, dir_okay=False), required=False, metavar="[CLIP|DATASET.yaml]"
)
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
def rules(source: Path | None, model: str) -> None:
    """What following and judging cost for each sample: of a dataset's cameras as they are, or of a clip with all rules at once.

    On the sample camera's film if nothing is given.
    """
    from evaluation.bench_rules import bench_rules  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from evaluation.sample.film import cached_sample  # noqa: PLC0415

    click.echo(json.dumps(bench_rules(source or cached_sample().path, model), indent=1))


@bench.command()
@click.argument("dataset", type=click.Path(path_type=Path, dir_okay=False), metavar="DATASET.yaml")
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
@click.option("--jobs", type=click.IntRange(min=1), help="Clips at once; one for each core if not given.")
def rates(dataset: Path, model: str, jobs: int | None) -> None:
    """Patrol beside the analysis of every picture, on the clips of DATASET.yaml: what each finds, and how far apart."""
    from evaluation.bench_rates import bench_rates  # noqa: PLC0415 - loads the detector's libraries; --help must not

    click.echo(json.dumps(bench_rates(dataset, model, jobs), indent=1))


@bench.command()
@click.argument(
    "source", type=click.Path(path_type=Path, dir_okay=False), required=False, metavar="[CLIP|DATASET.yaml]"
)
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
def gate(source: Path | None, model: str) -> None:
    """What the change gate saves, costs and misses; on the sample camera's film if nothing is given."""
    from evaluation.bench_gate import bench_gate  # noqa: PLC0415 - loads the detector's libraries; --help must not
    from evaluation.sample.film import cached_sample  # noqa: PLC0415

    click.echo(json.dumps(bench_gate(source or cached_sample(), model), indent=1))


@bench.command()
@click.argument(
    "cameras", type=click.Path(path_type=Path, dir_okay=False), nargs=-1, required=True, metavar="CAMERAS.yaml..."
)
@click.option(
    "--dataset", type=click.Path(path_type=Path, dir_okay=False), help="Score the incidents of its clips, too."
)
@click.option("--looks", "looks_max", type=click.IntRange(min=1), default=20, show_default=True, help="Of each camera.")
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
def regions(cameras: tuple[Path, ...], dataset: Path | None, looks_max: int, model: str) -> None:
    """What looking at zones instead of whole pictures costs, finds and invents; sources are recorded clips."""
    from evaluation.bench_regions import bench_regions  # noqa: PLC0415 - loads the detector's libraries; --help must not

    click.echo(json.dumps(bench_regions(cameras, model, dataset=dataset, looks_max=looks_max), indent=1))


@bench.command()
@click.argument(
    "clips", type=click.Path(path_type=Path, dir_okay=False), nargs=-1, required=True, metavar="CAMERAS.yaml|CLIP..."
)
@click.option("--model", default="yolov8n", show_default=True, help="A name that `streetwarden models list` shows.")
def appearance(clips: tuple[Path, ...], model: str) -> None:
    """How surely a vehicle is recognised again by its looks, and told from its successor in the same place."""
    from evaluation.bench_appearance import bench_appearance  # noqa: PLC0415 - loads the detector's libraries; --help must not

    click.echo(json.dumps(bench_appearance(clips, model), indent=1))


@bench.command()
@click.option("--model", default="yolov8n", show_default=True, help="As `models list` shows it; with its variants.")
@click.option("--provider", help="tensorrt, cuda, openvino or cpu, or as tensorrt:fp16; default: the best one.")
@click.option("--cameras", type=click.IntRange(min=1), default=50, show_default=True)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=12, show_default=True, help="Figures are medians over them."
)
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=4.0, show_default=True, help="For each turn of a round."
)
def models(model: str, provider: str | None, cameras: int, rounds: int, seconds: float) -> None:
    """What serving a model to many cameras costs, beside a bare loop around the runtime."""
    from evaluation.bench_models import bench_models  # noqa: PLC0415 - loads the detector's libraries; --help must not

    click.echo(json.dumps(bench_models(model, provider, cameras, rounds, seconds), indent=1))


@bench.command()
@click.option("--cameras", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--minutes", type=float, default=15.0, show_default=True)
def streams(cameras: int, minutes: float) -> None:
    """What everything but inference costs: many paced 1080p cameras at 4 Mb/s in one worker.

    Composes its footage at the first call, which takes some minutes.
    """
    from evaluation.bench_streams import bench_streams  # noqa: PLC0415 - loads the detector's libraries; --help must not

    click.echo(json.dumps(bench_streams(cameras, minutes), indent=1))


@bench.command()
@click.option("--hours", type=click.IntRange(min=3), default=24, show_default=True, help="Simulated, not real ones.")
@click.option("--cameras", type=click.IntRange(min=1), default=4, show_default=True)
def soak(hours: int, cameras: int) -> None:
    """Whether memory stays where it was, over a simulated day of faults."""
    from evaluation.bench_soak import bench_soak  # noqa: PLC0415 - loads PyAV; --help must not

    logging.getLogger("streams").setLevel(logging.ERROR)  # what goes wrong is counted, and wanted
    click.echo(json.dumps(bench_soak(hours, cameras), indent=1))


@bench.command()
@click.option("--cameras", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--minutes", type=float, default=60.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the faults.")
def faults(cameras: int, minutes: float, seed: int) -> None:
    """Whether every camera is live again after an hour of random faults; over RTSP, from `simulate`."""
    from evaluation.bench_faults import bench_faults  # noqa: PLC0415 - loads the detector's libraries; --help must not

    click.echo(json.dumps(bench_faults(cameras, minutes, seed), indent=1))


@bench.command()
@click.option("--cameras", type=click.IntRange(min=1), default=1000, show_default=True)
def dead(cameras: int) -> None:
    """What trying again costs, when all cameras have been away for long."""
    from evaluation.bench_dead import bench_dead  # noqa: PLC0415 - loads PyAV; --help must not

    logging.getLogger("streams").setLevel(logging.ERROR)  # what goes wrong is counted, and wanted
    click.echo(json.dumps(bench_dead(cameras), indent=1))


@click.command("simulate")
@click.argument("clips", type=click.Path(path_type=Path, dir_okay=False), metavar="CLIP...", nargs=-1, required=True)
@click.option("--cameras", type=click.IntRange(min=1), help="How many; one for each clip if not given.")
@click.option("--port", type=click.IntRange(0, 65535), default=8554, show_default=True, help="0 takes a free one.")
@click.option("--once", is_flag=True, help="Play each clip once, for whoever comes first, instead of round and round.")
@click.option("--faults", type=click.Choice(["none", "random"]), default="none", show_default=True)
@click.option("--seed", type=int, help="Of the random faults; chosen and printed if not given.")
@click.option("--calm-after", type=float, metavar="MINUTES", help="No fault begins after this time.")
@click.option("--minutes", type=float, help="End after this time; with Ctrl-C if not given.")
@click.option("--transport", type=click.Choice(["any", "tcp", "udp"]), default="any", show_default=True)
@click.option("--login", metavar="USER:PASSWORD", help="What clients have to give.")
@click.option("--auth", type=click.Choice(["digest", "basic"]), default="digest", show_default=True)
@click.option("--tls", is_flag=True, help="rtsps, with a certificate that the server signs itself.")
def simulate(clips: tuple[Path, ...], **options: Any) -> None:
    """Serve recorded clips as live RTSP cameras on 127.0.0.1, with faults on request.

    Prints a JSON line for each camera, for each beginning and end of a fault, and, at the end, what was counted. All cameras
    are healthy when it ends.
    """
    from evaluation.simulate import Access, Simulator  # noqa: PLC0415 - loads PyAV; --help must not
    from evaluation.simulator.faults import mishaps, turns  # noqa: PLC0415
    from evaluation.simulator.mischief import carry_out  # noqa: PLC0415

    def minutes(name: str) -> float:
        return float("inf") if options[name] is None else options[name] * 60.0

    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    seed = random.randrange(2**32) if options["seed"] is None else options["seed"]  # noqa: S311 - chance, not a secret
    access = Access(**{key: options[key] for key in ("login", "auth", "tls", "transport")})
    simulator = Simulator(
        clips, cameras=options["cameras"], port=options["port"], loop=not options["once"], access=access, seed=seed
    )
    with simulator:
        for camera in range(simulator.cameras):
            clip = simulator.clip_of(camera)
            _say({"event": "camera", "camera": camera, "url": simulator.url(camera), "clip": str(clip), "seed": seed})
        random_ones = mishaps(simulator.same_codec, seed) if options["faults"] == "random" else iter(())
        plan = turns(random_ones, minutes("calm_after"))
        carry_out(simulator, plan, _say, stopped=stopped, end_s=minutes("minutes"))
        _say({"event": "end", "cameras": [asdict(camera) for camera in simulator.status()]})


def _say(line: dict[str, Any]) -> None:
    click.echo(json.dumps(line, ensure_ascii=False))

"""Annotations of other tools: read, written, and there and back again over a clip with uneven times."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evaluation.datasets.annotations import Annotations
from evaluation.datasets.command import dataset
from evaluation.datasets.formats import FORMATS
from evaluation.datasets.formats.layout import ClipFacts
from evaluation.datasets.transfer import bring_in, take_out
from evaluation.errors import EvaluationError
from tests.evaluation.clips import write_camera, write_clip, write_dataset

# 80 pictures: ten a second, but for a gap of 2 s after the 20th. Picture 20 is at 4.0 s, picture 79 at 9.9 s.
TIMES_S = [number / 10 + (2 if number >= 20 else 0) for number in range(80)]
FACTS = ClipFacts("a.mp4", (320, 240), 80, 8.0)
LAWN = {"id": "lawn", "kind": "no_dumping", "polygon": [[0, 0.9], [1, 0.9], [1, 1], [0, 1]], "dwell_s": 1.0}
# In whole pixels of 320 x 240, so that nothing is rounded away: 64/320, 48/240, 128/320, 96/240.
BOX = [0.2, 0.2, 0.4, 0.4]
STOOD: dict[str, Any] = {
    "type": "illegal_parking",
    "zone": "kerb",
    "onset_s": 1.0,
    "alarm_s": 3.0,
    "end_s": 5.0,
    "box": BOX,
}
LAY: dict[str, Any] = {
    "type": "dumping",
    "zone": "lawn",
    "onset_s": 4.0,
    "alarm_s": 5.0,
    "end_s": None,
    "box": [0.5, 0.8, 0.6, 0.95],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "a.mp4", TIMES_S)
    write_camera(tmp_path, "a.mp4", None, LAWN)
    return tmp_path


def incidents(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["incidents"]
    return found


@pytest.mark.parametrize("name", ["mot", "actev", "canal"])
def test_there_and_back_again(folder: Path, name: str) -> None:
    began = {**STOOD, "onset_s": None, "alarm_s": 2.0, "box": [0.5, 0.2, 0.6, 0.4]}
    write_dataset(folder, began, STOOD, LAY, duration_s=9.94)
    cameras, out = folder / "a.camera.yaml", folder / f"out.{name}"
    taken = take_out(FORMATS[name], folder / "a.truth.json", cameras, out, types={})
    assert (taken.incidents, taken.problems) == (3, ())
    back = bring_in(FORMATS[name], out, cameras, folder / "back.json", types={})
    assert back.problems == ()
    for before, after in zip((began, STOOD, LAY), incidents(folder / "back.json"), strict=True):
        assert after == {**before, "box": pytest.approx(before["box"], abs=1e-6)}


@pytest.mark.parametrize("name", ["mot", "actev", "canal"])
def test_what_the_detector_reported_goes_out_with_its_score(folder: Path, name: str) -> None:
    one = {"id": "i1", "camera": "a", "score": 0.75, "confirmed_s": 3.2, "ended_s": 5.0, **STOOD}
    unconfirmed = {**one, "id": "i2", "confirmed_s": None}
    elsewhere = {**one, "id": "i3", "camera": "b"}
    source = folder / "incidents.json"
    source.write_text(json.dumps({"schema": 1, "sources": [], "incidents": [one, unconfirmed, elsewhere]}))
    cameras, out = folder / "a.camera.yaml", folder / "out"
    assert take_out(FORMATS[name], source, cameras, out, types={}).incidents == 1
    bring_in(FORMATS[name], out, cameras, folder / "back.json", types={}, as_report=True)
    (back,) = incidents(folder / "back.json")
    assert (back["onset_s"], back["ended_s"], back["confirmed_s"]) == (1.0, 5.0, 3.0)
    assert back["score"] == (1.0 if name == "mot" else 0.75)  # ground truth of MOT has no score


def test_actev_as_the_scorer_reads_it(folder: Path) -> None:
    write_dataset(folder, STOOD)
    take_out(FORMATS["actev"], folder / "a.truth.json", folder / "a.camera.yaml", folder / "out.json", types={})
    written = json.loads((folder / "out.json").read_text())
    assert written["filesProcessed"] == ["a.mp4"]
    (activity,) = written["activities"]
    # 1.0 s is picture 10, the eleventh; 5.0 s is 4.0 + 10 pictures, picture 30, the first without it, the 31st.
    assert activity["localization"] == {"a.mp4": {"11": 1, "31": 0}}
    assert (activity["activity"], activity["activityID"], activity["presenceConf"]) == ("illegal_parking", 1, 1.0)
    (thing,) = activity["objects"]
    assert thing["localization"]["a.mp4"]["11"]["boundingBox"] == {"x": 64, "y": 48, "w": 64, "h": 48}
    assert thing["localization"]["a.mp4"]["31"] == {}


def test_actev_refuses_a_name_that_its_scorer_would_refuse(tmp_path: Path) -> None:
    write = FORMATS["actev"].write
    assert write is not None
    with pytest.raises(EvaluationError, match=r"街口\.mp4: ActEV allows file names of letters"):
        write(tmp_path / "out.json", replace(FACTS, name="街口.mp4"), 1, Annotations(()))


def test_actev_without_objects_takes_the_bounds_of_the_zone(folder: Path) -> None:
    source = folder / "in.json"
    activity = {"activity": "vehicle_stops", "activityID": 7, "localization": {"a.mp4": {"11": 1, "41": 0}}}
    other = {"activity": "Talking", "activityID": 8, "localization": {"a.mp4": {"1": 1, "9": 0}}}
    elsewhere = {**activity, "localization": {"b.mp4": {"1": 1, "9": 0}}}
    source.write_text(json.dumps({"activities": [activity, other, other, elsewhere]}))
    done = bring_in(
        FORMATS["actev"],
        source,
        folder / "a.camera.yaml",
        folder / "back.json",
        types={"vehicle_stops": "illegal_parking"},
    )
    (incident,) = incidents(folder / "back.json")
    assert incident["box"] == [0.1, 0.1, 0.9, 0.9]
    assert done.problems == (
        "activity in another file than a.mp4: 1 left out",
        "category 'Talking' is unknown (--category Talking=TYPE tells): 2 left out",
        "without a box: 1 took the bounds of their zone",
    )


def test_canal_as_the_contest_has_it(folder: Path) -> None:
    write_dataset(folder, STOOD)
    take_out(FORMATS["canal"], folder / "a.truth.json", folder / "a.camera.yaml", folder / "out.json", types={})
    written = json.loads((folder / "out.json").read_text())
    assert [entry["frame_id"] for entry in written] == list(range(10, 30))
    assert written[0] == {"frame_id": 10, "event_id": 1, "category": "机动车违停", "bbox": [64, 48, 128, 96]}


def test_canal_every_tenth_picture_and_a_category_that_we_do_not_know(folder: Path) -> None:
    entry = {"event_id": 1, "category": "机动车违停", "bbox": [64, 48, 128, 96]}
    # Every tenth picture up to 70, of 80: the next would have been 80, so it was still there at the end.
    entries = [{**entry, "frame_id": frame} for frame in range(10, 80, 10)]
    entries += [{**entry, "frame_id": 20, "event_id": 2, "category": "垃圾桶满溢"}]
    (folder / "in.json").write_text(json.dumps(entries, ensure_ascii=False))
    done = bring_in(FORMATS["canal"], folder / "in.json", folder / "a.camera.yaml", folder / "back.json", types={})
    (incident,) = incidents(folder / "back.json")
    assert (incident["onset_s"], incident["alarm_s"], incident["end_s"]) == (1.0, 3.0, None)
    assert done.problems == ("category '垃圾桶满溢' is unknown (--category 垃圾桶满溢=TYPE tells): 1 left out",)


def test_mot_rows_that_do_not_count(folder: Path) -> None:
    sequence = folder / "seq"
    (sequence / "gt").mkdir(parents=True)
    (sequence / "seqinfo.ini").write_text("[Sequence]\nname=x\nimWidth=320\nimHeight=240\nseqLength=80\nframeRate=8\n")
    rows = [f"{frame},4,65,49,64,48,1,3,1" for frame in range(1, 41)]  # the challenge's pixel 65 is our 64
    rows += ["1,5,65,49,64,48,0,3,1", "1,6,900,49,64,48,1,3,1"]
    (sequence / "gt" / "gt.txt").write_text("\n".join(rows) + "\n")
    annotations = FORMATS["mot"].read(sequence, FACTS, 1)
    (event,) = annotations.events
    assert (event.id, event.category, event.first, event.last) == ("4", "3", 0, 39)
    assert event.sightings[0].box == pytest.approx(BOX)
    assert annotations.problems == (
        "row that is not to be considered: 1 left out",
        "row whose box is empty or outside the frame: 1 left out",
    )
    (sequence / "gt" / "gt.txt").write_text("1,4,65,49,64,48\n1,x,1,1,1,1\n")
    with pytest.raises(EvaluationError, match=r"gt\.txt:2: is not all numbers"):
        FORMATS["mot"].read(sequence, FACTS, 1)


def test_coco_pictures(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    annotation = {"category_id": 1, "bbox": [64, 48, 64, 48]}
    content = {
        "images": [
            {"id": 1, "width": 320, "height": 240, "file_name": "street_3.jpg"},
            {"id": 2, "width": 640, "height": 480, "frame_id": 9},
        ],
        "categories": [{"id": 1, "name": "van"}],
        "annotations": [
            {**annotation, "image_id": 1, "track_id": 5},
            {**annotation, "image_id": 2, "bbox": [128, 96, 128, 96], "attributes": {"track_id": 5}},
            {**annotation, "image_id": 2},
            {**annotation, "image_id": 2, "track_id": 6, "iscrowd": 1},
            {**annotation, "image_id": 3, "track_id": 5},
        ],
    }
    path.write_text(json.dumps(content))
    annotations = FORMATS["coco"].read(path, FACTS, 0)
    (event,) = annotations.events
    assert (event.id, event.category, event.first, event.last) == ("5", "van", 3, 9)
    assert [sighting.box for sighting in event.sightings] == [pytest.approx(BOX)] * 2
    assert sorted(annotations.problems) == [
        "annotation of a crowd: 1 left out",
        "annotation of a picture that is not listed: 1 left out",
        "annotation without track_id: what lasts can't be told: 1 left out",
    ]


def cvat(*tracks: str) -> str:
    meta = "<meta><task><original_size><width>320</width><height>240</height></original_size></task></meta>"
    return f"<?xml version='1.0'?><annotations><version>1.1</version>{meta}{''.join(tracks)}</annotations>"


def box(frame: int, attributes: str = "", outside: int = 0) -> str:
    place = 'xtl="64" ytl="48" xbr="128" ybr="96"'
    return f'<box frame="{frame}" outside="{outside}" occluded="0" keyframe="1" {place}>{attributes}</box>'


def attribute(name: str, value: str) -> str:
    return f'<attribute name="{name}">{value}</attribute>'


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        # An attribute that changes: two incidents of one track.
        (
            '<track id="3" label="car">'
            + box(0, attribute("incident", "none"))
            + box(1, attribute("incident", "illegal_parking"))
            + box(5, attribute("incident", "illegal_parking"))
            + box(6, attribute("incident", ""))
            + box(7, attribute("incident", "dumping"))
            + "</track>",
            [("3.0", "illegal_parking", 1, 5, None), ("3.1", "dumping", 7, 7, None)],
        ),
        # A label `incident` with a type and a zone, over at an outside box.
        (
            '<track id="4" label="incident">'
            + "".join(
                box(frame, attribute("type", "dumping") + attribute("zone", "lawn"), int(frame == 9))
                for frame in (2, 8, 9)
            )
            + "</track>",
            [("4", "dumping", 2, 8, "lawn")],
        ),
        # Keyframes alone: it lasts up to the picture before the one that ends it.
        (
            '<track id="6" label="dumping">' + box(2) + box(9, outside=1) + "</track>",
            [("6", "dumping", 2, 8, None)],
        ),
        # A label that is a category.
        ('<track id="5" label="street_vending">' + box(1) + box(4) + "</track>", [("5", "street_vending", 1, 4, None)]),
    ],
)
def test_cvat_tracks(tmp_path: Path, track: str, expected: list[tuple[object, ...]]) -> None:
    path = tmp_path / "cvat.xml"
    path.write_text(cvat(track, '<track id="9" label="x"><polygon frame="1" points="1,1;2,2;3,1"/></track>'))
    annotations = FORMATS["cvat"].read(path, FACTS, 0)
    assert [(e.id, e.category, e.first, e.last, e.zone) for e in annotations.events] == expected
    assert annotations.events[0].sightings[0].box == pytest.approx(BOX)
    assert annotations.problems == ("shape 'polygon' of a track: 1 left out",)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<annotations", "is not XML"),
        ("<other/>", "its root is 'other'"),
        ("<annotations><image/></annotations>", "XML for images"),
    ],
)
def test_what_is_not_cvat_is_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "cvat.xml"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=named):
        FORMATS["cvat"].read(path, FACTS, 0)


def test_cvat_reads_no_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("dumping")
    entity = f'<!DOCTYPE annotations [<!ENTITY x SYSTEM "{tmp_path / "secret"}">]>'
    track = '<track id="1" label="incident">' + box(1, attribute("type", "&x;")) + "</track>"
    path = tmp_path / "cvat.xml"
    path.write_text(cvat(track).replace("<annotations>", f"{entity}<annotations>"))
    assert FORMATS["cvat"].read(path, FACTS, 0).events == ()


@pytest.mark.parametrize(
    ("frames", "bbox", "reason"),
    [
        (range(10, 25), [64, 48, 128, 96], None),  # 1.0 s to 4.5 s, dwell 2 s
        (range(10, 15), [64, 48, 128, 96], "was over before the dwell of 2 s"),
        (range(10, 25), [0, 0, 10, 10], "stands in no zone that can give it"),
        (range(70, 95), [64, 48, 128, 96], "lies outside the clip's 80 pictures"),
    ],
)
def test_what_is_no_incident_is_counted(folder: Path, frames: range, bbox: list[int], reason: str | None) -> None:
    entries = [{"frame_id": frame, "event_id": 1, "category": "illegal_parking", "bbox": bbox} for frame in frames]
    (folder / "in.json").write_text(json.dumps(entries))
    done = bring_in(FORMATS["canal"], folder / "in.json", folder / "a.camera.yaml", folder / "back.json", types={})
    assert done.incidents == (reason is None)
    assert done.problems == (() if reason is None else (f"illegal_parking: {reason}: 1 left out",))


def test_the_command(folder: Path) -> None:
    write_dataset(folder, STOOD)
    run = CliRunner()
    common = ["--cameras", str(folder / "a.camera.yaml"), "--out"]
    taken = run.invoke(dataset, ["export", "canal", str(folder / "a.truth.json"), *common, str(folder / "c.json")])
    assert taken.exit_code == 0, taken.output
    back = run.invoke(dataset, ["import", "canal", str(folder / "c.json"), *common, str(folder / "back.json")])
    assert back.stdout == f"incidents 1; see {folder / 'back.json'}\n"
    for arguments, named in [
        (["export", "coco", str(folder / "a.truth.json"), *common, "x"], "coco is only read"),
        (
            ["import", "kitti", "x", *common, "x"],
            "format 'kitti' is unknown: allowed are mot, coco, cvat, actev, canal",
        ),
        (["import", "canal", "x", "--category", "a=b", *common, "x"], "--category a=b: allowed is NAME=TYPE"),
        (["import", "canal", str(folder / "c.json"), "--zone", "x", *common, "x"], "allowed are kerb, lawn"),
    ]:
        result = run.invoke(dataset, arguments)
        assert isinstance(result.exception, EvaluationError), result.output
        assert named in str(result.exception)

"""Recordings in which something is empty, absent, or in another place than in the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.data import DatasetFolder
from asot.data.origin import origin_path, read_origin
from asot.errors import DataError
from asot.inputs.extract import Extraction, extract
from asot.inputs.find import find_inputs, take_shard
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.inputs.shared import Look, agree
from asot.progress import silent
from asot.runs.stick_figures import stick_figure
from asot.shards import Shard

NAMES = ("ax", "ay", "az", "gx", "gy", "gz")


def write(
    path: Path,
    rng: np.random.Generator,
    names: tuple[str, ...] = NAMES,
    empty: tuple[str, ...] = (),
    rate: float = 20.0,
) -> np.ndarray:
    """Write a log of ten seconds, with named columns that hold nothing; return its values."""
    values = rng.normal(size=(round(10 * rate), len(names)))
    rows = [",".join(("time", *names))]
    for i, row in enumerate(values):
        cells = ("" if one in empty else f"{v:.6f}" for one, v in zip(names, row, strict=True))
        rows.append(",".join((f"{i / rate:.6f}", *cells)))
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return values


def make(
    folder: Path,
    root: Path,
    shard: str | None = None,
    expected: dict | None = None,
    **settings: object,
) -> Extraction:
    everyone = find_inputs([folder])
    series = SeriesSettings(**settings)  # type: ignore[arg-type]
    inputs = take_shard(everyone, None if shard is None else Shard.of(shard))
    return extract(inputs, root, VideoSettings(), series, silent, expected, shared_with=everyone)


def columns(root: Path, name: str) -> list[str]:
    origin = read_origin(origin_path(root, name))
    assert origin is not None
    return list(origin.media["columns"])


def manner(look: Look, width: int) -> str:
    return f"{look.rate}"


@pytest.mark.parametrize("how", ["empty", "absent", "swapped", "extra"])
def test_a_recording_that_differs_leaves_what_all_share(
    how: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    logs, root = tmp_path / "logs", tmp_path / "data"
    write(logs / "a.csv", rng)
    write(logs / "b.csv", rng)
    names = {"absent": NAMES[:4], "swapped": NAMES[::-1], "extra": (*NAMES, "gps")}.get(how, NAMES)
    write(logs / "c.csv", rng, names, NAMES[4:] if how == "empty" else ())
    outcome = make(logs, root)
    assert outcome.made == ["a", "b", "c"]
    shared = NAMES[:4] if how in ("empty", "absent") else NAMES
    for name in "abc":
        assert columns(root, name) == list(shared)
    widths = {one.width for one in DatasetFolder(root).recordings()}
    assert len(widths) == 1
    said = " ".join(outcome.remarks.get("c", []))
    if how in ("empty", "absent"):
        assert "Lacks 'gy', 'gz', left out of all recordings: --columns with the names" in said
    elif how == "extra":
        assert "Left out, as other recordings lack it: 'gps'." in said
    else:
        assert not said
    assert not {"a", "b"} & outcome.remarks.keys()


def test_columns_in_another_order_are_the_same_signals(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    write(tmp_path / "logs" / "a.csv", rng)
    values = write(tmp_path / "logs" / "b.csv", rng, NAMES[::-1])
    make(tmp_path / "logs", tmp_path / "data", window_s=0.0, frame_rate=20.0)
    features = np.load(tmp_path / "data" / "features" / "b.npy")
    np.testing.assert_allclose(features, values[:, ::-1], atol=1e-5)


def test_an_odd_recording_is_listed_and_shrinks_nobody(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    logs, root = tmp_path / "logs", tmp_path / "data"
    for name in ("b", "c"):
        write(logs / f"{name}.csv", rng)
    write(logs / "a.csv", rng, ("ax", "temperature"))
    outcome = make(logs, root)
    assert outcome.made == ["b", "c"]
    assert columns(root, "b") == list(NAMES)
    assert (
        "a.csv: shares too little with other recordings: it has 'ax', 'temperature', and "
        in (outcome.failed["a"])
    )


def test_another_kind_and_another_rate_are_listed(tmp_path: Path, rng: np.random.Generator) -> None:
    logs, root = tmp_path / "logs", tmp_path / "data"
    for name in "abc":
        write(logs / f"{name}.csv", rng)
    write(logs / "slow.csv", rng, rate=2.0)
    np.save(logs / "ready.npy", np.zeros((30, 6)))
    outcome = make(logs, root)
    assert outcome.made == ["a", "b", "c"]
    assert (
        "holds features that are ready, but most recordings hold signals"
        in (outcome.failed["ready"])
    )
    assert (
        "has 2 rows a second, which gives 2 rows of features a second, but most"
        in (outcome.failed["slow"])
    )
    outcome = make(logs, root, frame_rate=2.0, window_s=0.0)
    assert outcome.usable == 4, "the cure of the sentence"
    assert len(DatasetFolder(root).recordings()) == 4


def test_arrays_of_other_widths_are_listed_where_most_have_one(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name, width in (("a", 3), ("b", 4), ("c", 4)):
        np.save(logs / f"{name}.npy", np.ones((30, width)))
    outcome = make(logs, tmp_path / "data")
    assert (outcome.made, list(outcome.failed)) == (["b", "c"], ["a"])
    assert make(logs, tmp_path / "signals", rate=10.0).made == ["b", "c"], "numbers are no names"


def test_earlier_features_of_what_is_odd_now_go(tmp_path: Path, rng: np.random.Generator) -> None:
    logs, root = tmp_path / "logs", tmp_path / "data"
    logs.mkdir()
    np.save(logs / "a.npy", np.ones((30, 3)))
    assert make(logs, root).made == ["a"]
    for name in "bc":
        np.save(logs / f"{name}.npy", np.ones((30, 4)))
    outcome = make(logs, root)
    assert (outcome.made, list(outcome.failed)) == (["b", "c"], ["a"])
    assert len(DatasetFolder(root).recordings()) == 2
    write(tmp_path / "slow" / "a.csv", rng, rate=2.0)
    assert make(tmp_path / "slow", tmp_path / "other").made == ["a"]
    for name in "bc":
        write(tmp_path / "slow" / f"{name}.csv", rng)
    outcome = make(tmp_path / "slow", tmp_path / "other")
    assert (outcome.made, list(outcome.failed)) == (["b", "c"], ["a"])
    assert len(DatasetFolder(tmp_path / "other").recordings()) == 2


def test_what_came_later_is_made_of_the_same_and_changes_back(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    logs, root = tmp_path / "logs", tmp_path / "data"
    for name in "ab":
        write(logs / f"{name}.csv", rng)
    assert make(logs, root).made == ["a", "b"]
    write(logs / "c.csv", rng, NAMES[:5])
    assert make(logs, root).made == ["a", "b", "c"], "features of more columns are made anew"
    assert columns(root, "a") == list(NAMES[:5])
    outcome = make(logs, root)
    assert outcome.kept == ["a", "b", "c"]
    assert "Lacks 'gz'" in outcome.remarks["c"][0]
    (logs / "c.csv").unlink()
    (root / "features" / "c.npy").unlink()
    assert make(logs, root).made == ["a", "b"]
    assert columns(root, "a") == list(NAMES)


def test_shards_agree_without_seeing_each_other(tmp_path: Path, rng: np.random.Generator) -> None:
    logs, root = tmp_path / "logs", tmp_path / "data"
    for name in "abcd":
        write(logs / f"{name}.csv", rng, NAMES[:5] if name == "d" else NAMES)
    for shard in ("1/4", "2/4", "3/4", "4/4"):
        assert len(make(logs, root, shard).made) == 1
    assert len(DatasetFolder(root).recordings()) == 4


def test_the_columns_of_a_model_decide(tmp_path: Path, rng: np.random.Generator) -> None:
    logs, root = tmp_path / "logs", tmp_path / "data"
    for name in "ab":
        write(tmp_path / "old" / f"{name}.csv", rng, NAMES[:4])
    make(tmp_path / "old", root)
    origin = read_origin(origin_path(root, "a"))
    assert origin is not None
    expected = json.loads(json.dumps(origin.extractor))
    write(logs / "same.csv", rng, NAMES[:4])
    write(logs / "more.csv", rng, NAMES[::-1])
    whole = write(logs / "whole.csv", rng, ("AX", "ay [g]", "a-z", "gx"))
    text = (logs / "whole.csv").read_text().splitlines()
    kept = [0, 2, 4]  # the clock, ay and gx
    less = [",".join(line.split(",")[i] for i in kept) for line in text]
    (logs / "less.csv").write_text("\n".join(less))
    write(logs / "other.csv", rng, ("temperature", "light"))
    outcome = make(logs, tmp_path / "new", expected=expected)
    assert outcome.made == ["less", "more", "same", "whole"]
    assert "has nothing of what the model knows, 'ax', 'ay'" in outcome.failed["other"]
    assert "the model does not know it: 'gz', 'gy'" in outcome.remarks["more"][0]
    assert outcome.remarks["less"] == [
        "Does without 2 of the 4 signals that the model knows (50 %): 'ax', 'az'.",
        "Taken by the letters and digits of their names: 'ay [g] for ay'.",
    ]
    for name in outcome.made:
        made = read_origin(origin_path(tmp_path / "new", name))
        assert made is not None
        assert made.extractor == expected
    own, full = (np.load(tmp_path / "new" / "features" / f"{one}.npy") for one in ("less", "whole"))
    there = np.tile([False, True, False, True], own.shape[1] // 4)
    np.testing.assert_array_equal(own[:, there], full[:, there])
    assert not own[:, ~there].any()
    assert columns(tmp_path / "new", "less") == ["ay", "gx"]
    assert np.load(tmp_path / "new" / "signals" / "less.npy").shape[1] == 2
    assert make(logs, tmp_path / "new", expected=expected).kept == outcome.made
    assert whole.shape[1] == 4


def poses(path: Path, places: np.ndarray, points: tuple[str, ...], shown: list[int]) -> None:
    """Write some points of poses (N, P, 2) as DeepLabCut does."""
    names = [points[i] for i in shown]
    rows = [
        "scorer" + ",D" * 3 * len(names),
        "bodyparts," + ",".join(f"{n},{n},{n}" for n in names),
    ]
    rows.append("coords" + ",x,y,likelihood" * len(names))
    for i, frame in enumerate(places[:, shown]):
        rows.append(f"{i}," + ",".join(f"{x:.4f},{y:.4f},1" for x, y in frame))
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(rows))


def test_poses_without_a_point_keep_the_others_meaning(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    points = ("nose", "neck", "paw", "hip", "tailbase")
    along = np.array([[40, 0], [25, 0], [10, 12], [0, 0], [-15, 0]], dtype=float)
    turn = np.cumsum(rng.normal(size=120) / 10)
    rotation = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], 1).reshape(
        -1, 2, 2
    )
    places = np.einsum("tij,pj->tpi", rotation, along) + rng.normal(size=(120, 5, 2)) / 10
    places += np.cumsum(rng.normal(size=(120, 1, 2)), axis=0) + 200
    poses(tmp_path / "old" / "a.csv", places, points, [0, 1, 2, 3, 4])
    settings = {"rate": 10.0, "window_s": 0.0, "smooth_s": 0.0}
    make(tmp_path / "old", tmp_path / "data", **settings)
    origin = read_origin(origin_path(tmp_path / "data", "a"))
    assert origin is not None
    new = tmp_path / "new"
    poses(new / "b.csv", places, points, [4, 3, 1, 0])  # no paw
    poses(new / "c.csv", places, points, [1, 2, 3, 4])  # no nose: the neck is in front
    poses(new / "d.csv", places, points, [2])
    outcome = make(new, tmp_path / "out", expected=origin.extractor, **settings)
    assert outcome.made == ["b", "c"]
    assert outcome.remarks["b"][-1] == (
        "Does without 1 of the 5 points that the model knows (20 %): 'paw'."
    )
    assert "lacks the points by which the poses of the model are turned" in outcome.failed["d"]
    full = np.load(tmp_path / "data" / "features" / "a.npy")
    for name, gone in (("b", 2), ("c", 0)):
        own = np.load(tmp_path / "out" / "features" / f"{name}.npy")
        assert own.shape == full.shape
        lost = np.isin(np.arange(own.shape[1]), [2 * gone, 2 * gone + 1])
        assert not own[:, lost].any()
        for column in np.flatnonzero(~lost[:10]):
            assert own[:, column].std() < 3, "in the frame of the body"
            assert abs(own[:, column].std() - full[:, column].std()) < 1
    pages = DatasetFolder(tmp_path / "out").recordings()
    shared = ["neck.x", "neck.y", "hip.x", "hip.y", "tailbase.x", "tailbase.y"]
    figures = [stick_figure(one, shared) for one in pages]
    assert [one.names for one in figures if one] == [("neck", "hip", "tailbase")] * 2


def test_the_body_axis_must_be_there(tmp_path: Path, rng: np.random.Generator) -> None:
    for name, points in (("a", ("nose", "ear", "tail")), ("b", ("nose", "ear", "paw"))):
        names = [f"{point},{point},{point}" for point in points]
        rows = rng.uniform(0, 100, size=(40, 9))
        rows[:, 2::3] = 1
        text = [
            "scorer" + 9 * ",D",
            "bodyparts," + ",".join(names),
            "coords" + 3 * ",x,y,likelihood",
        ]
        text += [f"{i}," + ",".join(map(str, row)) for i, row in enumerate(rows)]
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.csv").write_text("\n".join(text))
    outcome = make(tmp_path / "in", tmp_path / "data", rate=10.0, body_axis=["tail", "nose"])
    assert outcome.made == ["a"]
    assert "body_axis names 'tail', but the poses have 'nose', 'ear', 'paw'" in outcome.failed["b"]
    outcome = make(tmp_path / "in", tmp_path / "data", rate=10.0)
    assert outcome.made == ["a", "b"]
    assert outcome.remarks["a"][-1] == (
        "Another recording lacks a point of the body axis, so poses were not turned to face one "
        "way: name the rear and the front point with --body_axis to leave that recording out "
        "instead."
    )
    assert outcome.remarks["b"][-1].startswith("No points of a body axis were recognised, so")


def test_recordings_that_share_nothing_are_refused() -> None:
    looks = {name: Look("series", (f"{name} x", f"{name} y")) for name in "abc"}
    with pytest.raises(
        DataError, match=r"share too few columns: 'a' has 'a x', 'a y', but 'c' has"
    ):
        agree(looks, manner)


@given(
    lacking=st.lists(st.sets(st.sampled_from(NAMES), max_size=6), min_size=1, max_size=8),
    seed=st.integers(0, 100),
)
def test_whatever_lacks_all_that_is_kept_has_all_that_is_shared(
    lacking: list[set[str]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    looks = {}
    for i, lacks in enumerate(lacking):
        own = [name for name in NAMES if name not in lacks] or ["other"]
        looks[str(i)] = Look("series", tuple(rng.permutation(own).tolist()))
    try:
        found = agree(looks, manner)
    except DataError:
        return
    kept = [name for name in looks if name not in found.odd]
    assert 2 * len(kept) >= len(looks)
    assert set(found.columns) == set.intersection(*(set(looks[name].columns) for name in kept))
    assert found.columns
    assert [one for one in looks[kept[0]].columns if one in found.columns] == list(found.columns)
    assert not found.odd.keys() & found.remarks.keys()

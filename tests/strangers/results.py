"""Folders of results, models and pages as strangers may prepare them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.strangers.room import NothingToAlterError, Room, each, kind
from tests.strangers.tables import Evil, bomb, npy


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the values of a JSON file."""
    values = json.loads(path.read_text(encoding="utf-8"))
    changed = change(values)
    path.write_text(json.dumps(values if changed is None else changed), encoding="utf-8")


PATHS = (
    "../../outside/up",
    "/tmp/asot-pwned",
    "..",
    ".",
    "",
    "CON",
    "a\0b",
    "a/b",
    "a\\b",
    "x" * 300,
    "\u202ea",
    "a\nb",
)


@each("model_name", {str(i): one for i, one in enumerate(PATHS)}, 0, 2)
def model_name(room: Room, name: str) -> list[object]:
    """The name of a model in the index, which is part of paths."""
    results = room.results()

    def change(index: Any) -> None:
        for one in index["recordings"]:
            one["model"] = name
        index["checkpoints"] = {name: "0" * 64}

    edit(results / "predictions/predictions.json", change)
    return ["relabel", results, room.write("n.json", '{"0": "a"}')]


@each("recording_name", {str(i): one for i, one in enumerate(PATHS)}, 0, 2)
def recording_name(room: Room, name: str) -> list[object]:
    """The name of a recording in the index, which is part of paths."""
    results = room.results()
    edit(
        results / "predictions/predictions.json",
        lambda index: index["recordings"][0].update(name=name),
    )
    return ["export", results, "--to", "all", "--out", room.out]


@each(
    "source",
    {
        "zero": "/dev/zero",
        "climbs": "../../outside",
        "etc": "/etc",
        "proc": "/proc/self",
        "nul": "a\0b",
        "long": "x" * 100_000,
        "number": 7,
        "list": [],
    },
    2,
)
def source(room: Room, root: Any) -> list[object]:  # fmt: skip
    """The data set that an index names."""
    results = room.results()
    (results / "data").rename(room.root / "results" / "elsewhere")
    edit(results / "predictions/predictions.json", lambda index: index["source"].update(root=root))
    return ["page", results, "--out", room.out]


@each(
    "index",
    {
        "deep": "[" * 100_000,
        "empty": "",
        "null": "null",
        "list": "[]",
        "noise": bytes(range(256)),
        "long": '{"source": ' + "9" * 5000 + "}",
        "regex": "regex",
        "many": "many",
        "twice": "twice",
        "none": "none",
    },
    0,
    2,
)
def index(room: Room, how: Any) -> list[object]:  # fmt: skip
    results = room.results()
    path = results / "predictions/predictions.json"
    changes: dict[str, Callable[[Any], Any]] = {
        "regex": lambda one: one["source"].update(activity_pattern="((r|r)+)+$"),
        "many": lambda one: one.update(
            recordings=[{**one["recordings"][0], "name": f"n{i}"} for i in range(100_000)]
        ),
        "twice": lambda one: one["recordings"].append(one["recordings"][0]),
        "none": lambda one: one.update(recordings=[]),
    }
    if how in changes:
        edit(path, changes[how])
    elif isinstance(how, bytes):
        path.write_bytes(how)
    else:
        path.write_text(how)
    return ["evaluate", results]


FILES: dict[str, tuple[str, Any]] = {
    "labels_long": ("predictions/labels/r0.txt", "9" * 5000 + "\n"), "labels_huge": ("predictions/labels/r0.txt", f"{10**18}\n" * 60), "labels_words": ("predictions/labels/r0.txt", "a\n" * 60),
    "labels_negative": ("predictions/labels/r0.txt", "-7\n" * 60), "labels_empty": ("predictions/labels/r0.txt", ""), "labels_noise": ("predictions/labels/r0.txt", bytes(range(256))), "labels_nul": ("predictions/labels/r0.txt", b"\0" * 10**6),
    "assignments_claim": ("predictions/assignments/r0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 100)}")), "assignments_pickle": ("predictions/assignments/r0.npy", pickle.dumps(Evil())),
    "assignments_nan": ("predictions/assignments/r0.npy", np.full((60, 3), np.nan, np.float32)), "assignments_wide": ("predictions/assignments/r0.npy", np.zeros((60, 100_000), np.float32)), "assignments_text": ("predictions/assignments/r0.npy", np.full((60, 3), "x")),
    "segments_noise": ("predictions/segments.csv", bytes(range(256)) * 9), "segments_empty": ("predictions/segments.csv", ""), "segments_wide": ("predictions/segments.csv", "recording,start_frame," + "x" * 5_000_000 + "\n"),
    "segments_formula": ("predictions/segments.csv", "recording,start_frame,end_frame,start_s,end_s,action,confidence\n=1+1,0,9,0,1,@x,1\n"),
    "names_deep": ("predictions/names/all.json", "[" * 100_000), "names_merged": ("predictions/names/all.json", '{"format": 1, "names": {}, "merged": {"0": 1, "1": 0}}'), "names_added": ("predictions/names/all.json", '{"format": 1, "names": {}, "added": 10000}'),
    "corrected_frames": ("predictions/corrected/r0.json", '{"frames": 1000000000, "segments": [{"start": 0, "end": 1000000000, "action": 0}]}'), "corrected_deep": ("predictions/corrected/r0.json", "[" * 100_000), "corrected_other": ("predictions/corrected/../../x.json", "{}"),
    "scores_deep": ("predictions/scores.json", "[" * 100_000), "scores_nan": ("predictions/scores.json", '{"mof": NaN}'), "disagreements": ("predictions/disagreements.csv", "x" * 5_000_000), "truth_noise": ("predictions/truth/r0", bytes(range(256)) * 9),
    "truth_long": ("predictions/truth/r0", "x" * 189_000 + "\n"), "page_deep": ("page/page.json", "[" * 100_000), "page_null": ("page/page.json", "null"), "segment_deep": ("segment.json", "[" * 100_000), "segment_null": ("segment.json", "null"), "segment_noise": ("segment.json", bytes(range(256))),
    "run_deep": ("run/run.json", "[" * 100_000), "run_null": ("run/run.json", "null"), "run_noise": ("run/run.json", bytes(range(256))), "recipe_aliases": ("run/recipe.yaml", "a: &a [*a]\n"),
    "origin_deep": ("data/origins/r0.json", "[" * 100_000), "origin_null": ("data/origins/r0.json", "null"), "times_claim": ("data/times/r0.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,)}")), "times_nan": ("data/times/r0.npy", np.full(61, np.nan)), "times_pickle": ("data/times/r0.npy", pickle.dumps(Evil())),
    "signals_claim": ("data/signals/r0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 100)}")), "signals_pickle": ("data/signals/r0.npy", pickle.dumps(Evil())), "signals_nan": ("data/signals/r0.npy", np.full((60, 3), np.nan, np.float32)), "features_pickle": ("data/features/r0.npy", pickle.dumps(Evil())),
    "recordings_noise": ("data/recordings.csv", bytes(range(256)) * 9), "taken_wide": ("data/recordings.csv", "x" * 5_000_000), "numbers": ("run/numbers.json", "[" * 100_000), "evidence": ("run/evidence.json", "[" * 100_000),
}  # fmt: skip


def _alter(room: Room, given: tuple[str, Any]) -> Path:
    results = room.results()
    name, content = given
    found = list(results.glob(f"run/**/{Path(name).name}")) if name.startswith("run/") else []
    path = found[0] if found else results / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return results


@each("page", FILES, 0, 2)
def page(room: Room, given: tuple[str, Any]) -> list[object]:
    """A received folder with a file that is not as it should be, shown."""
    return ["page", _alter(room, given), "--out", room.out]


@each("exported", FILES, 0, 2)
def exported(room: Room, given: tuple[str, Any]) -> list[object]:
    return ["export", _alter(room, given), "--to", "csv", "elan", "boris", "--out", room.out]


ORIGINS: dict[str, dict[str, Any]] = {
    "passwd": {"kind": "video", "path": "/etc/passwd"}, "zero": {"kind": "video", "path": "/dev/zero"}, "climbs": {"kind": "video", "path": "../../../../../../etc/passwd"}, "empty": {"kind": "video", "path": ""},
    "nul": {"kind": "video", "path": "a\0b"}, "fingerprint": {"kind": "video", "fingerprint": ""}, "media": {"media": {"video": "/etc/passwd"}}, "shift": {"media": {"video_shift_s": 1e308}}, "points": {"kind": "pose", "media": {"points_rate": 1e-300, "columns": ["a.x", "a.y"]}},
    "columns": {"media": {"columns": ["c" * 10_000] * 900}}, "remarks": {"remarks": ["</script><script>alert(1)</script>" * 900]}, "rate": {"media": {"frame_rate": 1e-300}}, "edges": {"kind": "pose", "media": {"edges": [["a", "b"]] * 99_999}},
}  # fmt: skip


@each("origin", ORIGINS, 0, 2)
def origin(room: Room, values: dict[str, Any]) -> list[object]:
    """An origin that names somebody's file, with the page to be mailed."""
    results = room.results()
    edit(results / "data/origins/r0.json", lambda one: one.update(values))
    return ["page", results, "--embed", "--out", room.out]


@each(
    "backbone",
    {
        "module": "pwned:run",
        "hub": "hf:nobody/nothing",
        "onnx": "/dev/zero",
        "climbs": "../../x.onnx",
    },
    2,
)
def backbone(room: Room, name: str) -> list[object]:
    """A received model that names a network of the current folder, or one to download."""
    from tests.strangers.videos import clip

    results = room.results()
    (room.root / "here").mkdir(exist_ok=True)
    (room.root / "here" / "pwned.py").write_text(
        "open('pwned', 'w').close()\ndef run(x): return x\n"
    )
    edit(
        results / "segment.json",
        lambda one: one.update(video={"backbone": name, "frame_rate": 10.0}, series=None),
    )
    for path in (results / "run").rglob("run.json"):
        edit(path, lambda one: one.update(extractor={"kind": "video", "backbone": {"name": name}}))
    clip(room.data / "x.mkv", times=range(30))
    return ["segment", room.data, "--model", results, "--out", room.out]


def checkpoint(results: Path) -> Path:
    return next((results / "run").rglob("*.ckpt"))


CHECKPOINTS: dict[str, Any] = {
    "empty": b"", "noise": bytes(range(256)) * 99, "pickle": pickle.dumps(Evil()), "bomb": bomb("archive/data.pkl", b"", 3000), "zip": bomb("x/y", b"", 10), "cut": "cut", "evil": "evil",
    "nan": lambda c: weights(c, lambda one: one * float("nan")), "shape": lambda c: weights(c, lambda one: one[:1]), "half": lambda c: weights(c, lambda one: one.half() if one.is_floating_point() else one),
    "sparse": lambda c: weights(c, lambda one: one.to_sparse() if one.dim() == 2 else one), "expanded": lambda c: weights(c, lambda one: torch.zeros(1).expand(10**6, 10**6) if one.dim() == 2 else one),
    "views": lambda c: weights(c, lambda one: one.t() if one.dim() == 2 else one), "actions": lambda c: network(c).update(n_actions=10**6), "features": lambda c: network(c).update(n_features=10**6),
    "hidden": lambda c: network(c)["recipe"].update(encoder={"hidden": 10**9, "width": 10**9}), "recipe": lambda c: network(c).update(recipe={}), "recipe_deep": lambda c: network(c).update(recipe=deep(150)), "format": lambda c: c.update(format="asot checkpoint 9"),
    "extra": lambda c: c.update(strange=1), "numbers": lambda c: network(c).update(n_actions=10**30), "none": lambda c: c.clear(), "meta": lambda c: weights(c, lambda one: one.to("meta")),
    "quantized": lambda c: weights(c, lambda one: torch.quantize_per_tensor(one, 0.1, 0, torch.qint8) if one.dim() == 2 else one), "negative": lambda c: network(c).update(n_actions=-1), "keys": lambda c: network(c)["weights"].update({7: torch.zeros(1)}),
}  # fmt: skip


def network(values: Any) -> Any:
    """The network of a checkpoint, or the first of a team's."""
    learners = values["team"]["learners"] if "team" in values else [values]
    found = [one["network"] for one in learners if one.get("network")]
    if not found:
        raise NothingToAlterError
    return found[0]


def weights(values: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    own = network(values)["weights"]
    own.update({name: change(one) for name, one in own.items()})


def deep(levels: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _ in range(levels):
        values = {"a": values}
    return values


@each("checkpoint", CHECKPOINTS, 2)
def checkpoints(room: Room, how: Any) -> list[object]:
    """A received model, applied to sound recordings."""
    results = room.results()
    path = checkpoint(results)
    if isinstance(how, bytes):
        path.write_bytes(how)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif how == "evil":
        torch.save({"format": "asot checkpoint 1", "network": Evil()}, path)
    else:
        values = torch.load(path, weights_only=True)
        how(values)
        torch.save(values, path)
    room.logs()
    return ["segment", room.data, "--model", results, "--out", room.out]


@each(
    "stored",
    {
        "npy": lambda store: (store / "r1.txt.npy").write_bytes(
            npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 100)}")
        ),
        "pickle": lambda store: (store / "r1.txt.npy").write_bytes(pickle.dumps(Evil())),
        "json": lambda store: (store / "r1.txt.json").write_text("[" * 100_000),
        "empty": lambda store: (store / "r1.txt.json").write_text(""),
    },
    0,
)
def stored(room: Room, make: Any) -> list[object]:  # fmt: skip
    """A prepared store beside features in text: it is not believed."""
    room.arrays()
    (room.data / "features" / "r1.npy").unlink()
    room.write("features/r1.txt", "1 2 3 4\n2 3 4 5\n" * 30)
    store = room.data / "features" / ".asot-store"
    store.mkdir()
    make(store)
    return room.train()


@kind(0)
def store_beside(room: Room) -> list[object]:
    """Features in text, whose parsed copies lie beside them, and of which it is told."""
    room.arrays()
    (room.data / "features" / "r1.npy").unlink()
    room.write("features/r1.txt", "1 2 3 4\n2 3 4 5\n" * 30)
    return room.train()


@kind(2)
def sparse_checkpoint(room: Room) -> list[object]:
    results = room.results()
    with checkpoint(results).open("r+b") as stream:
        stream.truncate(50 * 10**9)
    room.logs()
    return ["segment", room.data, "--model", results, "--out", room.out]


@each(
    "cell",
    {
        "deep": "[" * 100_000,
        "null": "null",
        "noise": bytes(range(256)),
        "names": '{"method": "../../x"}',
    },
    0,
    2,
)
def cell(room: Room, content: str | bytes) -> list[object]:
    """A benchmark's folder with a cell that somebody else wrote."""
    path = room.out / "cells" / "uniform" / "all" / "seed-0.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    room.arrays()
    for i in range(3):
        room.write(f"groundTruth/r{i}", "a\n" * 30 + "b\n" * 30)
    return [
        "benchmark",
        room.small(),
        "--data",
        room.data,
        "--out",
        room.out,
        "--methods",
        "uniform",
        "--seeds",
        "1",
        "--workers",
        "1",
        "--figures",
        "0",
    ]

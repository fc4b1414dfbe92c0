"""Sound files of all kinds that asot reads, damaged at drawn places."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from asot.export import export
from tests.export.timelines import timeline
from tests.runs.regimes import write_logs, write_truth
from tests.strangers.labels import sheet
from tests.strangers.room import NothingToAlterError, Room, each
from tests.strangers.tables import columns, sleap
from tests.strangers.videos import clip

Prepared: TypeAlias = tuple[Path, list[object]]  # a sound file, and a command that reads it
POSES = (
    "scorer,D,D,D,D,D,D\nbodyparts,n,n,n,m,m,m\ncoords,x,y,likelihood,x,y,likelihood\n"
    + "".join(f"{i},{i % 9},{i % 7},.9,{i % 5},{i % 3},.8\n" for i in range(60))
)
LABELS = {
    "csv": "csv", "json": "json", "parquet": "parquet", "txt": "txt", "elan": "eaf", "boris": "boris", "labelstudio": "json",
    "praat": "TextGrid", "vidat": "json", "nwb": "nwb", "movement": "nc", "vtt": "vtt", "excel": "xlsx",
}  # fmt: skip
RESULTS = (
    "segment.json", "predictions/predictions.json", "predictions/made.json", "predictions/segments.csv", "predictions/labels/r0.txt",
    "predictions/assignments/r0.npy", "data/origins/r0.json", "data/times/r0.npy", "data/features/r0.npy", "data/signals/r0.npy",
    "data/recordings.csv", "run/run.json", "run/found.json", "run/numbers.json", "run/evidence.json", "run/recipe.yaml", "page/page.json",
)  # fmt: skip


def number(rng: np.random.Generator, below: int) -> int:
    return int(rng.integers(max(1, below)))


def place(rng: np.random.Generator, content: bytes) -> int:
    """Draw a place: near the beginning or the end, where formats say what follows, or anywhere."""
    near = min(600, len(content))
    anywhere = number(rng, len(content))
    return [number(rng, near), len(content) - 1 - number(rng, near), anywhere][number(rng, 3)]


def flipped(content: bytearray, rng: np.random.Generator) -> None:
    for _ in range(1 + number(rng, 8)):
        content[place(rng, content)] ^= 1 << number(rng, 8)


def drawn(content: bytearray, rng: np.random.Generator) -> None:
    at, length = place(rng, content), 1 + number(rng, 64)
    content[at : at + length] = rng.bytes(length)


def cut(content: bytearray, rng: np.random.Generator) -> None:
    del content[place(rng, content) :]


def beheaded(content: bytearray, rng: np.random.Generator) -> None:
    del content[: 1 + place(rng, content)]


def swapped(content: bytearray, rng: np.random.Generator) -> None:
    length = 1 + number(rng, min(200, len(content) // 3))
    first, second = sorted(number(rng, len(content) - length) for _ in range(2))
    one, other = content[first : first + length], content[second : second + length]
    content[first : first + length], content[second : second + len(one)] = other, one


def repeated(content: bytearray, rng: np.random.Generator) -> None:
    at, length = place(rng, content), 1 + number(rng, 200)
    content[at:at] = content[at : at + length] * int(rng.choice([1, 50, 5000]))


def emptied(content: bytearray, rng: np.random.Generator) -> None:
    at, length = place(rng, content), 1 + number(rng, 2000)
    content[at : at + length] = bytes(len(content[at : at + length]))


def lengthened(content: bytearray, rng: np.random.Generator) -> None:
    """Say other lengths, in whatever was a number of four or eight bytes."""
    for _ in range(1 + number(rng, 3)):
        size = int(rng.choice([2, 4, 8]))
        at = place(rng, content) // size * size
        value = [-1, 0, 1 << (8 * size - 1), (1 << (8 * size - 1)) - 1][number(rng, 4)]
        order: Any = rng.choice(["little", "big"])
        content[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, order)


def renumbered(content: bytearray, rng: np.random.Generator) -> None:
    """Write other numbers, in a text."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", content))
    others = (b"-1", b"0", b"1e999", b"nan", b"", b"9" * 30, b"9" * 5000, b"1e-300", b"1e18", b"x")
    for one in (
        sorted(rng.choice(len(found), min(3, len(found)), replace=False))[::-1] if found else []
    ):
        content[slice(*found[one].span())] = others[number(rng, len(others))]
    if not found:
        lengthened(content, rng)


def mixed(content: bytearray, rng: np.random.Generator) -> None:
    """Put in what belongs to other files."""
    others = (
        b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"\r", b'"', b"\n\n", b"]" * 99, b"{" * 999, b"\x1b[2J",
        b"\xe2\x80\xae", b"<!DOCTYPE a>", b"--", b"\t", b",;" * 99, b"&a *a", b"=1+1", b"../" * 99, b"\x89HDF\r\n\x1a\n",
    )  # fmt: skip
    at = place(rng, content)
    content[at:at] = others[number(rng, len(others))]


DAMAGES: dict[str, Callable[[bytearray, np.random.Generator], None]] = {
    one.__name__: one
    for one in (
        *(flipped, drawn, cut, beheaded, swapped, repeated, emptied, lengthened, renumbered, mixed),
    )
}


def log(room: Room, ending: str) -> Prepared:
    """A sensor log, or poses, alone."""
    text = "time_s,a,b\n" + "".join(f"{i / 10},{i % 7},{i % 5}\n" for i in range(200))
    values = np.random.default_rng(0).normal(size=(200, 3))
    path = room.data / f"x.{ending.rpartition('_')[2]}"
    if ending in ("csv", "tsv"):
        room.write(path.name, text.replace(",", "\t") if ending == "tsv" else text)
    elif ending == "utf16_csv":
        room.write(path.name, text.encode("utf-16"))
    elif ending == "npy":
        np.save(path, values)
    elif ending == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(columns()), path)
    elif ending == "xlsx":
        import pandas as pd

        pd.DataFrame(columns()).to_excel(path, index=False)
    elif ending == "poses_csv":
        room.write(path.name, POSES)
    elif ending == "sleap_h5":
        sleap(room, np.random.default_rng(0).normal(size=(1, 2, 2, 50)), ["n", "m"]).rename(path)
    else:
        import pandas as pd

        table = pd.read_csv(io.StringIO(POSES), header=[0, 1, 2], index_col=0)
        form: Any = "table" if ending == "table_h5" else "fixed"
        table.to_hdf(path, key="df_with_missing", format=form)
    return path, room.extract("--rate", 30)


LOGS = (
    *("csv", "tsv", "utf16_csv", "npy", "parquet", "poses_csv", "sleap_h5"),
    *("table_h5", "fixed_h5"),
)


def film(room: Room, ending: str) -> Prepared:
    path = clip(room.data / f"x.{ending}", "ffv1" if ending == "mkv" else "mpeg4", times=range(30))
    return path, room.extract()


def labels(room: Room, form: str) -> Prepared:
    """Labels as asot itself exports them, but for a sheet."""
    results = room.results()
    if form == "excel":
        path = sheet(room, "")
        return path, ["evaluate", results, "--truth", path]
    export([timeline("a" * 30 + "b" * 30, "r0")], form, room.root / "exports")
    path = sorted((room.root / "exports").rglob(f"*.{LABELS[form]}"))[0]
    return path, ["evaluate", results, "--truth", path]


def received(room: Room, name: str) -> Prepared:
    """A file of a folder of results."""
    results = room.results()
    if not (results / name).is_file():
        raise NothingToAlterError
    commands: list[list[object]] = [
        ["page", results, "--embed", "--out", room.out],
        ["export", results, "--to", "csv", "elan", "labelstudio", "--out", room.out],
        ["stats", results, "--figures", "0", "--out", room.out],
        ["segment", room.logs(), "--model", results, "--out", room.out],
        ["predict", results / "run", "--data", results / "data", "--out", room.out],
        ["train", results / "run" / "recipe.yaml", "--data", room.ready / "data", "--out", results / "run", "--figures", 0],
    ]  # fmt: skip
    return results / name, commands[number(room.rng, len(commands))]


def checkpoint(room: Room, name: str) -> Prepared:
    results = room.results()
    words: list[object] = ["segment", room.logs(), "--model", results, "--out", room.out]
    return next((results / "run").rglob(f"*.{name}")), words


def dataset(room: Room, name: str) -> Prepared:
    """A file of a data set."""
    room.arrays()
    for i in range(3):
        room.write(f"groundTruth/r{i}", "pour\n" * 30 + "stir\n" * 30)
        room.write(f"times/r{i}.npy", np.arange(61.0))
    room.write("mapping/mapping.txt", "0 pour\n1 stir\n")
    if name.endswith("r0.txt"):
        (room.data / "features" / "r0.npy").unlink()
        room.write(name, "1 2 3 4\n2 3 4 5\n" * 30)
    check: list[object] = ["data", "check", room.data]
    return room.data / name, room.train() if number(room.rng, 2) else check


DATASET = (
    *("features/r0.npy", "features/r0.txt", "groundTruth/r0", "mapping/mapping.txt"),
    "times/r0.npy",
)


def beside(room: Room, name: str) -> Prepared:
    """A file that is named beside results or recordings."""
    names = {"format": 1, "names": {"0": "pour", "1": "stir"}, "merged": {"2": 1}, "background": []}
    if name == "recipe.yaml":
        room.arrays()
        path = room.write(
            name, "n_actions: 3\nteam: 0\ntraining: {epochs: 1, learning_rate: 0.01}\n"
        )
        return path, ["train", path, "--data", room.data, "--out", room.out, "--figures", 0]
    if name == "skeleton.yaml":
        room.write("p.csv", POSES)
        path = room.root / name
        path.write_text("skeleton:\n- [n, m]\nbodyparts: [n, m]\n")
        return path, room.segment("--skeleton", path, "--rate", "30")
    if name == "matrix.npy":
        path = room.write(name, np.abs(room.rng.normal(size=(60, 4))).astype(np.float32))
        return path, ["decode", path, "--affinity", "--out", room.out]
    if name.startswith("simulated"):
        runs = {f"P{i}_milk": [[0, 40], [1, 60]] for i in range(3)}
        path = room.write(name, json.dumps(runs))
        if name.endswith("npz"):
            np.savez_compressed(path, **{key: np.repeat([0, 1], [40, 60]) for key in runs})
        words: list[object] = [
            "data",
            "simulate",
            "--like",
            "breakfast",
            "--labels",
            path,
            "--out",
            room.out,
        ]
        return path, [*words, "--width", 5]
    results = room.results()
    if name == "names.json":
        path = room.write(name, json.dumps(names))
        return path, ["relabel", results, path]
    if name == "groups.csv":
        path = room.write(name, "recording,group\nr0,a\nr1,a\nr2,b\n")
        return path, ["stats", results, "--groups", path, "--out", room.out, "--figures", 0]
    spans = write_logs(room.root / "logs", 7, "r0", "r1", "r2", seconds=(3, 5))
    path = write_truth(room.data / name, spans)
    return path, ["import", results, path, "--as", "corrections"]


BESIDE = (
    *("recipe.yaml", "skeleton.yaml", "matrix.npy", "simulated.json", "simulated.npz"),
    *("names.json", "groups.csv", "imported.csv"),
)
SOUND: dict[str, tuple[Callable[[Room, str], Prepared], str]] = {
    re.sub(r"\W", "_", f"{make.__name__}_{name}"): (make, name)
    for make, names in (
        (log, LOGS),
        (film, ("mp4", "mkv", "avi")),
        (labels, LABELS),
        (received, RESULTS),
        (checkpoint, ("ckpt",)),
        (dataset, DATASET),
        (beside, BESIDE),
    )
    for name in names
}


@each(
    "damaged",
    {f"{name}_{how}": (sound, how) for name, sound in SOUND.items() for how in DAMAGES},
    0,
    2,
)
def damaged(
    room: Room, given: tuple[tuple[Callable[[Room, str], Prepared], str], str]
) -> list[object]:
    """A file that asot reads, damaged in one way."""
    (make, name), how = given
    path, words = make(room, name)
    content = bytearray(path.read_bytes())
    DAMAGES[how](content, room.rng)
    path.write_bytes(content)
    return words

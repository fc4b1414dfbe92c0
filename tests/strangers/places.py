"""Things that are no files, names that no file should have, and folders that lead elsewhere."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.strangers.room import Room, each, kind
from tests.strangers.tables import TABLE

NAMES = {
    "device": "CON.csv", "nul": "NUL.csv", "aux": "aux.txt.csv", "bell": "a\x07b.csv", "line": "a\nb.csv",
    "right_to_left": "\u202evsc.exe.csv", "dots": "....csv", "option": "--out.csv", "percent": "%2e%2e%2fx.csv",
    "backslash": "..\\..\\x.csv", "colon": "C:x.csv", "blank": " .csv", "long": "n" * 251 + ".csv", "markup": "<img src=x onerror=alert(1)>.csv",
    "formula": "=cmd|x.csv", "joined": "a\u200d\u200db.csv", "combining": "a" + "\u0301" * 100 + ".csv", "tilde": "~root.csv", "star": "*.csv",
    "bytes": "a\udcff\udcfe.csv", "dollar": "$HOME.csv", "quote": "'\"`.csv", "wide": "\U0001f4a9" * 60 + ".csv", "url": "http:host.csv",
}  # fmt: skip


@each("name", NAMES, 0)
def name(room: Room, one: str) -> list[object]:
    """A sound recording of a name that would be a path, an option or markup elsewhere."""
    room.logs()
    Path(os.fsdecode(os.fsencode(room.data)), one).write_text(TABLE)
    return room.segment()


def special(room: Room, path: Path, how: str) -> None:
    """Put something that is no file of data at a path."""
    if path.exists() or path.is_symlink():
        path.unlink()
    if how == "pipe":
        os.mkfifo(path)
    elif how == "socket":
        here = Path.cwd()
        os.chdir(path.parent)
        socket.socket(socket.AF_UNIX).bind(path.name)
        os.chdir(here)
    elif how == "folder":
        path.mkdir()
    elif how == "zero":
        path.symlink_to("/dev/zero")
    elif how == "random":
        path.symlink_to("/dev/urandom")
    elif how == "memory":
        path.symlink_to("/proc/self/mem")
    elif how == "broken":
        path.symlink_to("nowhere")
    elif how == "itself":
        path.symlink_to(path.name)
    elif how == "stdin":
        path.symlink_to("/dev/stdin")


SPECIALS = ("pipe", "socket", "folder", "zero", "random", "memory", "broken", "itself", "stdin")


@each("special_alone", {how: how for how in SPECIALS}, 2)
def special_alone(room: Room, how: str) -> list[object]:
    special(room, room.data / "x.csv", how)
    return ["segment", room.data / "x.csv", "--out", room.out]


@each("special_among", {how: how for how in SPECIALS}, 0, 2)
def special_among(room: Room, how: str) -> list[object]:
    """The others go on; what could not be used is said at the end."""
    room.logs()
    special(room, room.data / "x.csv", how)
    return room.extract()


@each("special_video", {how: how for how in SPECIALS}, 2)
def special_video(room: Room, how: str) -> list[object]:
    special(room, room.data / "x.mp4", how)
    return room.extract()


@each("special_features", {how: how for how in SPECIALS}, 0, 2)
def special_features(room: Room, how: str) -> list[object]:
    room.arrays()
    special(room, room.data / "features" / "r1.npy", how)
    return room.train()


@each("special_truth", {how: how for how in SPECIALS}, 2)
def special_truth(room: Room, how: str) -> list[object]:
    """Ground truth that is no file."""
    room.arrays()
    room.write("groundTruth/r0", "a\n" * 60)
    special(room, room.data / "groundTruth" / "r0", how)
    return room.train()


@each("special_recipe", {how: how for how in SPECIALS}, 2)
def special_recipe(room: Room, how: str) -> list[object]:
    room.arrays()
    special(room, room.root / "r.yaml", how)
    return ["train", room.root / "r.yaml", "--data", room.data, "--out", room.out]


OURS = (
    "predictions/predictions.json", "predictions/segments.csv", "predictions/labels/r0.txt", "names.json",
    "predictions/assignments/r0.npy", "data/origins/r0.json", "data/times/r0.npy", "data/features/r0.npy",
    "run/run.json", "segment.json", "data/signals/r0.npy", "run/models/all/numbers.json",
)  # fmt: skip


@each(
    "special_results",
    {f"{how}_{one}": (how, one) for one in OURS for how in ("pipe", "zero", "folder")},
    0,
    2,
)
def special_results(room: Room, given: tuple[str, str]) -> list[object]:
    """A file of ours in a folder of results that is no file."""
    how, one = given
    results = room.results()
    path = results / one
    path.parent.mkdir(parents=True, exist_ok=True)
    special(room, path, how)
    return ["page", results, "--out", room.out]


@each(
    "folder",
    {
        "features": ("features", "groundTruth"),
        "labels": ("groundTruth", "features"),
        "deep": ("a/" * 200, "b"),
        "empty": ("a", "b"),
        "endings": ("x.csv", "y.mp4"),
    },
    2,
)
def folder(room: Room, given: tuple[str, str]) -> list[object]:  # fmt: skip
    """Folders without a recording."""
    for one in given:
        (room.data / one).mkdir(parents=True)
    return room.extract()


@each(
    "out",
    {
        "file": "file",
        "pipe": "pipe",
        "null": "null",
        "data": "data",
        "features": "features",
        "loop": "itself",
        "long": "long",
    },
    2,
)
def out(room: Room, how: str) -> list[object]:
    """Results that nothing can be written to."""
    room.logs()
    place = room.root / "there"
    if how == "file":
        place.write_text("mine")
    elif how in ("pipe", "itself"):
        special(room, place, how)
    elif how == "null":
        place = Path("/dev/null")
    elif how == "data":
        room.arrays()
        place = room.data
    elif how == "features":
        room.arrays()
        place = room.data / "features" / "x"
    elif how == "long":
        place = room.root / ("n" * 300)
    return ["segment", room.data, "--recipe", room.small(), "--out", place]


@each(
    "link",
    {
        "predictions": "predictions",
        "labels": "predictions/labels",
        "data": "data",
        "features": "data/features",
        "page": "page",
        "run": "run",
        "origins": "data/origins",
        "models": "run/models",
        "index": "predictions/predictions.json",
        "label": "predictions/labels/r0.txt",
        "table": "predictions/segments.csv",
        "media": "page/media",
        "description": "segment.json",
        "html": "page/index.html",
        "checkpoint": "run/models/all/model.ckpt",
        "names": "predictions/names",
    },
    0,
    2,
)
def link(room: Room, part: str) -> list[object]:  # fmt: skip
    """A prepared --out whose parts lead out of it: nothing there may be written or emptied."""
    room.logs()
    victim = room.outside / "victim"
    path = room.out / part
    path.parent.mkdir(parents=True)
    if "." in path.name:
        victim.write_text("precious\n")
    else:
        victim.mkdir()
        for name in (
            "r0.txt",
            "r0.npy",
            "r0.json",
            "index.html",
            "predictions.json",
            "precious.txt",
        ):
            (victim / name).write_text("precious\n")
    path.symlink_to(victim)
    return room.segment()


@each(
    "link_results",
    {
        "labels": "predictions/labels",
        "names": "predictions/names",
        "page": "page",
        "table": "predictions/segments.csv",
        "exports": "exports",
        "stats": "stats",
        "corrected": "predictions/corrected",
    },
    0,
    2,
)
def link_results(room: Room, part: str) -> list[object]:  # fmt: skip
    """Received results whose parts lead elsewhere, and a command that writes into them."""
    results = room.results()
    victim = room.outside / "victim"
    path = results / part
    if "." in path.name:
        path.unlink()
        victim.write_text("precious\n")
    else:
        victim.mkdir()
        if path.is_dir():
            path.rename(room.root / "moved")
        (victim / "all.json").write_text("precious\n")
    path.symlink_to(victim)
    names = room.write("names.json", '{"action 1": "pour"}')
    if part in ("exports", "stats"):
        return [
            part.rstrip("s") if part == "exports" else part,
            results,
            *(["--to", "csv"] if part == "exports" else []),
        ]
    return ["relabel", results, names]


@kind(0)
def link_up(room: Room) -> list[object]:
    """A link to a folder above, in which the whole disk would be searched."""
    room.logs()
    (room.data / "more").symlink_to("/")
    return room.extract()


@kind(0)
def link_round(room: Room) -> list[object]:
    room.logs()
    (room.data / "more").symlink_to(room.data)
    return room.extract()

"""Alter files of a folder of results, one at a time, and run commands on what is left.

``python -m tests.cli.altered RESULTS COUNT SEED`` prints a JSON line for each alteration: the file,
what was done to it, and what went wrong: a traceback, a hang, much memory, or a file that was
written outside the folders that were named. RESULTS is a folder of ``asot segment``.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asot.cli import main

SECONDS = 30
# Beyond what the imported libraries take by themselves.
BYTES = 2 << 30
# Pictures, media, the page and the features' arrays are not read back as files of a format of ours.
OURS = ("*.json", "*.ckpt", "*.txt", "*.npy", "*.yaml", "segments.csv")
WORDS: tuple[Any, ...] = (
    None, True, -1, 0, 3, 10**9, 10**30, 1e308, float("nan"), "", "..", "../../up", "/etc/passwd",
    "a\0b", "\ud800", "x" * 5000, [], {}, [[]], {"0": 0},
)  # fmt: skip


def places(values: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Go through the places in nested dicts and lists."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in items:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


def alter_json(path: Path, rng: np.random.Generator) -> str:
    """Alter the values of a JSON file."""
    values = json.loads(path.read_text(encoding="utf-8"))
    done = alter_values(values, rng)
    path.write_text(json.dumps(values), encoding="utf-8", errors="surrogatepass")
    return done


def alter_checkpoint(path: Path, rng: np.random.Generator) -> str:
    """Alter the values of a file of torch's."""
    values = torch.load(path, weights_only=True)
    done = alter_values(values, rng)
    torch.save(values, path)
    return done


def alter_values(values: Any, rng: np.random.Generator) -> str:
    """Put another value at a place, take the place away, or add one."""
    known = list(places(values))
    if not known:
        return "nothing"
    *before, last = known[rng.integers(len(known))]
    parent = values
    for key in before:
        parent = parent[key]
    how = rng.integers(4)
    if how == 0:
        del parent[last]
        done = "removed"
    elif how == 1 and isinstance(parent, dict):
        parent["strange"] = parent[last]
        done = "strange beside it"
    else:
        others = WORDS
        if isinstance(parent[last], torch.Tensor):
            others = (*WORDS, parent[last][:1], parent[last] * float("nan"), parent[last][None])
        parent[last] = others[rng.integers(len(others))]
        done = repr(parent[last])[:60]
    return f"{'.'.join(map(str, (*before, last)))}: {done}"


def alter_bytes(path: Path, rng: np.random.Generator) -> str:
    """Cut the file, empty it, double it, or change some bytes."""
    content = bytearray(path.read_bytes())
    how = rng.integers(4)
    if how == 0:
        content = content[: rng.integers(len(content) + 1)]
    elif how == 1:
        content = bytearray()
    elif how == 2:
        content = content * 2
    else:
        for _ in range(3):
            content[rng.integers(min(len(content), 400))] = rng.integers(256)
    path.write_bytes(bytes(content))
    return ("cut", "emptied", "doubled", "bytes changed")[how]


def alter_text(path: Path, rng: np.random.Generator) -> str:
    """Put a strange word in place of a line's, or drop or repeat the line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    at = rng.integers(len(lines))
    word = str(WORDS[rng.integers(len(WORDS))]).replace("\ud800", "")
    lines[at : at + 1] = [[word], [], [lines[at]] * 2, [lines[at] + " " + word]][rng.integers(4)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"line {at + 1}"


def alter_array(path: Path, rng: np.random.Generator) -> str:
    """Another shape, another type, values that are not finite, or a header that promises much."""
    array = np.load(path)
    how = rng.integers(5)
    if how == 4:
        content = path.read_bytes()
        shape = str(array.shape).encode()
        huge = b"(99999999999,)" if array.ndim == 1 else b"(999999999, 9)"
        path.write_bytes(content.replace(shape, huge.ljust(len(shape)), 1))
        return "huge by its header"
    values = (
        array[: len(array) // 2],
        array.astype("U3"),
        np.full_like(array, np.nan) if array.dtype.kind == "f" else -array,
        array[..., None],
    )[how]
    np.save(path, values)
    return ("half", "text", "not a number", "one axis more")[how]


def alter(path: Path, rng: np.random.Generator) -> str:
    """Alter a file in a drawn way that is its own, or byte by byte."""
    own: dict[str, Callable[[Path, np.random.Generator], str]] = {
        ".json": alter_json, ".txt": alter_text, ".yaml": alter_text, ".csv": alter_text,
        ".npy": alter_array, ".ckpt": alter_checkpoint,
    }  # fmt: skip
    usual = own.get(path.suffix, alter_bytes)
    return (usual if rng.random() < 0.8 else alter_bytes)(path, rng)


def seen(folder: Path, but: Path) -> dict[str, int]:
    """The files below a folder, but those below another, with the time of their last change."""
    files = (path for path in folder.rglob("*") if path.is_file() and but not in path.parents)
    return {str(path): path.stat().st_mtime_ns for path in files}


def run(words: list[str]) -> str | None:
    """Run a command; say what is wrong with how it ended."""
    told = io.StringIO()

    def too_long(number: int, frame: Any) -> None:
        raise TimeoutError(f"over {SECONDS} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = main(words)
    except (Exception, SystemExit):
        return f"{words[0]}: {traceback.format_exc()[-1500:]}"
    finally:
        signal.alarm(0)
    text = told.getvalue()
    if "Traceback" in text or code not in (0, 1, 2):
        return f"{words[0]}: code {code}: {text[-1500:]}"
    if code and not text.strip():
        return f"{words[0]}: code {code} without a word"
    return None


def trial(results: Path, rng: np.random.Generator) -> dict[str, Any]:
    """Alter one file of a copy of the results, and run all commands that read it."""
    with tempfile.TemporaryDirectory() as room:
        inside = Path(room) / "deep" / "inside"
        copy, out = inside / "results", inside / "out"
        shutil.copytree(results, copy)
        ours = sorted(
            path for one in OURS for path in copy.rglob(one) if "assets" not in path.parts
        )
        # Each kind of file is as likely as any other, however many there are of it.
        kinds = sorted({(path.parent, path.suffix) for path in ours})
        kind = kinds[rng.integers(len(kinds))]
        alike = [path for path in ours if (path.parent, path.suffix) == kind]
        path = alike[rng.integers(len(alike))]
        found = {"file": str(path.relative_to(copy)), "done": alter(path, rng)}
        names = next((copy / "predictions").glob("names/*.json"), copy / "names.json")
        before = seen(Path(room), inside)
        commands = [
            ["evaluate", str(copy)],
            ["export", str(copy), "--to", "csv", "--out", str(out / "csv")],
            ["relabel", str(copy), str(names)],
            ["page", str(copy), "--out", str(out / "page")],
        ]
        learnt = [
            ["predict", str(copy / "run"), "--data", str(copy / "data"), "--out", str(out / "new")],
            ["segment", str(copy / "data"), "--model", str(copy), "--out", str(out / "again")],
        ]
        # What was learnt is applied without a look at what was predicted.
        if "predictions" not in path.parts:
            commands += learnt
        start = time.monotonic()
        wrong = [said for one in commands if (said := run(one)) is not None]
        if seen(Path(room), inside) != before:
            wrong.append("wrote outside the folders")
        return {**found, "wrong": wrong, "seconds": round(time.monotonic() - start, 1)}


def drive(results: Path, count: int, seed: int) -> None:
    """Try alterations under a limit of memory, and print what came of each."""
    run(["evaluate", str(results)])
    import resource

    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + BYTES, size + BYTES))
    for number in range(count):
        found = trial(results, np.random.default_rng([seed, number]))
        sys.stdout.write(json.dumps({"number": number, **found}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    drive(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

"""Give asot the files of strangers, each kind in a process of its own, and say what went wrong.

``python -m tests.strangers.drive READY SEED NAME ...`` prints a JSON line for each kind, or for all
where none is named. READY is a folder of ``asot segment``, or one that is yet to be made.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path
from typing import Any

import numpy as np

import tests.strangers.damaged
import tests.strangers.labels
import tests.strangers.odd
import tests.strangers.places
import tests.strangers.recipes
import tests.strangers.results
import tests.strangers.tables
import tests.strangers.videos  # noqa: F401
from asot.cli import main
from asot.data.features import FOLDER
from tests.strangers.room import KINDS, NothingToAlterError, Room

SECONDS = 60  # of work; others may work beside
BYTES = 2 << 30
LONGEST = 600
FAULT = "wrong.txt"


def make_ready(folder: Path) -> Path:
    """Segment three logs, unless that was done."""
    if (folder / "segment.json").is_file():
        return folder
    room = Room(folder, folder / "results", np.random.default_rng(0))
    folder.mkdir(parents=True, exist_ok=True)
    if not room.ready.exists():
        room.logs(3)
        words = ["segment", room.data, "--recipe", room.small(), "--out", room.ready]
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([str(one) for one in words]) == 0
    return room.ready


def load() -> None:
    """Import what commands import, so that not every process does."""
    modules = ("pandas", "h5py", "pyarrow.parquet", "av", "openpyxl", "onnxruntime")
    for module in (*modules, "matplotlib.pyplot", "asot.cli.page"):
        with contextlib.suppress(ImportError):
            __import__(module)


def seen(root: Path) -> dict[str, tuple[int, int]]:
    """The files that a command may not touch, with their sizes and the times of their changes."""
    found = {}
    for place, folders, names in os.walk(root):
        inside = Path(place).relative_to(root).parts
        if not inside:
            folders[:] = [one for one in folders if one not in ("out", "results")]
        if FOLDER in inside:  # what was parsed of features in text: it is announced
            continue
        if inside[:2] == ("home", ".cache"):
            continue
        for one in names:
            status = Path(place, one).lstat()
            found["/".join((*inside, one))] = status.st_size, status.st_mtime_ns
    return found


def trial(name: str, ready: Path, seed: int) -> dict[str, Any]:
    """Make a kind's files, run its command in a process of its own, and look at what it left."""
    make, codes = KINDS[name]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        room = Room(root, ready, np.random.default_rng([seed, zlib.crc32(name.encode())]))
        for one in ("home", "here", "data"):
            (root / one).mkdir()
        words = [str(one) for one in make(room)]
        before = seen(root)
        start = time.monotonic()
        told = root.parent / f"{root.name}-told"
        child = os.fork()
        if child == 0:
            run(words, root, told)
        status, usage = wait(child)
        took = time.monotonic() - start
        text = told.read_text(encoding="utf-8", errors="replace") if told.exists() else ""
        told.unlink(missing_ok=True)
        wrong = faults(status, codes, text)
        if usage.ru_maxrss * 1024 > BYTES:
            wrong.append(f"took {usage.ru_maxrss / 2**20:.1f} GB")
        after = seen(root)
        changed = sorted(key for key in before | after if before.get(key) != after.get(key))
        if changed:
            wrong.append(f"changed {changed[:5]}")
        text = text.replace(str(root), "")
    return {
        "kind": name, "wrong": wrong, "code": status, "seconds": round(took, 1),
        "gb": round(usage.ru_maxrss / 2**20, 2), "told": text[-700:],
    }  # fmt: skip


def run(words: list[str], root: Path, told: Path) -> None:
    """Run a command in this process, which ends with it."""
    os.setsid()
    os.chdir(root / "here")
    os.environ["HOME"] = str(root / "home")
    os.environ["TMPDIR"] = tempfile.tempdir = str(root / "home")
    os.environ.pop("XDG_CACHE_HOME", None)
    import resource  # Unix only

    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))
    code = 99
    with told.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        os.dup2(stream.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        shown = io.StringIO()
        try:
            with contextlib.redirect_stderr(stream), contextlib.redirect_stdout(shown):
                code = main(words)
        except BaseException:  # a traceback is what is looked for
            stream.write(traceback.format_exc())
        if code != 99 and "--verbose" in sys.argv:
            stream.write("shown: " + "shown: ".join(shown.getvalue().splitlines(True)))
        stream.flush()
    os._exit(code)


def wait(child: int) -> tuple[int, Any]:
    """Wait for a process to end, but not for ever."""

    def too_long(number: int, frame: Any) -> None:
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(5 * SECONDS)
    _, status, usage = os.wait4(child, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status), usage


def faults(code: int, codes: tuple[int, ...], text: str) -> list[str]:
    """Say what is wrong with how a command ended."""
    wrong = []
    if code == -signal.SIGKILL:
        wrong.append(f"was not done in {5 * SECONDS} s")
    elif code == -signal.SIGXCPU:
        wrong.append(f"was not done in {SECONDS} s of work")
    elif code not in codes:
        wrong.append(f"ended with {code}, not with {' or '.join(map(str, codes))}")
    if "Traceback" in text or "Warning:" in text:
        wrong.append("a traceback or a warning of Python")
    lines = [line for line in text.splitlines() if not line.startswith("shown: ")]
    if "There is no option" in text:  # then nothing was read
        wrong.append("the kind gives an option that does not exist")
    longest = max((len(line) for line in lines), default=0)
    if longest > LONGEST:
        wrong.append(f"a sentence of {longest:,} characters")
    if any(not line.isprintable() for line in lines):
        wrong.append("characters that are not printable")
    if code and not any(line.startswith("asot: ") for line in lines):
        wrong.append("no sentence")
    if len(lines) > 40:
        wrong.append(f"{len(lines)} sentences")
    return wrong


def drive(ready: Path, seed: int, names: list[str]) -> None:
    """Try kinds, and print what came of each."""
    ready = make_ready(ready)
    names = [one for one in names if one != "--verbose"] or [""]
    chosen = dict.fromkeys(one for name in names for one in KINDS if one.startswith(name))
    if len(chosen) > 30:
        load()
    for name in chosen:
        try:
            found = trial(name, ready, seed)
        except NothingToAlterError:
            found = {"kind": name, "wrong": [], "nothing to alter": True}
        except Exception:
            found = {"kind": name, "wrong": [f"cannot be made: {traceback.format_exc()[-600:]}"]}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    drive(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])

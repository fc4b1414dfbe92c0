"""Commands that are stopped or killed at a drawn moment, and given again."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# Counts what the command does to files below some folders, and ends it before the n-th.
_HOOK = """
import atexit, os, signal, sys
told, blow, wanted, spread, *roots = sys.argv[1:sys.argv.index("--")]
sys.argv = ["asot", *sys.argv[sys.argv.index("--") + 1:]]
changes = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
done = 0

def watch(event, given):
    global done
    if event in changes or (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR)):
        if isinstance(given[0], (str, os.PathLike)) and str(given[0]).startswith(tuple(roots)):
            done += 1
            if done == int(wanted):
                os.kill(os.getpid(), int(blow))

sys.addaudithook(watch)
if told:
    atexit.register(lambda: open(told, "w").write(str(done)))
from asot import workers
from asot.cli import main
workers.WORTH_S = 0 if spread else workers.WORTH_S
sys.exit(main())
"""
LONGEST = 600  # seconds, of a command; others may work beside
# What differs between two runs of the same command, as it is meant to.
_DRAWN = [
    (re.compile(rb"nonce-?[=\"' ]*[0-9a-f]{32}"), b"nonce"),
    (re.compile(rb'"seconds": [0-9.e+-]+'), b"seconds"),
    (re.compile(rb'DATE="[^"]*"|"date": "[^"]*"|URN">[^<]*<|urn:nl[^<"]*'), b"date"),
]


@dataclass
class Case:
    """A command, in a folder ``work`` that ``before`` is copied to.

    Files that match ``finished`` are never made twice, nor those that match ``kept`` swept. The
    commands ``then`` follow it; with them it leaves what the case ``like`` leaves. What is
    ``spread`` gives jobs to other processes, however short they are.
    """

    name: str
    words: Sequence[object]
    before: Path | None = None
    finished: Sequence[str] = ()
    kept: str = ""
    differs: str = ""
    then: Sequence[Sequence[object]] = ()
    like: Case | None = None
    spread: bool = False


@dataclass
class Ring:
    """Where commands are struck; ``work`` is a new folder for each, in the same place."""

    root: Path
    environment: dict[str, str]
    undisturbed: dict[str, tuple[dict[str, bytes], int, float]] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        """Return the folder in which commands write."""
        return self.root / "work"

    @property
    def temporary(self) -> Path:
        """Return the folder of temporary files."""
        return self.root / "tmp"

    def strike(self, case: Case, rng: random.Random, blows: int = 2) -> str:
        """Stop a command at drawn moments, give it again, and say what is wrong, if anything."""
        whole, changes, seconds = self.whole(case)
        self.clear(case)
        places, done = case.name, dict[str, int]()
        for _ in range(blows):
            blow = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            at = rng.randint(1, changes) if rng.random() < 0.6 else 0
            process = self.start(case, blow, at)
            workers: list[int] = []
            if not at:
                time.sleep(rng.uniform(0.1, 1) * seconds)
                workers = workers_of(process.pid) if rng.random() < 0.5 else []
                with suppress(ProcessLookupError):
                    os.kill(workers[0] if workers else process.pid, blow)
            _, complaint = process.communicate(timeout=LONGEST)
            moment = f"change {at} of {changes}" if at else "a moment"
            places += f", {blow.name} {'of a worker ' if workers else ''}at {moment}"
            code = process.returncode
            # The signal may come while Python starts or ends, where nobody can take it.
            meant = {-blow, 0} if blow == signal.SIGKILL else {128 + blow, -blow, 0}
            meant = {0} if workers else meant
            if code not in meant or ("Traceback" in complaint and code == 128 + blow):
                return f"{places}: ended with {code}: {complaint}"
            if code == 128 + blow and self.litter(case):
                return f"{places}: left {self.litter(case)}"
            if again := self.anew(case, done):
                return f"{places}: makes {again} twice"
            done |= self.finished(case)
        for words in (case.words, *case.then):
            process = self.start(case, words=words)
            _, complaint = process.communicate(timeout=LONGEST)
            if process.returncode:
                return f"{places}: given again, it ends with {process.returncode}: {complaint}"
        if self.litter(case):
            return f"{places}: given again, it leaves {self.litter(case)}"
        if again := self.anew(case, done):
            return f"{places}: given again, it makes {again} twice"
        found = self.content(case)
        others = {one for one in {*whole, *found} if whole.get(one) != found.get(one)}
        if others:
            return f"{places}: given again, {sorted(others)} are others"
        return ""

    def whole(self, case: Case) -> tuple[dict[str, bytes], int, float]:
        """Return what an undisturbed run leaves, how many changes it makes, and its seconds."""
        if case.name not in self.undisturbed:
            self.clear(case)
            started = time.monotonic()
            process = self.start(case, told=self.root / "told")
            _, complaint = process.communicate(timeout=LONGEST)
            assert process.returncode == 0, (case.name, complaint)
            changes, seconds = int((self.root / "told").read_text()), time.monotonic() - started
            for words in case.then:
                process = self.start(case, words=words)
                _, complaint = process.communicate(timeout=LONGEST)
                assert process.returncode == 0, (case.name, complaint)
            assert not self.litter(case), (case.name, self.litter(case))
            content = self.content(case)
            if case.like is not None:
                wanted = self.whole(case.like)[0]
                others = {one for one in {*wanted, *content} if wanted.get(one) != content.get(one)}
                assert not others, (case.name, sorted(others))
            self.undisturbed[case.name] = content, changes, seconds
        return self.undisturbed[case.name]

    def clear(self, case: Case) -> None:
        """Make the folders anew."""
        for folder in (self.work, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        if case.before is not None:
            shutil.copytree(case.before, self.work, dirs_exist_ok=True)

    def start(
        self,
        case: Case,
        blow: int = 0,
        at: int = 0,
        told: Path | None = None,
        words: Sequence[object] = (),
    ) -> subprocess.Popen[str]:
        """Start a command, to be ended by a signal before a change of files."""
        given = [told or "", int(blow), at, "spread" if case.spread else ""]
        hook = [sys.executable, "-c", _HOOK, *given, self.work, self.temporary, "--"]
        return subprocess.Popen(
            [*map(str, hook), *map(str, words or case.words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, "TMPDIR": str(self.temporary)},
            cwd=self.work,
        )

    def litter(self, case: Case) -> list[str]:
        """List hidden files, which are unfinished ones, and temporary ones."""
        found = [*self.work.rglob(".*"), *self.temporary.iterdir()]
        names = [str(one.relative_to(self.root)) for one in found if one.name != ".asked"]
        # torch makes an empty folder there, for what it compiles.
        allowed = "torchinductor_" + (f"|{case.kept}" if case.kept else "")
        return [one for one in names if not re.search(allowed, one)]

    def finished(self, case: Case) -> dict[str, int]:
        """Return when each finished part was made."""
        paths = {path for pattern in case.finished for path in self.work.glob(pattern)}
        return {str(path): path.stat().st_mtime_ns for path in sorted(paths)}

    def anew(self, case: Case, done: dict[str, int]) -> list[str]:
        """List finished parts that were made at another time than they were."""
        return [name for name, made in self.finished(case).items() if done.get(name, made) != made]

    def content(self, case: Case) -> dict[str, bytes]:
        """Return what each file holds, but for what is meant to differ."""
        found = {}
        for path in filter(Path.is_file, sorted(self.work.rglob("*"))):
            name = str(path.relative_to(self.work))
            if case.differs and re.search(case.differs, name):
                continue
            content = path.read_bytes()
            if path.suffix in (".zip", ".xlsx", ".textgrid.zip") and zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    content = repr([(one.filename, one.CRC) for one in archive.infolist()]).encode()
            for pattern, instead in _DRAWN:
                content = pattern.sub(instead, content)
            found[name] = content
        return found


def workers_of(process: int) -> list[int]:
    """List the processes that do jobs for another, where the system tells of them."""
    found = []
    for path in Path("/proc").glob(f"{process}/task/*/children"):
        with suppress(OSError):
            for one in path.read_text().split():
                if b"spawn_main" in Path("/proc", one, "cmdline").read_bytes():
                    found.append(int(one))
    return found


def environment_of(cache: Path) -> dict[str, str]:
    """Return the environment for commands, with one thread and a cache."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "ASOT_CACHE": str(cache)}

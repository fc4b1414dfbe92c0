"""What a second core gains, and what it costs beside others: ``python -m benchmarks.cores``.

Each task runs in a process of its own on one thread and on two, in turn, on a machine that is
idle, beside one process that keeps a core busy, and beside six. Printed are the median seconds,
those of the processor, and how many times as long one thread takes. Asked for are 1.6 on an idle
machine, at least 0.87 (1.15 times as long as one thread) beside one process and 0.67 beside six.
On a machine that does other work too the figures mean little: see the seconds of the processor.

Two cores seldom do twice the work of one: they share memory, caches and, often, a core's units. How
much the machine gives at most is printed last: the task twice at once, each on one thread.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
LOADS = (0, 1, 6)
FILES, ROWS = 24, 60_000


def fit() -> None:
    """Fit a segmenter to 50 recordings of some 415 frames in 10 columns."""
    from asot import ActionSegmenter

    ActionSegmenter(n_actions=10, random_state=0).fit(recordings(50))


def decode(folder: Path) -> None:
    """Segment some million frames with a small team, which is fitted before the clock begins."""
    from asot import ActionSegmenter

    few = recordings(8)
    segmenter = ActionSegmenter(n_actions=10, team=1, epochs=2, random_state=0).fit(few)
    many = [np.tile(one, (8, 1)) for one in recordings(50)] * 4
    timed(lambda: segmenter.predict(many))


def extract(folder: Path) -> None:
    """Make features of sensor logs."""
    from asot.inputs.extract import extract
    from asot.inputs.find import find_inputs
    from asot.inputs.settings import SeriesSettings, VideoSettings
    from asot.progress import silent

    logs = folder / "logs"
    with tempfile.TemporaryDirectory(dir=folder) as out:
        place, settings = Path(out), (VideoSettings(), SeriesSettings())
        timed(lambda: extract(find_inputs([logs]), place, *settings, silent))


def segment(folder: Path) -> None:
    """Do all of asot segment on a part of the logs."""
    from asot.cli import main

    words = ["segment", *map(str, sorted((folder / "logs").iterdir())[:12]), "--n_actions", "6"]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        timed(lambda: main([*words, "--out", str(Path(out) / "results")]))


def fitted(folder: Path) -> None:
    """Time ``fit`` after the libraries are loaded."""
    from asot.model import learners  # noqa: F401
    from asot.model.network import warm_up

    warm_up()
    timed(fit)


TASKS = {"fit": fitted, "decode": decode, "extract": extract, "segment": segment}


def recordings(count: int) -> list[np.ndarray]:
    from asot.simulation import make_recordings

    made = make_recordings(count, 10, (400, 430), width=10, random_state=0).features
    return [np.ascontiguousarray(one, dtype=np.float32) for one in made]


def write_logs(folder: Path) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(FILES):
        levels = np.repeat(rng.normal(size=(60, 4)), ROWS // 60, axis=0)
        rows = levels + 0.3 * rng.normal(size=levels.shape)
        table = np.hstack([np.arange(len(rows))[:, None] / 50, rows])
        lines = "time,a,b,c,d\n" + "\n".join(",".join(f"{x:.4f}" for x in row) for row in table)
        (folder / f"log-{number:02d}.csv").write_text(lines)


def timed(action: object) -> None:
    """Print the seconds on the wall and of the processor, with those of other processes of ours."""
    assert callable(action)
    before = time.perf_counter(), _processor()
    action()
    sys.stderr.write(f"TIMED {time.perf_counter() - before[0]} {_processor() - before[1]}\n")


def _processor() -> float:
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(sum(resource.getrusage(one)[:2]) for one in kinds)


def measure(task: str, threads: int, folder: Path) -> tuple[float, float]:
    """Run a task in a process of its own; return the seconds on the wall and of the processor."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cores", "--task", task, "--folder", str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(one for one in done.stderr.splitlines() if one.startswith("TIMED"))
    wall, processor = map(float, line.split()[1:])
    return wall, processor


def twice(task: str, folder: Path) -> float:
    """Run a task twice at once, on one thread each; return the seconds of the longer."""
    with ThreadPoolExecutor(2) as pool:
        return max(pool.map(lambda _: measure(task, 1, folder)[0], range(2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", choices=TASKS, nargs="+", default=list(TASKS))
    parser.add_argument("--loads", type=int, nargs="+", default=LOADS, help="busy processes beside")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        TASKS[options.task](options.folder)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_logs(folder / "logs")
        heads = "one thread: wall, processor", "two: wall, processor", "ratio", "of at most"
        print("task     beside  ", "   ".join(heads))
        for task in options.only:
            measure(task, 1, folder)  # compiles, and fills the caches
            for load in options.loads:
                busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(load)]
                try:
                    taken: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
                    for _ in range(options.repeats):
                        for threads, times in taken.items():
                            times.append(measure(task, threads, folder))
                finally:
                    for one in busy:
                        one.kill()
                        one.wait()
                (w1, c1), (w2, c2) = (
                    [median(part) for part in zip(*times, strict=True)] for times in taken.values()
                )
                cells = f"{w1:14.2f} {c1:12.2f} {w2:14.2f} {c2:9.2f} {w1 / w2:7.2f}"
                line = f"{task:8} {load:6} {cells}"
                if load == 0:
                    both = median(twice(task, folder) for _ in range(options.repeats))
                    line += f"   of {2 * w1 / both:.2f}"
                print(line, flush=True)


if __name__ == "__main__":
    main()

"""Peak memory and open files of whole commands, for few recordings and for many.

The recordings are simulated in Breakfast's manner, 2,100 frames of 64 columns on average. A command
runs in a process of its own, which is looked at from outside ten times a second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from asot.errors import DataError
from asot.simulation import LabelModel, load_preset, write_simulation

N_ACTIONS = 8
BRIEF = ("--n_actions", str(N_ACTIONS), "--training.epochs", "1")
RECIPE = f"n_actions: {N_ACTIONS}\nteam: 1\ntraining: {{epochs: 1}}\n"
COMMANDS = {
    "team": "train default {brief} --team 1 --data {data}",
    "network": "train paper {brief} --data {data}",
    # Of arrays that are recordings: features are made of them first.
    "segment": "segment {data}/features --rate 10 --frame_rate all --recipe {recipe}",
}


def measure_memory(sizes: tuple[int, int], mean_length: int = 2_100) -> dict[str, Any]:
    """Return the figures of each command by the number of recordings, and the ratio of peaks."""
    if not Path("/proc/self/status").exists():
        raise DataError("Peak memory and open files are counted in /proc, as on Linux.")
    found: dict[str, Any] = {name: {} for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            data = Path(folder) / f"data-{size}"
            labels = LabelModel(size, N_ACTIONS, mean_length).draw()
            write_simulation(labels, load_preset("breakfast").model, data)
            recipe = Path(folder) / "recipe.yaml"
            recipe.write_text(RECIPE, encoding="utf-8")
            for name, words in COMMANDS.items():
                given = words.format(brief=" ".join(BRIEF), data=data, recipe=recipe)
                out = Path(folder) / f"{name}-{size}"
                found[name][size] = watch([*given.split(), "--out", str(out)])
    for by_size in found.values():
        few, many = (by_size[size]["peak_mb"] for size in sizes)
        by_size["ratio"] = many / few
    return found


def watch(words: list[str]) -> dict[str, float]:
    """Run a command of asot, and return its peak memory in MB, open files and CPU seconds."""
    files = 0
    before = os.times()
    with subprocess.Popen([sys.executable, "-m", "asot", *words], stdout=subprocess.DEVNULL) as job:
        while (found := _files_and_peak(job.pid)) is not None:
            files, peak = max(files, found[0]), found[1]
            time.sleep(0.1)
    if job.returncode:
        raise DataError(f"asot {' '.join(words)} ended with exit code {job.returncode}.")
    after = os.times()
    spent = sum(after[2:4]) - sum(before[2:4])
    return {"peak_mb": peak, "open_files": files, "cpu_s": spent}


def _files_and_peak(pid: int) -> tuple[int, float] | None:
    """Count the open files of a process, and return its peak memory so far; None at its end."""
    try:
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    peak = next((line for line in lines if line.startswith("VmHWM")), None)
    return None if peak is None else (files, int(peak.split()[1]) / 1024)

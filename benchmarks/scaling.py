"""How time and memory grow, for the backend that ``asot.solve`` takes by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import asot
from benchmarks.problem import RADIUS, make_cost
from benchmarks.timing import first_call, interleave

# By what grows; the rest of each problem is a recording of 20,000 frames and 12 actions.
SIZES: dict[str, tuple[float, ...]] = {
    "N": (20_000, 40_000, 80_000, 160_000),
    "K": (8, 16, 32, 64),
    "radius": (0.001, 0.01, 0.1, 0.5),
}
QUICK_SIZES: dict[str, tuple[float, ...]] = {"N": (500, 1000), "K": (8, 16), "radius": (0.01, 0.1)}
LONG = 1_000_000

PROBE = """
import sys
import numpy as np
import asot

def resident(what):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(what))

asot.solve(np.ones((40, 3), dtype=np.float32))
cost = np.random.default_rng(0).random((int(sys.argv[1]), 20), dtype=np.float32)
before = resident("VmRSS")
solution = asot.solve(cost)
print((resident("VmHWM") - before) / cost.nbytes)
"""


def measure_scaling(rounds: int, quick: bool) -> dict[str, Any]:
    """Milliseconds and the exponents of growth, and peak memory in sizes of the cost.

    An exponent is the slope of log time over log size: 1 is linear, 0 flat.
    """
    sizes = QUICK_SIZES if quick else SIZES
    fixed = QUICK_SIZES["N"][-1] if quick else SIZES["N"][0]
    report: dict[str, Any] = {"exponents": {}, "milliseconds": {}}
    for name, values in sizes.items():
        calls = {}
        for value in values:
            n_frames = int(value if name == "N" else fixed)
            n_actions = int(value if name == "K" else 12)
            radius = value if name == "radius" else RADIUS
            cost = make_cost((1, n_frames, n_actions))
            calls[str(value)] = lambda cost=cost, radius=radius: asot.solve(cost, radius=radius)
        figures = {size: first_call(call)[1] for size, call in calls.items()}
        interleave(calls, figures, rounds)
        seconds = [one.seconds for one in figures.values()]
        report["milliseconds"][name] = {size: 1e3 * one.seconds for size, one in figures.items()}
        report["exponents"][name] = float(np.polyfit(np.log(values), np.log(seconds), 1)[0])
    if not quick:
        report["peak_memory"] = {"n_frames": LONG, "costs": peak_memory(LONG)}
    return report


def peak_memory(n_frames: int) -> float | None:
    """Peak memory beyond the cost itself with 20 actions, in sizes of the cost.

    In a process of its own; None where the system does not tell (other than Linux).
    """
    if not Path("/proc/self/status").exists():
        return None
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, str(n_frames)], capture_output=True, text=True, check=True
    )
    return float(probe.stdout)

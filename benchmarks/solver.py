"""The solver beside its floor and beside other solvers: a table and a JSON file.

    python benchmarks/solver.py [--release PATH] [--out FILE.json] [--repeats 15] [--quick]

The floor is ``torch.exp`` over 25 B N K numbers: one exp an element and iteration. All contenders
of a shape are timed in turn, round after round, and medians are compared, so that whatever else
the machine does falls on all of them alike. J is always asot's own, of what a contender returned,
whatever it optimised.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np
import torch

import asot
from asot.files import write_text

EPSILON, ALPHA, RADIUS, LAMBDA, ITERATIONS = 0.07, 0.3, 0.04, 0.1, 25
SHAPES = [
    (batch, n_frames, n_actions)
    for batch, n_frames in [(2, 256), (32, 256), (1, 745), (1, 5292), (1, 11000)]
    for n_actions in (8, 12, 19, 22)
]
QUICK = [(2, 256, 12), (32, 256, 19), (1, 5292, 8)]
LIBRARIES = ("numpy", "torch", "numba", "ott-jax", "jax", "POT", "fugw")

Solver = Callable[[np.ndarray], np.ndarray | None]


def make_cost(batch: int, n_frames: int, n_actions: int) -> np.ndarray:
    """A noisy cost whose actions follow one another."""
    rng = np.random.default_rng(n_frames * n_actions)
    cost = rng.random((batch, n_frames, n_actions), dtype=np.float32)
    frames = np.arange(n_frames)
    cost[:, frames, frames * n_actions // n_frames] *= 0.4
    return cost


def objective(assignment: np.ndarray, cost: np.ndarray) -> float:
    """J, the mean over a batch, of an assignment with rows that sum to 1; in double precision."""
    assignment = np.asarray(assignment, dtype=np.float64)
    rows = assignment.sum(axis=2, keepdims=True)
    start = asot.solve(
        cost.astype(np.float64),
        EPSILON,
        ALPHA,
        RADIUS,
        LAMBDA,
        initial=assignment / rows,
        max_iterations=0,
        backend="torch",
    )
    return float(np.mean(start.objective.total))


def floor(shape: tuple[int, int, int]) -> Solver:
    numbers = torch.randn(ITERATIONS * math.prod(shape))

    def run(cost: np.ndarray) -> None:
        torch.exp(numbers)

    return run


def ours(backend: str) -> Solver:
    def run(cost: np.ndarray) -> np.ndarray:
        return asot.solve(cost, EPSILON, ALPHA, RADIUS, LAMBDA, backend=backend).assignment

    return run


def release(folder: Path) -> Solver:
    # The authors' module has our package's name.
    place = importlib.util.spec_from_file_location("authors_asot", folder / "src" / "asot.py")
    if place is None or place.loader is None:
        raise SystemExit(f"{folder} has no src/asot.py.")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)

    def run(cost: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found = module.segment_asot(
                torch.from_numpy(cost),
                eps=EPSILON,
                alpha=ALPHA,
                radius=RADIUS,
                lambda_actions=LAMBDA,
                n_iters=(ITERATIONS, 1),
            )
        return found[0].numpy()

    return run


def time_shape(
    shape: tuple[int, int, int], contenders: dict[str, Solver], repeats: int
) -> dict[str, Any]:
    """Median milliseconds of each contender and its J, all timed in turn."""
    cost = make_cost(*shape)
    contenders = {"floor": floor(shape), **contenders}
    first, seconds = {}, {name: [] for name in contenders}
    answers = {}
    for name, solver in contenders.items():
        before = time.perf_counter()
        answers[name] = solver(cost)
        first[name] = 1e3 * (time.perf_counter() - before)
    for _ in range(repeats):
        for name, solver in contenders.items():
            before = time.perf_counter()
            solver(cost)
            seconds[name].append(time.perf_counter() - before)
    return {
        "shape": shape,
        "milliseconds": {name: 1e3 * median(values) for name, values in seconds.items()},
        "fastest": {name: 1e3 * min(values) for name, values in seconds.items()},
        "first_call": first,
        "objective": {
            name: objective(answer, cost) for name, answer in answers.items() if answer is not None
        },
    }


def slope(points: list[tuple[float, float]]) -> float:
    """Exponent of the power law through (size, time): 1 is linear, 0 flat."""
    sizes, times = np.log(np.array(points)).T
    return float(np.polyfit(sizes, times, 1)[0])


def scaling(repeats: int) -> dict[str, float]:
    """How time grows with N, with K and with the radius, for the fastest of our backends."""

    def seconds(n_frames: int, n_actions: int, radius: float) -> float:
        cost = make_cost(1, n_frames, n_actions)
        times = []
        for _ in range(repeats + 1):
            before = time.perf_counter()
            asot.solve(cost, radius=radius)
            times.append(time.perf_counter() - before)
        return min(times[1:])

    return {
        "N": slope([(n, seconds(n, 12, RADIUS)) for n in (20_000, 40_000, 80_000, 160_000)]),
        "K": slope([(k, seconds(20_000, k, RADIUS)) for k in (8, 16, 32, 64)]),
        "radius": slope([(r, seconds(20_000, 12, r)) for r in (0.001, 0.01, 0.1, 0.5)]),
    }


MEMORY_PROBE = """
import resource, numpy as np, asot
asot.solve(np.ones((40, 3), dtype=np.float32))
cost = np.random.default_rng(0).random((1_000_000, 20), dtype=np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
solution = asot.solve(cost)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / cost.nbytes)
"""


def peak_memory() -> float:
    """Peak memory beyond the cost itself at N = 1,000,000 and K = 20, in sizes of the cost."""
    probe = subprocess.run(
        [sys.executable, "-c", MEMORY_PROBE], capture_output=True, text=True, check=True
    )
    return float(probe.stdout)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":")[1].strip() if names else model
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = None
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        **versions,
    }


def show(results: list[dict[str, Any]], names: list[str]) -> None:
    print(f"{'B x N x K':>16} {'floor ms':>9}" + "".join(f"{name:>20}" for name in names))
    for result in results:
        times = result["milliseconds"]
        line = f"{' x '.join(map(str, result['shape'])):>16} {times['floor']:9.3f}"
        for name in names:
            ratio = times[name] / times["floor"]
            line += f"{times[name]:11.3f} {ratio:7.1f}x"
        print(line)
    print(f"{'geometric mean':>26}" + "".join(f"{_mean(results, name):19.1f}x" for name in names))


def _mean(results: list[dict[str, Any]], name: str) -> float:
    times = [result["milliseconds"] for result in results]
    return geometric_mean(one[name] / one["floor"] for one in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", type=Path, help="a checkout of the authors' release")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, help="of torch and of asot; all cores unless given")
    parser.add_argument("--quick", action="store_true", help="three shapes, no memory, no slopes")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    contenders: dict[str, Solver] = {}
    if importlib.util.find_spec("numba"):
        contenders["cpu"] = ours("cpu")
    else:
        print("Without Numba there is no compiled solver to time: pip install 'asot[fast]'.")
    contenders["torch"] = ours("torch")
    if options.release:
        contenders["release"] = release(options.release)
    about = machine()
    print(", ".join(f"{name} {value or 'not installed'}" for name, value in about.items()))

    results = []
    for shape in QUICK if options.quick else SHAPES:
        results.append(time_shape(shape, contenders, options.repeats))
        show(results[-1:], list(contenders))
    print()
    show(results, list(contenders))
    figures: dict[str, Any] = {"machine": about, "shapes": results}
    if not options.quick:
        figures["slopes"] = scaling(3)
        figures["peak_memory"] = peak_memory()
        print("time grows as", {name: round(value, 2) for name, value in figures["slopes"].items()})
        print(f"1,000,000 x 20: {figures['peak_memory']:.2f} sizes of the cost, beside the cost")
    if options.out:
        write_text(options.out, json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

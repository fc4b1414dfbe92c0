"""Memory and time of gradients through a solve: ``python -m benchmarks.gradients``.

Each way runs in a process of its own, on one thread and in single precision: a small problem first,
which loads and compiles what is needed, then the costs of the other benchmarks, forwards and
backwards. Printed are the iterations; the seconds of the processor, of the second call; and by how
much the first raised the process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import torch

from benchmarks.problem import make_cost

TO_THE_END = {"tolerance": 1e-6, "max_iterations": 10_000}
WAYS: dict[str, dict[str, Any]] = {
    "unrolled, 25": {},
    "unrolled to the end": TO_THE_END,
    "implicit": {"gradient": "implicit", **TO_THE_END},
}
LENGTHS, ACTIONS = (500, 2000, 8000), (10, 50)


def differentiate(way: str, n_frames: int, n_actions: int) -> tuple[float, int]:
    """Return the seconds of a solve and its gradient, and the iterations."""
    import asot

    cost = torch.from_numpy(make_cost((1, n_frames, n_actions))).requires_grad_()
    start = time.process_time()
    solution = asot.solve(cost, **WAYS[way])
    solution.assignment.square().sum().backward()
    return time.process_time() - start, solution.status[0].iterations


def measure(way: str, n_frames: int, n_actions: int) -> dict[str, float]:
    """Return the figures of one way, in this process."""
    torch.set_num_threads(1)
    differentiate(way, 50, 3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    differentiate(way, n_frames, n_actions)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds, iterations = differentiate(way, n_frames, n_actions)
    return {"iterations": iterations, "seconds": seconds, "peak_mb": peak / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--actions", type=int, nargs="+", default=ACTIONS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        way, n_frames, n_actions = options.one
        print(json.dumps(measure(way, int(n_frames), int(n_actions))))
        return
    print("| N | K | way | iterations | seconds | MB |\n|---|---|---|---|---|---|")
    for n_frames in options.lengths:
        for n_actions in options.actions:
            for way in WAYS:
                words = [sys.executable, "-m", "benchmarks.gradients", "--one", way]
                words += [str(n_frames), str(n_actions)]
                found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
                print(
                    f"| {n_frames} | {n_actions} | {way} | {found['iterations']:.0f} "
                    f"| {found['seconds']:.3f} | {found['peak_mb']:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

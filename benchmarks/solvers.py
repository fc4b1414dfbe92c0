"""The floor, asot's backends, and the authors' release.

A contender is a function from a cost (B, N, K) to a call without arguments that solves it; data
that a user of it would have in place before (tensors on a card, dense matrices) are put there
outside of the call.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import asot
from asot.errors import DataError
from benchmarks.problem import ALPHA, EPSILON, ITERATIONS, LAMBDA, RADIUS
from benchmarks.timing import Call

Contender = Callable[[NDArray[np.float32]], Call]


def floor(cost: NDArray[np.float32], device: str = "cpu") -> Call:
    """``torch.exp`` over 25 B N K numbers, into memory that is there already."""
    numbers = torch.randn(ITERATIONS * math.prod(cost.shape), device=device)
    answers = torch.empty_like(numbers)
    return _waiting(lambda: torch.exp(numbers, out=answers), device)


def fresh_floor(cost: NDArray[np.float32], device: str = "cpu") -> Call:
    """The same into fresh memory: up to three times the floor where pages come from the system."""
    numbers = torch.randn(ITERATIONS * math.prod(cost.shape), device=device)
    return _waiting(lambda: torch.exp(numbers), device)


def ours(cost: NDArray[np.float32], backend: str, device: str = "cpu") -> Call:
    """``asot.solve`` as a user calls it: a NumPy array, or a tensor on a card."""
    given: Any = cost if device == "cpu" else torch.from_numpy(cost).to(device)
    options = {"epsilon": EPSILON, "alpha": ALPHA, "radius": RADIUS, "lambda_actions": LAMBDA}
    return _waiting(lambda: asot.solve(given, backend=backend, **options).assignment, device)


def release(cost: NDArray[np.float32], folder: Path, device: str = "cpu") -> Call:
    """The authors' solver, from a checkout of theirs."""
    solve = _release_module(folder).segment_asot
    given = torch.from_numpy(cost).to(device)

    def call() -> torch.Tensor:
        with torch.no_grad():
            found = solve(
                given,
                eps=EPSILON,
                alpha=ALPHA,
                radius=RADIUS,
                lambda_actions=LAMBDA,
                n_iters=(ITERATIONS, 1),
            )
        coupling: torch.Tensor = found[0]
        return coupling

    return _waiting(call, device)


@functools.cache
def _release_module(folder: Path) -> Any:
    file = folder / "src" / "asot.py"
    # Its module has our package's name.
    place = importlib.util.spec_from_file_location("authors_asot", file)
    if place is None or place.loader is None:
        raise DataError(f"{folder} is no checkout of the authors' release: it has no src/asot.py.")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def _waiting(call: Call, device: str) -> Call:
    """The call, and the wait for what it left running on a card."""
    if device == "cpu":
        return call

    def waited() -> Any:
        answer = call()
        torch.cuda.synchronize()
        return answer

    return waited

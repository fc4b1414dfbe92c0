"""The solver over a grid of shapes: times, ratios, and J of everybody who is here."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import solvers
from benchmarks.problem import Shape, make_cost, objective
from benchmarks.solvers import Contender
from benchmarks.timing import Call, first_call, interleave

FLOORS = ("floor", "fresh_floor")


@dataclass
class Entries:
    """Who takes part, on one device.

    Attributes
    ----------
    ours : str
        The backend that all others are compared with.
    contenders : dict of str to callable
        By name, the floor and ours among them.
    absent : dict of str to str
        Who does not take part, and why.
    """

    device: str
    ours: str
    contenders: dict[str, Contender]
    absent: dict[str, str] = field(default_factory=dict)


def enter(release: Path | None, device: str = "cpu") -> Entries:
    """Everybody who is installed here and can be timed on a device."""
    contenders: dict[str, Contender] = {
        "floor": partial(solvers.floor, device=device),
        "fresh_floor": partial(solvers.fresh_floor, device=device),
    }
    ours = "cpu" if device == "cpu" else "cuda"
    for backend in (ours, "torch"):
        contenders[backend] = partial(solvers.ours, backend=backend, device=device)
    entries = Entries(device, ours, contenders)
    if device == "cpu":
        _enter_libraries(entries)
    if release is None:
        entries.absent["release"] = "no --release"
    else:
        contenders["release"] = partial(solvers.release, folder=release, device=device)
    return entries


def _enter_libraries(entries: Entries) -> None:
    if importlib.util.find_spec("ott") and importlib.util.find_spec("jax"):
        from benchmarks import banded

        entries.contenders["ott"] = banded.ott
    else:
        entries.absent["ott"] = "ott-jax is not installed"
    for module, name in (("ot", "pot"), ("fugw", "fugw")):
        if importlib.util.find_spec(module):
            from benchmarks import others

            entries.contenders[name] = getattr(others, name)
        else:
            entries.absent[name] = f"{name} is not installed"


def time_shape(shape: Shape, entries: Entries, rounds: int) -> dict[str, Any]:
    """Milliseconds of each contender on a shape, ratios to the floor and to ours, and J.

    A contender that fails is left out; ``failed`` has its reason.
    """
    cost = make_cost(shape)
    calls: dict[str, Call] = {}
    figures, objectives, failed = {}, {}, {}
    iterations: dict[str, int] = {}
    for name, contender in entries.contenders.items():
        if name in ("pot", "fugw") and shape[1] > _most_frames():
            failed[name] = "a dense N x N matrix of this size"
            continue
        try:
            call = contender(cost)
            answer, figures[name] = first_call(call)
        except Exception as error:  # whatever others' code raises
            failed[name] = " ".join(f"{type(error).__name__}: {error}".split())
            continue
        calls[name] = call
        if name not in FLOORS:
            objectives[name] = objective(_array(answer), cost)
    if "ott" in calls and entries.ours in objectives:
        from benchmarks import banded

        loop, iterations["ott_loop"] = banded.ott_loop(cost, objectives[entries.ours])
        calls["ott_loop"] = loop
        answer, figures["ott_loop"] = first_call(loop)
        objectives["ott_loop"] = objective(_array(answer), cost)
    interleave(calls, figures, rounds)
    seconds = {name: figures[name].seconds for name in calls}
    mine = seconds.get(entries.ours)
    return {
        "shape": list(shape),
        "device": entries.device,
        "milliseconds": {name: 1e3 * value for name, value in seconds.items()},
        "single_call_ms": {name: 1e3 * figures[name].single for name in calls},
        "rounds": {name: [1e3 * value for value in figures[name].rounds] for name in calls},
        # The loop's is compiled before, in the search for its number of iterations.
        "first_call_ms": {name: 1e3 * figures[name].first for name in calls if name != "ott_loop"},
        "times_the_floor": {name: value / seconds["floor"] for name, value in seconds.items()},
        "times_ours": {}
        if mine is None
        else {name: value / mine for name, value in seconds.items()},
        "objective": objectives,
        "iterations": iterations,
        "failed": failed,
    }


def _most_frames() -> int:
    from benchmarks.others import MOST_FRAMES

    return MOST_FRAMES


def _array(answer: Any) -> NDArray[Any]:
    return answer.cpu().numpy() if isinstance(answer, torch.Tensor) else np.asarray(answer)


def summary(results: list[dict[str, Any]], key: str) -> dict[str, dict[str, float]]:
    """Least, greatest and geometric mean over the shapes of the ratios under ``key``."""
    names = {name: None for result in results for name in result[key]}
    found = {}
    for name in names:
        ratios = [result[key][name] for result in results if name in result[key]]
        found[name] = {
            "least": min(ratios),
            "greatest": max(ratios),
            "geometric_mean": geometric_mean(ratios),
        }
    return found

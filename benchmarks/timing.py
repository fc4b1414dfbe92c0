"""Contenders timed in turn, so that whatever else the machine does falls on all of them alike.

In each round a contender is called once, just after all others, and then again and again for five
milliseconds, or once where a call takes longer. The mean of the calls that came again is the
round's figure: caches and branch predictors are as warm as in a loop. The single call before them,
with cold ones, is kept apart. A contender whose calls take over a quarter of a second is called
once a round, for both. One that has taken half a minute in all sits out the rounds that are left,
after three.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

LEAST_SECONDS = 0.005
LONG_CALL = 0.25
PATIENCE = 30.0
LEAST_ROUNDS = 3

Call = Callable[[], Any]


@dataclass
class Figures:
    """One contender's times on one problem.

    Attributes
    ----------
    first : float
        Seconds of the very first call, compilation included.
    rounds : list of float
        Seconds a call in a loop, one figure a round.
    singles : list of float
        Seconds of the single call before each loop.
    """

    first: float
    rounds: list[float] = field(default_factory=list)
    singles: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median round."""
        return median(self.rounds)

    @property
    def single(self) -> float:
        """The median single call."""
        return median(self.singles)


def first_call(call: Call) -> tuple[Any, Figures]:
    """What a call returns, and how long it took the first time."""
    before = time.perf_counter()
    answer = call()
    return answer, Figures(time.perf_counter() - before)


def interleave(calls: Mapping[str, Call], figures: Mapping[str, Figures], rounds: int) -> None:
    """Add rounds of all ``calls`` to their ``figures``; each has been called once already."""
    spent = dict.fromkeys(calls, 0.0)
    for _ in range(rounds):
        for name, call in calls.items():
            known = figures[name]
            if len(known.rounds) >= LEAST_ROUNDS and spent[name] > PATIENCE:
                continue
            before = time.perf_counter()
            call()
            single = time.perf_counter() - before
            known.singles.append(single)
            known.rounds.append(single if single > LONG_CALL else _mean_of_calls(call))
            spent[name] += time.perf_counter() - before


def _mean_of_calls(call: Call) -> float:
    n_calls = 0
    start = time.perf_counter()
    while True:
        call()
        n_calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= LEAST_SECONDS:
            return elapsed / n_calls

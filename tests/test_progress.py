"""How long a whole job takes, told by a clock that stands still."""

from __future__ import annotations

import io
import re
import sys
import time
from pathlib import Path

import pytest

import asot
from asot.cli import console
from asot.progress import COSTS, LEARNING, PAGE, READING, VIDEO, Job, about, part_of

PLAN = (*READING, *LEARNING, *PAGE)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(job: Job, clock: Clock, lengths: dict[str, tuple[int, float]]) -> list[tuple[float, ...]]:
    """Report stages of so many steps and seconds; return the times, shares and estimates."""
    seen = []
    for stage, (steps, seconds) in lengths.items():
        job(stage, 0, steps)
        for done in range(1, steps + 1):
            clock.now += seconds / steps
            job(stage, done, steps)
            seen.append((job.elapsed, job.share(), job.left() or 0.0))
    return seen


@pytest.mark.parametrize("pace", [0.5, 1.0, 3.0])
def test_a_job_that_takes_longer_than_is_typical(pace: float) -> None:
    clock = Clock()
    video = 600
    stages = {VIDEO: (video, 0.0), "Training": (60, 0.0), "Voting": (18, 0.0)}
    stages |= {"Segmenting": (6, 0.0), "Page: recordings": (6, 0.0), "Page: clips": (40, 0.0)}
    lengths = {
        name: (steps, pace * (COSTS[name][0] + COSTS[name][1] * video))
        for name, (steps, _) in stages.items()
    }
    whole = sum(seconds for _, seconds in lengths.values())
    seen = run(Job(PLAN, clock), clock, lengths)
    shares = [share for _, share, _ in seen]
    assert shares == sorted(shares), "the bar never goes back"
    assert shares[-1] == pytest.approx(1)
    for elapsed, _, left in seen:
        if elapsed > 0.3 * whole:
            assert left == pytest.approx(whole - elapsed, abs=0.35 * whole)


def test_silence_and_stages_that_are_passed_over() -> None:
    clock = Clock()
    job = Job(PLAN, clock)
    assert (job.left(), job.share(), job.news) == (None, 0.0, "")
    job("Checking the data", 1, 1)
    job("Training", 0, 100, "0 of 20 learners")
    assert job.news == "Training 0 of 100, 0 of 20 learners"
    clock.now += 50
    assert (job.left() or 0) > 0, "longer than is typical, and still something is left"
    job("Training", 50, 100)
    assert job.left() == pytest.approx(50, rel=0.5)
    job("Page: recordings", 3, 3)
    assert (job.left() or 0) < 60, "what was begun may go on; what was passed over does not come"
    job("Training", 100, 100)
    before = job.share()
    job("Something else", 0, 9)
    assert job.share() >= before


def test_parts_of_a_job() -> None:
    heard: list[tuple[object, ...]] = []

    def take(*told: object) -> None:
        heard.append(told)

    part_of(take, 1, ["tea", "coffee"])("Training", 3, 10, "loss 1")
    part_of(take, 0, ["all"])("Training", 3, 10, "loss 1")
    assert heard == [("Training", 13, 20, "coffee: loss 1"), ("Training", 3, 10, "loss 1")]
    assert about(59) == "about 1 min"


def test_a_line_now_and_then_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "QUIET_S", 0.01)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with console.progress() as report:
        report("Reading", 1, 2)
        until = time.monotonic() + 30
        while not sys.stderr.getvalue() and time.monotonic() < until:  # type: ignore[attr-defined]
            time.sleep(0.01)
    assert sys.stderr.getvalue().startswith("asot: Reading 1 of 2")  # type: ignore[attr-defined]


def test_every_stage_has_its_costs() -> None:
    """A stage without a typical time would count for nothing before it begins."""
    source = Path(next(iter(asot.__path__)))
    named = set()
    for path in source.rglob("*.py"):
        named |= set(re.findall(r'(?:progress|tell|bars)\(\s*"([^"]+)", ', path.read_text()))
    assert named - set(COSTS) <= {"Simulating", "Decoding"}

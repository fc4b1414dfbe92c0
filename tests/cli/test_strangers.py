"""Files of strangers: each ends in a sentence, and nothing is written but where it was asked for.

The kinds, some 800, are in ``tests/strangers``. A few are drawn in every run.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.cli.trials import run_trials
from tests.strangers.drive import KINDS

# Of each kind of file some, and those that end before anything is learnt.
QUICK = ("alone", "binary", "recipe", "hdf5", "labels", "special_alone", "checkpoint", "names")


def drive(ready: Path, seed: int, names: list[str], environment: dict[str, str]) -> None:
    words = ["tests.strangers.drive", str(ready), str(seed), *names]
    assert run_trials(words, environment)


def test_a_few_kinds_end_in_sentences(
    finished: Path, seed: int, environment: dict[str, str]
) -> None:
    drawn = random.Random(seed)
    names = [
        one
        for kind in QUICK
        for one in drawn.sample([name for name in KINDS if name.startswith(f"{kind}_")], 1)
    ]
    drive(finished, seed, names, environment)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_all_kinds_end_in_sentences(tmp_path: Path, seed: int, environment: dict[str, str]) -> None:
    drive(tmp_path / "ready", seed, [], environment)

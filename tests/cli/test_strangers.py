"""Files of strangers: each ends in a sentence, and nothing is written but where it was asked for.

The kinds, some 800, are in ``tests/strangers``. A few are drawn in every run.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.strangers.drive import KINDS

# Of each kind of file some, and those that end before anything is learnt.
QUICK = ("alone", "binary", "recipe", "hdf5", "labels", "special_alone", "checkpoint", "names")


def drive(ready: Path, seed: int, names: list[str], environment: dict[str, str]) -> None:
    words = [sys.executable, "-m", "tests.strangers.drive", str(ready), str(seed), *names]
    ended = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=REPOSITORY, env=environment
    )
    found = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    wrong = [one for one in found if one["wrong"]]
    assert not wrong, json.dumps(wrong, indent=1)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert found


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

"""Files of ours that somebody altered: commands end in a sentence and leave other files alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from asot.cli import main
from tests.cli.trials import run_trials


@pytest.fixture(scope="module")
def results(toys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder of ``asot segment``, with names and corrected labels."""
    out = tmp_path_factory.mktemp("results") / "out"
    small = out.parent / "small.yaml"
    small.write_text("team: 1\ntraining: {epochs: 1, frames_per_recording: 32}\n")
    arrays = str(toys / "features")
    words = ["segment", arrays, "--recipe", str(small), "--n_actions", "4", "--out", str(out)]
    assert main(words) == 0
    for folder in ("groundTruth", "mapping"):
        shutil.copytree(toys / folder, out / "data" / folder)
    names = out / "names.json"
    names.write_text(
        json.dumps({"format": 1, "names": {"0": "pour"}, "merged": {"2": 1}, "background": [3]})
    )
    assert main(["relabel", str(out), str(names)]) == 0
    return out


def trials(results: Path, count: int, seed: int, environment: dict[str, str]) -> None:
    words = ["tests.cli.altered", str(results), str(count), str(seed)]
    assert len(run_trials(words, environment)) == count


def test_altered_files_end_in_sentences(
    results: Path, seed: int, environment: dict[str, str]
) -> None:
    trials(results, 12, seed, environment)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_150_altered_files(results: Path, seed: int, environment: dict[str, str]) -> None:
    trials(results, 150, seed, environment)

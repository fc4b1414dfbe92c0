"""Files of ours that somebody altered: commands end in a sentence and leave other files alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asot.cli import main


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
    words = [sys.executable, "-m", "tests.cli.altered", str(results), str(count), str(seed)]
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=root, env=environment
    )
    found = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    wrong = [one for one in found if one["wrong"]]
    assert not wrong, json.dumps(wrong, indent=1)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert len(found) == count


def test_altered_files_end_in_sentences(
    results: Path, seed: int, environment: dict[str, str]
) -> None:
    trials(results, 12, seed, environment)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_150_altered_files(results: Path, seed: int, environment: dict[str, str]) -> None:
    trials(results, 150, seed, environment)

"""Trials that run in a process of their own, and print a line of JSON for each."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.conftest import REPOSITORY


def run_trials(words: list[str], environment: dict[str, str]) -> list[Any]:
    """Run ``python -m`` with words; return what came of each trial, of which none went wrong."""
    ended = subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=environment,
    )
    found = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    wrong = [one for one in found if one["wrong"]]
    assert not wrong, json.dumps(wrong, indent=1)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return found

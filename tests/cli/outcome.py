"""What a command leaves, and the names that the tests share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.runs.regimes import snapshot

# Names that look like markup or are no ASCII: they come out as they are.
CLASSES = {0: "reach", 1: "pour milk", 2: "stir [bold]slowly[/bold]", 3: "spülen :coffee:"}
SHORT = ("--n_actions", "4", "--training.epochs", "3")


@dataclass
class Outcome:
    """What a command left: its exit code, and what it wrote to either stream."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> str:
        """Standard error without the lines of progress."""
        lines = self.err.splitlines(keepends=True)
        return "".join(one for one in lines if not one.startswith("asot: cell "))

    @property
    def sentence(self) -> str:
        """The one sentence on standard error."""
        lines = self.complaints.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("asot: ")
        return lines[0].removeprefix("asot: ")


Asot = Callable[..., Outcome]


def refusal_of_truth(asot: Asot, results: Path, truth: Path) -> str:
    """The sentence that refuses labels as the ground truth of results, which stay as they were."""
    before = snapshot(results)
    outcome = asot("evaluate", results, "--truth", truth)
    assert outcome.code == 2
    assert snapshot(results) == before
    return outcome.sentence


def shown_paths(outcome: Outcome, root: Path) -> list[Path]:
    """The paths below ``root`` that a command printed, each at the start of a line."""
    lines = outcome.out.splitlines()
    return [Path(line.split("  ")[0]) for line in lines if line.startswith(str(root))]


def in_shards(command: list[str], environment: dict[str, str], *words: object) -> list[str]:
    """Run both of two shards at the same time; what they print."""
    running = [
        subprocess.Popen(
            [*command, *map(str, words), "--shard", shard],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for shard in ("1/2", "2/2")
    ]
    said = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0, 0], said
    return [out for out, _ in said]

"""asot segment --model, on recordings that lack some of what the model knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asot.runs.predictions import find_predictions
from asot.runs.run import Run
from tests.cli.outcome import Asot
from tests.runs.regimes import write_logs


def without(path: Path, column: str, into: Path) -> None:
    """Copy a log without a column."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    gone = rows[0].index(column)
    lines = (",".join(cell for i, cell in enumerate(row) if i != gone) for row in rows)
    into.write_text("\n".join(lines) + "\n")


def test_a_recording_that_lacks_a_signal_is_segmented_all_the_same(
    asot: Asot, finished: Path, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    write_logs(tmp_path, seed, "whole")
    without(tmp_path / "whole.csv", "az", tmp_path / "logs" / "less.csv")
    (tmp_path / "whole.csv").rename(tmp_path / "logs" / "whole.csv")
    (tmp_path / "logs" / "other.csv").write_text(
        "time,light\n" + "".join(f"{i / 10},{i % 7}\n" for i in range(300))
    )
    words = ("segment", tmp_path / "logs", "--model", finished)
    outcome = asot(*words, "--out", tmp_path / "out")
    assert outcome.code == 0
    said = "Does without 1 of the 3 signals that the model knows (33 %): 'az'."
    assert said in outcome.out
    assert "has nothing of what the model knows, 'ax', 'ay', 'az'" in outcome.out
    folder = find_predictions(tmp_path / "out")
    less, whole = (folder.labels(name) for name in ("less", "whole"))
    assert np.mean(less == whole) > 0.7
    assert said in (tmp_path / "out" / "page" / "data" / "0.js").read_text()
    # Without standardising, 0 would be no usual value.
    recipe = Run(finished / "run").recipe()
    plain = replace(recipe, dataset=replace(recipe.dataset, standardise=False))
    monkeypatch.setattr(Run, "recipe", lambda self: plain)
    outcome = asot(*words, "--out", tmp_path / "again")
    assert outcome.code != 0
    assert "holds less, which lacks columns of the model" in outcome.err

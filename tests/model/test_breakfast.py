"""The five Breakfast videos of making coffee, with the Breakfast recipe."""

from __future__ import annotations

from pathlib import Path

from asot.model.recipe import load_recipe
from asot.runs.scores import score
from asot.runs.train import train_run


def test_a_run_on_the_folder(shared: Path, seed: int, tmp_path: Path) -> None:
    run = train_run(
        load_recipe("breakfast"), shared / "data", tmp_path / "run", seed=seed, device="cpu"
    )
    assert run is not None
    assert run.models() == ["coffee"]
    scored = score(run.predictions)
    assert len(scored.recordings) == 5
    assert scored.class_names[5] == "pour_coffee"
    # Over seeds the release reaches 0.49, with a deviation of 0.05; guessing gives about 0.2.
    assert 0.3 < scored.evaluations["activity"]["mof"] < 0.75
    assert run.predictions.assignment("P03_cam01_P03_coffee").shape == (917, 7)

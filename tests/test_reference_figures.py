"""Trained on the files the release was measured on, the recipes reach its scores.

The release's figures are from its own script, run on current libraries: means of seeds 0 to 7 on
the coffee videos (``python -m benchmarks --only scores``), of three seeds on the SVM scores. Ours
are means over five drawn seeds; three standard errors are allowed, for chance.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data import DatasetFolder, Recordings
from asot.metrics import evaluate
from asot.model.recipe import Recipe, load_recipe

SEEDS = 5


def mean_scores(
    recordings: Recordings, recipe: Recipe, n_actions: int, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Means and standard errors over seeds, in percent."""
    from asot.model.features import PreparedFeatures
    from asot.model.network import decode
    from asot.model.training import train

    features = PreparedFeatures(recordings.features, recipe.dataset.standardise)
    found: list[Any] = []
    for shift in range(SEEDS):
        model = train(features, recipe, n_actions, seed=seed + shift, device="cpu")
        labels = [decode(model, one)[0] for one in features]
        found.append(evaluate(labels, recordings.ground_truth))
    values = {name: 100 * np.array([one[name] for one in found]) for name in ("mof", "miou")}
    return (
        {name: float(one.mean()) for name, one in values.items()},
        {name: float(one.std(ddof=1) / np.sqrt(SEEDS)) for name, one in values.items()},
    )


@pytest.mark.slow
def test_breakfast_coffee(
    shared: Path, seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASOT_CACHE", str(tmp_path))
    recipe = load_recipe("breakfast")
    folder = DatasetFolder(
        shared / "data" / "Breakfast", activity_pattern=recipe.dataset.activity_pattern
    )
    means, errors = mean_scores(
        folder.recordings("coffee"), recipe, recipe.actions_of("coffee"), seed
    )
    assert means["mof"] > 46.5 - 3 * max(errors["mof"], 5.7 / np.sqrt(SEEDS))
    assert means["miou"] > 35.4 - 3 * max(errors["miou"], 4.6 / np.sqrt(SEEDS))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_50_salads_svm_scores(shared: Path, seed: int) -> None:
    with np.load(shared / "data" / "50salads_eval_svmscores10.npz") as data:
        names = sorted({key.split("/")[0] for key in data})
        recordings = Recordings.from_arrays(
            [data[f"{name}/X"] for name in names],
            names=names,
            ground_truth=[data[f"{name}/y"].astype(int) for name in names],
        )
    recipe = load_recipe("salads_svm")
    n_actions = recipe.actions_of(None)
    means, errors = mean_scores(recordings, recipe, n_actions, seed)
    # The release's own spread over seeds, 2.9 in MoF and 1.4 in mIoU over four more of its runs.
    assert means["mof"] > 59.9 - 3 * max(errors["mof"], 2.9 / np.sqrt(SEEDS))
    assert means["miou"] > 27.6 - 3 * max(errors["miou"], 1.4 / np.sqrt(SEEDS))


def test_the_default_on_the_watch_recordings() -> None:
    """The shipped default on shipped recordings: 88.8 MoF, 82.4 mIoU and 88.6 F1@25 when set."""
    pytest.importorskip("seglearn", reason="seglearn, which carries the recordings, is missing")
    from asot import ActionSegmenter
    from asot.data import watch_sessions

    sessions = watch_sessions(0)
    labels = ActionSegmenter(n_actions=7, random_state=0).fit_predict(sessions.features)
    scores = evaluate(labels, sessions.ground_truth)
    assert scores["mof"] > 0.86
    assert scores["miou"] > 0.80
    assert scores["f1@25"] > 0.86

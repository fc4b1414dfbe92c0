"""The notes on the recipes: they fit the recipes, the published tables and the real data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from asot.errors import ConfigurationError
from asot.model.notes import Notes, read_notes
from asot.model.recipe import load_recipe, shipped_recipes

# MoF, F1 and mIoU of the paper, in percent, and the columns of the features it used.
PUBLISHED = {
    "breakfast": ((56.1, 38.3, 18.6), 64),
    "yti": ((52.9, 35.1, 24.7), 3000),
    "salads_mid": ((46.2, 37.4, 24.9), 64),
    "salads_eval": ((59.3, 53.6, 30.1), 64),
    "desktop_assembly": ((70.4, 68.0, 45.9), 512),
}
# The layers of the paper, the first being the width of the features.
LAYERS = {
    "breakfast": [64, 128, 40],
    "salads_mid": [64, 128, 40],
    "salads_eval": [64, 128, 40],
    "yti": [3000, 32, 32],
    "desktop_assembly": [512, 128, 40],
    "salads_svm": [10, 128, 40],
}


def notes_on(name: str) -> Notes:
    notes = read_notes(name)
    assert notes is not None
    return notes


def drawn_width(notes: Notes) -> int:
    """The columns of the features, as the drawing of the files has them."""
    found = re.search(r"\(frames, (\d+)\)", notes.disk)
    assert found is not None
    return int(found[1])


def test_every_shipped_recipe_has_notes_and_no_other() -> None:
    import asot

    folder = Path(asot.__file__).parent / "recipes" / "notes"
    assert sorted(path.stem for path in folder.iterdir()) == list(shipped_recipes())
    for name in ("my_own", "", "../breakfast", f"{folder}/breakfast"):
        assert read_notes(name) is None


@pytest.mark.parametrize("name", shipped_recipes())
def test_notes_are_whole(name: str) -> None:
    notes, recipe = notes_on(name), load_recipe(name)
    assert 0 < len(notes.what) <= 25, "it must fit a table of 80 columns"
    assert all(len(line) <= 76 for line in notes.disk.splitlines())
    assert notes.disk.splitlines()[0] == f"DIR/{recipe.dataset.folder or ''}/".replace("//", "/")
    assert f"mapping/{recipe.dataset.mapping or 'mapping.txt'} " in notes.disk
    for texts in (notes.sources, notes.stand_in, notes.remarks):
        assert all(isinstance(text, str) and text.strip() == text for text in texts)
    assert notes.sources
    assert msgspec.convert(msgspec.to_builtins(notes), Notes) == notes, "of the types it says"
    assert all(command.startswith("asot data simulate ") for command in notes.stand_in)
    for one in notes.published:
        assert one.method
        assert one.source
        assert one.matching in ("activity", "video", "corpus")
        assert set(one.scores) <= {"mof", "legacy_f1", "miou"}
        assert all(0 < score < 1 for score in one.scores.values())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(name: str) -> None:
    figures, width = PUBLISHED[name]
    notes = notes_on(name)
    assert len(notes.published) == 1
    (paper,) = notes.published
    assert (paper.method, paper.matching) == ("ASOT", "activity")
    assert paper.source == "Xu and Gould, CVPR 2024"
    names = ("mof", "legacy_f1", "miou")
    assert [100 * paper.scores[one] for one in names] == pytest.approx(figures)
    assert drawn_width(notes) == width


def test_figures_of_the_svm_scores() -> None:
    by_activity, by_video = notes_on("salads_svm").published
    assert by_activity.scores == {"mof": 0.599, "legacy_f1": 0.503, "miou": 0.276}
    assert by_video.scores == {"mof": 0.655, "miou": 0.313}
    assert (by_activity.matching, by_video.matching) == ("activity", "video")
    assert by_activity.source == by_video.source
    assert "authors' release" in by_video.source
    assert "3 seeds" in by_video.source


def test_settings_of_the_svm_scores() -> None:
    expected: dict[str, Any] = load_recipe("paper").to_dict()
    found = load_recipe("salads_svm").to_dict()
    expected |= {
        "name": "salads_svm",
        "title": found["title"],
        "n_actions": 10,
        "order_prior": 0.15,
    }
    expected["dataset"] |= {"folder": "salads_svm", "standardise": False}
    expected["encoder"] = {"hidden": [128], "width": 40}
    expected["training"] |= {"epochs": 15}
    expected["transport_train"] |= {"lambda_actions": 0.11}
    assert found == expected


@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_the_width_of_the_features(name: str) -> None:
    from asot.model.network import ActionModel

    recipe, width = load_recipe(name), drawn_width(notes_on(name))
    assert width == LAYERS[name][0]
    for columns in (width, 7):
        model = ActionModel(recipe, columns, 3)
        linear = [layer for layer in model.encoder if hasattr(layer, "in_features")]
        assert linear[0].in_features == columns, "any width will do"
        assert [layer.out_features for layer in linear] == LAYERS[name][1:]


def test_unknown_keys_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "recipes" / "notes"
    folder.mkdir(parents=True)
    monkeypatch.setattr("asot.model.notes.resources.files", lambda package: tmp_path)
    (folder / "mine.yaml").write_text("whot: a slip\npublished: []\n")
    with pytest.raises(ConfigurationError, match="whot"):
        read_notes("mine")


def test_breakfast_is_as_the_notes_say(shared: Path) -> None:
    runs = json.loads((shared / "data" / "breakfast_labels_rle.json").read_text())
    classes: dict[str, set[int]] = {}
    recipe, notes = load_recipe("breakfast"), notes_on("breakfast")
    for name, segments in runs.items():
        found = re.search(str(recipe.dataset.activity_pattern), name)
        assert found is not None
        classes.setdefault(found[1], set()).update(label for label, _ in segments)
    assert len(runs) == notes.recordings
    assert len(set.union(*classes.values())) == notes.classes
    assert {activity: len(one) for activity, one in classes.items()} == recipe.n_actions


@pytest.mark.parametrize("granularity", ["mid", "eval"])
def test_50_salads_is_as_the_notes_say(shared: Path, granularity: str) -> None:
    recipe, notes = load_recipe(f"salads_{granularity}"), notes_on(f"salads_{granularity}")
    with np.load(shared / "data" / "50salads_labels.npz") as labels:
        keys = [key for key in labels if key.endswith(f"/{granularity}")]
        found = np.unique(np.concatenate([np.unique(labels[key]) for key in keys]))
    assert len(keys) == notes.recordings
    assert len(found) == notes.classes == recipe.n_actions


def test_the_svm_scores_are_as_the_notes_say(shared: Path) -> None:
    recipe, notes = load_recipe("salads_svm"), notes_on("salads_svm")
    with np.load(shared / "data" / "50salads_eval_svmscores10.npz") as scores:
        labels = [scores[key] for key in scores if key.endswith("/y")]
        widths = {scores[key].shape[1] for key in scores if key.endswith("/X")}
    assert len(labels) == notes.recordings
    assert len(np.unique(np.concatenate(labels))) == notes.classes == recipe.n_actions
    assert widths == {drawn_width(notes)}


def test_desktop_assembly_is_as_the_notes_say(shared: Path) -> None:
    mapping = (shared / "data" / "asot_affinities" / "gt" / "mapping_da.txt").read_text()
    assert len(mapping.splitlines()) == notes_on("desktop_assembly").classes

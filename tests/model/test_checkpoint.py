"""Checkpoints that were altered end in a sentence on the file, whatever was altered."""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asot.discover.prototypes import Prototypes
from asot.discover.steps import StepPrototypes
from asot.errors import ConfigurationError, FileError
from asot.model.checkpoint import load_learner, load_model, load_training, save
from asot.model.features import PreparedFeatures
from asot.model.learners import train_team
from asot.model.network import decode
from asot.model.recipe import Recipe
from asot.model.team import Learner
from asot.model.training import train
from asot.simulation import make_recordings

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def features() -> PreparedFeatures:
    recordings = make_recordings(8, 3, (20, 40), width=5, random_state=0)
    return PreparedFeatures(list(recordings.features), True)


@pytest.fixture(params=["network", "team"])
def stored(
    request: Any, features: PreparedFeatures, make_recipe: MakeRecipe, tmp_path: Path
) -> tuple[Path, dict[str, Any]]:
    """A checkpoint, and what it holds."""
    path = tmp_path / "one.ckpt"
    recipe = make_recipe(
        team=int(request.param == "team"),
        background=request.param == "team",
        transport_eval={"radius": 5},
        training={"epochs": 1},
    )
    if recipe.team:
        team = train_team(features, recipe, 3, device="cpu")
        team.steps = StepPrototypes(np.ones((2, 5)), 3, scale=0.5, margin=2), None
        save(path, team=team)
    else:
        train(features, recipe, 3, device="cpu", checkpoint=path)
    return path, torch.load(path, weights_only=True)


def test_a_team_that_was_read_is_written_alike(
    stored: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path, values = stored
    if values.get("team") is not None:
        save(tmp_path / "again.ckpt", team=load_model(path))  # type: ignore[arg-type]
        assert (tmp_path / "again.ckpt").read_bytes() == path.read_bytes()


def test_arrays_that_ray_lends_are_written_like_others(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """They cannot be written to, of which torch warns where it would share their memory."""
    lent = rng.random((3, 4))
    model = Prototypes(lent, 5)
    save(tmp_path / "own.ckpt", learner=Learner("one", None, model))
    lent.flags.writeable = False
    save(tmp_path / "lent.ckpt", learner=Learner("one", None, model))
    assert (tmp_path / "lent.ckpt").read_bytes() == (tmp_path / "own.ckpt").read_bytes()
    read = load_learner(tmp_path / "lent.ckpt", 4, 3).model
    assert isinstance(read, Prototypes)
    np.testing.assert_array_equal(read.centres, lent)


def places(values: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree but those of the recipes, which have tests of their own."""
    items = (
        values.items()
        if isinstance(values, dict)
        else enumerate(values)
        if isinstance(values, list)
        else ()
    )
    for name, value in items:
        if name == "recipe":
            continue
        yield (*place, name)
        yield from places(value, (*place, name))


def altered(value: Any) -> list[Any]:
    """Values of another type, shape or range."""
    others: list[Any] = ["x", -1, [], {"x": 1}, float("nan"), 10**18, torch.zeros(2, 2, 2)]
    if isinstance(value, torch.Tensor):
        others += [torch.full_like(value, float("nan")) if value.is_floating_point() else value[:0]]
        others += [value[None], value.to(torch.float16), value.to_sparse()]
        others += [torch.zeros(1).expand(10**6, 10**6)]
    return others


def test_whatever_is_altered_ends_in_a_sentence_or_a_model(
    stored: tuple[Path, dict[str, Any]], features: PreparedFeatures, rng: np.random.Generator
) -> None:
    path, whole = stored
    refused = []
    every = list(places(whole))
    # Of a team, whose learners are alike, as many as take a few seconds.
    for place in (every[at] for at in rng.permutation(len(every))[:90]):
        owner = whole
        for step in place[:-1]:
            owner = owner[step]
        others = altered(owner[place[-1]])
        for other in (others[i] for i in rng.choice(len(others), 2, replace=False)):
            values = copy.deepcopy(whole)
            owner = values
            for step in place[:-1]:
                owner = owner[step]
            owner[place[-1]] = other
            torch.save(values, path)
            try:
                model = load_model(path)
            except FileError as error:
                refused.append(error)
            else:
                assert len(decode(model, features[0])[0]) == len(features[0])
    assert len(refused) > 20
    assert all(one.file == path and "\n" not in str(one) for one in refused)


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.99])
def test_a_file_that_was_cut(stored: tuple[Path, dict[str, Any]], cut: float) -> None:
    path, _ = stored
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(FileError, match="cannot be read as a checkpoint") as caught:
        load_model(path)
    assert caught.value.file == path


def test_compressed_parts_are_not_unpacked(stored: tuple[Path, dict[str, Any]]) -> None:
    path, _ = stored
    packed = path.with_name("packed.ckpt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(FileError):
        load_model(packed)


def test_shapes_are_those_of_the_recipe(stored: tuple[Path, dict[str, Any]]) -> None:
    path, whole = stored
    network = whole.get("network") or whole["team"]["learners"][0]["network"]
    network["recipe"]["encoder"]["hidden"] = [99_999]
    torch.save(whole, path)
    with pytest.raises(FileError, match="weights do not have the shapes of its recipe"):
        load_model(path)


def test_a_recipe_that_breaks_its_rules(stored: tuple[Path, dict[str, Any]]) -> None:
    path, whole = stored
    recipe = (whole.get("network") or whole["team"])["recipe"]
    for group, value in (("order_prior", "auto"), ("team", -1), ("encoder", 3), ("x", 1)):
        torch.save(whole, path)
        values = torch.load(path, weights_only=True)
        (values.get("network") or values["team"])["recipe"] = {**recipe, group: value}
        torch.save(values, path)
        with pytest.raises(FileError) as caught:
            load_model(path)
        assert caught.value.file == path


def test_a_state_that_does_not_fit_its_network(
    features: PreparedFeatures, recipe: Recipe, tmp_path: Path
) -> None:
    path = tmp_path / "one.ckpt"
    train(features, recipe, 3, device="cpu", checkpoint=path)
    values = torch.load(path, weights_only=True)
    for changes in ({"means": []}, {"steps": torch.zeros(3)}, {"squares": [torch.zeros(2)] * 5}):
        torch.save({**values, "training": {**values["training"], **changes}}, path)
        with pytest.raises(FileError):
            load_training(path, recipe, 5, 3, 0)
    torch.save({name: one for name, one in values.items() if name != "training"}, path)
    with pytest.raises(FileError, match="holds no training to go on with"):
        load_training(path, recipe, 5, 3, 0)


def test_a_training_goes_on_with_the_recordings_that_it_began_with(
    features: PreparedFeatures, recipe: Recipe, tmp_path: Path
) -> None:
    path = tmp_path / "one.ckpt"
    train(features, recipe, 3, device="cpu", checkpoint=path, source="these")
    assert load_training(path, recipe, 5, 3, 0, "others")[1].epoch == recipe.training.epochs
    values = torch.load(path, weights_only=True)
    torch.save({**values, "training": {**values["training"], "epoch": 1}}, path)
    assert load_training(path, recipe, 5, 3, 0, "these")[1].epoch == 1
    with pytest.raises(ConfigurationError, match="was trained with other recordings"):
        load_training(path, recipe, 5, 3, 0, "others")

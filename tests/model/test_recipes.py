"""Recipes: the published settings, and what a recipe refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ConfigurationError
from asot.model.recipe import Recipe, load_recipe, shipped_recipes

BREAKFAST = {
    **{"pancake": 14, "salat": 8, "friedegg": 9, "scrambledegg": 12, "sandwich": 9},
    **{"juice": 8, "milk": 5, "tea": 7, "cereals": 5, "coffee": 7},
}
YTI = {"changing_tire": 11, "coffee": 10, "cpr": 7, "jump_car": 12, "repot": 8}

# The published table: K, epochs, prior, lambda in training, alphas, radius, layers after the input.
TABLE: dict[str, tuple[Any, ...]] = {
    "breakfast": (BREAKFAST, 15, 0.2, 0.1, (0.4, 0.7), 0.04, [128, 40]),
    "yti": (YTI, 10, 0.15, 0.12, (0.3, 0.6), 0.04, [32, 32]),
    "salads_eval": (12, 30, 0.15, 0.11, (0.3, 0.6), 0.04, [128, 40]),
    "salads_mid": (19, 30, 0.15, 0.15, (0.3, 0.6), 0.04, [128, 40]),
    "desktop_assembly": (22, 30, 0.25, 0.16, (0.3, 0.6), 0.02, [128, 40]),
    "paper": (None, 15, 0.15, 0.1, (0.3, 0.6), 0.04, [128, 40]),
}


@pytest.mark.parametrize("name", TABLE)
def test_published_settings(name: str) -> None:
    n_actions, epochs, order_prior, penalty, alphas, radius, layers = TABLE[name]
    recipe = load_recipe(name)
    train, decoding, training = recipe.transport_train, recipe.transport_eval, recipe.training
    assert (recipe.n_actions, recipe.team, recipe.background) == (n_actions, 0, False)
    assert (training.epochs, recipe.order_prior) == (epochs, order_prior)
    assert (train.lambda_actions, decoding.lambda_actions) == (penalty, 0.01)
    assert (train.lambda_frames, decoding.lambda_frames) == (None, None)
    assert (train.alpha, decoding.alpha) == alphas
    assert (train.epsilon, decoding.epsilon) == (0.07, 0.04)
    assert (train.radius, decoding.radius) == (radius, radius)
    assert (train.max_iterations, decoding.max_iterations) == (25, 25)
    assert (train.mode, decoding.mode) == ("default", "default")
    assert [*recipe.encoder.hidden, recipe.encoder.width] == layers
    assert (training.learning_rate, training.weight_decay) == (1e-3, 1e-4)
    assert (training.batch_size, training.frames_per_recording) == (2, 256)
    assert (training.temperature, training.kmeans_restarts) == (0.1, 10)
    assert training.validate_every == 5
    assert recipe.dataset.standardise is (name in ("breakfast", "paper"))
    assert recipe.dataset.exclude == ([-1] if name == "yti" else [])
    assert recipe.dataset.mapping == ("mappingeval.txt" if name == "salads_eval" else None)


@pytest.mark.parametrize(
    "recipe, recording, activity",
    [
        ("breakfast", "P03_cam01_P03_coffee", "coffee"),
        ("yti", "changing_tire_0001", "changing_tire"),
    ],
)
def test_activities_are_read_from_names(recipe: str, recording: str, activity: str) -> None:
    import re

    pattern = load_recipe(recipe).dataset.activity_pattern
    found = re.search(str(pattern), recording)
    assert found is not None
    assert found[1] == activity


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_the_same_after_its_own_yaml(name: str, tmp_path: Path) -> None:
    from asot.runs.run import recipe_yaml

    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    (tmp_path / "copy.yaml").write_text(recipe_yaml(recipe))
    assert load_recipe(str(tmp_path / "copy.yaml")) == recipe


def test_powers_of_ten_are_numbers_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("order_prior: 2e-1\ntraining: {learning_rate: 5e-4, weight_decay: 1E-5}\n")
    recipe = load_recipe(str(path))
    assert recipe.order_prior == 0.2
    assert (recipe.training.learning_rate, recipe.training.weight_decay) == (5e-4, 1e-5)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"order_prior": "much"}, "order_prior"),
    ({"order_prior": True}, "order_prior"),
    ({"order_prior": float("nan")}, "order_prior"),
    ({"order_prior": -0.1}, "order_prior"),
    ({"n_actions": 0}, "n_actions"),
    ({"n_actions": 2.5}, "n_actions"),
    ({"n_actions": "Auto"}, "n_actions"),
    ({"n_actions": {"tea": "auto"}}, "n_actions.tea"),
    ({"team": -1}, "team"),
    ({"team": True}, "team"),
    ({"transport_eval": {"radius": 0}}, "transport_eval.radius"),
    ({"n_actions": {}}, "n_actions"),
    ({"n_actions": {"tea": 0}}, "n_actions.tea"),
    ({"n_action": 3}, "n_action"),
    ({"encoder": {"hidden": 128}}, "encoder.hidden"),
    ({"encoder": {"hidden": [0]}}, "encoder.hidden[0]"),
    ({"encoder": 3}, "encoder"),
    ({"training": {"epochs": 1.5}}, "training.epochs"),
    ({"training": {"epochs": -1}}, "training.epochs"),
    ({"training": {"batch_size": 0}}, "training.batch_size"),
    ({"training": {"temperature": 0}}, "training.temperature"),
    ({"training": {"weight_decay": -1}}, "training.weight_decay"),
    ({"dataset": {"exclude": -1}}, "dataset.exclude"),
    ({"dataset": {"frame_rate": 0}}, "dataset.frame_rate"),
    ({"dataset": {"standardise": "y"}}, "dataset.standardise"),
    ({"transport_train": {"epsilon": 0}}, "transport_train.epsilon"),
    ({"transport_eval": {"alpha": 1}}, "transport_eval.alpha"),
    ({"transport_eval": {"radius": "x"}}, "transport_eval.radius"),
    ({"transport_train": {"lambda_actions": 0}}, "transport_train.lambda_actions"),
    ({"transport_train": {"mode": "paper"}}, "transport_train.mode"),
    ({"transport_train": {"mode": "parity", "radius": 3}}, "transport_train.radius"),
    ({"transport_eval": {"mode": "parity", "radius": "auto"}}, "transport_eval.radius"),
    ({"team": 0, "background": True}, "background"),
    ({"dataset": {"exclude": ["a"]}}, "dataset.exclude[0]"),
]


@pytest.mark.parametrize("values, setting", REFUSED)
def test_a_setting_that_breaks_its_rule_is_named(values: dict[str, Any], setting: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Recipe.from_dict(values)
    assert caught.value.setting == setting
    assert str(caught.value).startswith(setting)
    assert "\n" not in str(caught.value)


def test_sentences_name_the_rule_and_the_value() -> None:
    for values, sentence in (
        ({"team": -1}, "team must be an integer from 0 to 10,000, but is -1."),
        ({"order_prior": "x"}, 'order_prior must be a finite number that is at least 0, or "auto"'),
        ({"background": True, "team": 0}, "background must be false for a single network (team 0)"),
        ({"n_action": 3}, "n_action is not a setting of a recipe; known there: name, title, n_act"),
        ({"encoder": {"hidden": 128}}, "encoder.hidden must be a list of widths, such as [128]"),
        (
            {"transport_eval": {"alpha": 1}},
            "transport_eval.alpha must be a finite number that is at least 0 and below 1, but is 1",
        ),
    ):
        with pytest.raises(ConfigurationError) as caught:
            Recipe.from_dict(values)
        assert str(caught.value).startswith(sentence)


def test_groups_of_another_kind_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="training must be a group of settings, but is 3"):
        Recipe(training=3).check()  # type: ignore[arg-type]


def test_the_default_is_one_thing() -> None:
    assert Recipe() == load_recipe("default")
    assert (Recipe().team, Recipe().order_prior, Recipe().transport_eval.radius) == (
        *(2, "auto"),
        "auto",
    )


def test_a_part_of_a_group_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("team: 0\ntransport_train: {radius: 0.1}\ntransport_eval: {alpha: 0.5}\n")
    recipe, default = load_recipe(str(path)), Recipe()
    assert (recipe.transport_train.radius, recipe.transport_eval.radius) == (0.1, "auto")
    assert recipe.transport_train.alpha == default.transport_train.alpha
    assert recipe.transport_eval.epsilon == default.transport_eval.epsilon == 0.04


tree = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
names = st.sampled_from(sorted(Recipe.__dataclass_fields__))


@given(st.dictionaries(names, tree | st.dictionaries(st.sampled_from(["epochs", "mode"]), tree)))
def test_whatever_a_recipe_holds_it_is_taken_or_refused(values: dict[str, Any]) -> None:
    try:
        recipe = Recipe.from_dict(values)
    except ConfigurationError:
        return
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("order_prior: [", "cannot be read as YAML"),
        ("- 1\n", "a recipe must be a group of settings, but is [1]."),
        ("epochs: 3\n", "epochs is not a setting of a recipe"),
        ("order_prior: !!python/object/apply:os.getcwd []\n", "cannot be read as YAML"),
        ("order_prior: \xff\n", "cannot be read as YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        load_recipe(str(path))
    assert caught.value.file == path
    assert str(path) in str(caught.value)
    assert sentence in str(caught.value)


def test_an_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match="There is no recipe 'nope': name one of breakf"):
        load_recipe("nope")


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert load_recipe(str(tmp_path / "empty.yaml")) == Recipe()


def test_how_many_actions() -> None:
    assert Recipe(n_actions=4).actions_of("anything") == Recipe(n_actions=4).actions_of(None) == 4
    assert Recipe(n_actions={"tea": 3}).actions_of("tea") == 3
    with pytest.raises(ConfigurationError, match=r"in 'coffee': set n_actions\.coffee"):
        Recipe(n_actions={"tea": 3}).actions_of("coffee")
    with pytest.raises(ConfigurationError, match="set n_actions, for example with --n_actions 8"):
        Recipe().actions_of(None)

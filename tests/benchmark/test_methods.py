"""The methods: which there are, and how each is made from a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.benchmark.methods import (
    ABLATIONS,
    METHODS,
    Method,
    ablate,
    all_methods,
    choose_methods,
    default_team,
    find_method,
    paper_network,
)
from asot.errors import ConfigurationError, MissingExtraError
from asot.model.recipe import Recipe, load_recipe, shipped_recipes

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reproducing.md"
MakeRecipe = Callable[..., Recipe]


def test_methods_that_do_not_draw_anything_say_so(
    make_recipe: MakeRecipe, rng: np.random.Generator
) -> None:
    recipe = make_recipe(training={"epochs": 1})
    X = [rng.standard_normal((40, 5)) for _ in range(2)]
    for name in choose_methods(["all"], None):
        method = METHODS[name]
        runs = [method.make(recipe, 3, seed, False).fit(X).labels_ for seed in (0, 0, 1)]
        alike = [[a.tolist() for a in run] == [a.tolist() for a in runs[0]] for run in runs]
        assert alike[1], f"{name} with one seed is always the same"
        if not method.seeded:
            assert alike[2], f"{name} is the same with any seed"


def test_names_of_methods() -> None:
    assert choose_methods(["all"], None) == list(METHODS)
    assert choose_methods(None, None) == [
        *("paper", "default", "sela", "tot", "cte", "cte_decoding", "kmeans_asot", "kmeans"),
        *("hmm", "twfinch", "uniform"),
    ], "descendants run where they are asked for"
    assert choose_methods(["kmeans", "paper", "kmeans"], ["all"]) == [
        *("paper", "kmeans", "paper-no-temporal", "paper-no-prior", "paper-no-unbalanced"),
        *("paper-no-training", "paper-no-kmeans"),
    ]
    for name in ("k-means", "paper-no-luck", "paper-no-", ""):
        with pytest.raises(ConfigurationError, match=rf"There is no method '{name}': choose of "):
            find_method(name)
    with pytest.raises(ConfigurationError, match=r"--ablate must be of temporal, .* 'luck'"):
        choose_methods(None, ["luck"])


def test_the_papers_network_of_every_shipped_recipe() -> None:
    """Of the default it is the recipe paper; any other recipe is one already."""
    paper = load_recipe("paper")
    for name in shipped_recipes():
        recipe = load_recipe(name)
        before = recipe.to_dict()
        alone = paper_network(recipe)
        assert alone.team == 0
        if name == "default":
            assert replace(alone, name="paper", title=paper.title) == paper
        elif name != "watch":
            assert alone == recipe
        assert recipe.to_dict() == before


def test_the_default_of_every_shipped_recipe() -> None:
    for name in shipped_recipes():
        recipe = load_recipe(name)
        own = default_team(recipe)
        plain = Recipe(n_actions=recipe.n_actions, dataset=own.dataset)
        assert own == plain
        assert own.dataset == replace(recipe.dataset, standardise=True)


def test_settings_that_are_given_reach_both(make_recipe: MakeRecipe) -> None:
    given = make_recipe(team=1, order_prior="auto", training={"epochs": 4})
    assert default_team(given) is given
    assert paper_network(given) == replace(given, team=0, order_prior=0.15)


def test_every_method_is_described_in_the_documents() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, method in METHODS.items():
        assert f"| `{name}` | {method.title} | {method.what} |" in text
    for part, (title, what, _) in ABLATIONS.items():
        assert f"| `{part}` | {title} | {what} |" in text
    titles = [one.title for one in all_methods().values()]
    assert len(set(titles)) == len(titles)


def test_a_method_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    method = Method("Other", "", METHODS["hmm"].make, library=("no_such_library", "hmm"))
    monkeypatch.setitem(METHODS, "hmm", method)
    assert "hmm" not in choose_methods(None, None)
    with pytest.raises(MissingExtraError, match=r"'no_such_library', which is not installed"):
        choose_methods(["hmm"], None)


def flat(values: dict[str, Any], place: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        here = {place + name: value}
        found |= flat(value, f"{place}{name}.") if isinstance(value, dict) else here
    return found


@pytest.mark.parametrize(
    "part, changed",
    [
        ("temporal", {"transport_train.alpha": 0.0, "transport_eval.alpha": 0.0}),
        ("prior", {"order_prior": 0.0}),
        (
            "unbalanced",
            {"transport_train.lambda_actions": None, "transport_eval.lambda_actions": None},
        ),
        ("training", {"training.epochs": 0}),
        ("kmeans", {"training.kmeans_restarts": 0}),
    ],
)
def test_a_part_is_switched_off_and_nothing_else(
    make_recipe: MakeRecipe, part: str, changed: dict[str, Any]
) -> None:
    recipe = make_recipe()
    before = flat(recipe.to_dict())
    without = ablate(recipe, part)
    without.check()
    assert flat(recipe.to_dict()) == before
    differences = {
        name: value for name, value in flat(without.to_dict()).items() if value != before[name]
    }
    assert differences == changed
    made = find_method(f"paper-no-{part}").make(recipe, 3, 7, True)
    assert (made.recipe, made.n_actions, made.random_state) == (without, 3, 7)
    assert made.keep_epochs is True


def test_every_part_is_tested() -> None:
    assert list(ABLATIONS) == ["temporal", "prior", "unbalanced", "training", "kmeans"]


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_made_from_the_recipe(make_recipe: MakeRecipe, name: str) -> None:
    recipe = make_recipe(order_prior=0.4, dataset={"standardise": False})
    made = METHODS[name].make(recipe, 5, 9, True).get_params(deep=False)
    assert made["n_actions"] == 5
    if METHODS[name].seeded:
        assert made["random_state"] == 9
    if "recipe" in made:
        expected = default_team(recipe) if name == "default" else recipe
        assert (made["recipe"], made["keep_epochs"]) == (expected, True)
    elif name != "uniform":
        assert made["standardise"] is False
    if name in ("kmeans", "kmeans_asot", "cte", "cte_decoding"):
        assert made["frames_per_recording"] == 32


def test_decoding_alone_is_as_the_recipe_decodes(make_recipe: MakeRecipe) -> None:
    settings = {"epsilon": 0.02, "alpha": 0.5, "radius": 0.1, "lambda_actions": 0.3}
    recipe = make_recipe(order_prior=0.4, transport_eval=settings)
    made = METHODS["kmeans_asot"].make(recipe, 3, 0, False).get_params()
    assert {name: made[name] for name in settings} == settings
    assert made["order_prior"] == 0.4

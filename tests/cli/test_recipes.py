"""Settings of a training: recipe files under ``--config`` under flags, and all of them printed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from asot.learning.configuration import Recipe, load_recipe, shipped_recipes


def leaves(settings: Any, place: str = "") -> list[str]:
    """The dotted names of all settings of a recipe."""
    names = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            names += leaves(value, f"{place}{field.name}.")
        else:
            names.append(place + field.name)
    return names


def at(tree: Any, name: str) -> Any:
    """The value of a dotted name in nested dicts."""
    for part in name.split("."):
        tree = tree[part]
    return tree


def another(name: str) -> Any:
    """A value of the right type that is not the default."""
    *groups, last = name.split(".")
    settings: Any = Recipe()
    for group in groups:
        settings = getattr(settings, group)
    value = getattr(settings, last)
    if last == "mode":
        return "parity"
    if last == "activity_pattern":
        return "^(.+)_[^_]+$"
    if last == "n_actions":
        return 5
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [3, 2]
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2
    return "a: [b] #c" if get_type_hints(type(settings))[last] in (str, str | None) else 0.25


@pytest.mark.parametrize("name", leaves(Recipe()))
def test_each_setting_by_flag(asot, name: str) -> None:
    value = another(name)
    outcome = asot("train", "default", f"--{name}={value}", "--print_config")
    assert outcome.code == 0, outcome.err
    printed = yaml.safe_load(outcome.out)
    assert at(printed, name) == value
    expected = load_recipe("default").to_dict()
    *groups, last = name.split(".")
    (at(expected, ".".join(groups)) if groups else expected)[last] = value
    assert printed == expected, "and nothing else has changed"


@pytest.mark.parametrize("recipe", shipped_recipes())
def test_what_is_printed_is_the_recipe(asot, tmp_path: Path, recipe: str) -> None:
    outcome = asot("train", recipe, "--print_config")
    assert outcome.code == 0
    assert outcome.err == ""
    file = tmp_path / "a [b] *.yaml"  # what a shell would take for a pattern is a name here
    file.write_text(outcome.out)
    assert load_recipe(str(file)) == load_recipe(recipe)
    assert asot("train", file, "--print_config").out == outcome.out


def test_files_lie_on_top_of_each_other_and_flags_on_top(asot, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("rho: 0.5\ntraining: {epochs: 1, batch_size: 5}\n")
    (tmp_path / "two.yaml").write_text("training: {epochs: 2}\ntransport_eval: {epsilon: 1e-3}\n")
    files = ("--config", tmp_path / "one.yaml", "--config", tmp_path / "two.yaml")
    for words in ((*files, "--rho", "0.7"), ("--rho", "0.7", *files)):
        outcome = asot("train", "breakfast", *words, "--n_actions.tea", "3", "--print_config")
        printed = yaml.safe_load(outcome.out)
        assert printed["rho"] == 0.7
        assert printed["training"]["epochs"] == 2
        assert printed["training"]["batch_size"] == 5
        assert printed["transport_eval"]["epsilon"] == 0.001
        assert printed["transport_eval"]["alpha"] == 0.7, "the recipe's"
        assert printed["n_actions"]["tea"] == 3
        assert printed["n_actions"]["coffee"] == 7


def test_the_recipe_may_come_last(asot) -> None:
    first = asot("train", "watch", "--rho", "0.1", "--print_config")
    last = asot("train", "--print_config", "--rho", "0.1", "watch")
    assert first.code == last.code == 0
    assert first.out == last.out


FILES = {
    "training: {epochs: many}": "training.epochs must be an integer, but is 'many'.",
    "nonsense: 3": "nonsense is no setting of a recipe; known there: name, title, ",
    "training: 3": "training must hold settings, but is 3.",
    "rho: null": "rho must be a number, but is None.",
    "n_actions: {coffee: x}": "n_actions must be an integer or",
    "- 1\n- 2": "A recipe must hold settings, but is [1, 2].",
    "hello": "A recipe must hold settings, but is 'hello'.",
    "training: [": " is no YAML that can be read: ",
    "\udcff\udcfe": " is no YAML that can be read: ",
    "a: !!python/object/apply:os.abort []": " is no YAML that can be read: ",
}


@pytest.mark.parametrize("text", FILES)
@pytest.mark.parametrize("as_recipe", [True, False])
def test_files_that_are_no_recipe(asot, tmp_path: Path, text: str, as_recipe: bool) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    words = [file] if as_recipe else ["default", "--config", file]
    outcome = asot("train", *words, "--n_actions", "4", "--data", tmp_path, "--out", tmp_path)
    assert outcome.code == 1
    assert outcome.sentence.startswith(str(file))
    assert FILES[text] in outcome.sentence


def test_a_folder_is_no_recipe(asot, tmp_path: Path) -> None:
    outcome = asot("train", tmp_path, "--data", tmp_path, "--out", tmp_path / "run")
    assert outcome.code == 1
    assert outcome.sentence.startswith(f"There is no recipe '{tmp_path}'")

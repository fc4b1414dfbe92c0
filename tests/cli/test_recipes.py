"""Recipes: listed and explained; their files under ``--config`` under flags, and all printed."""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import yaml

from asot.data import DatasetFolder, find_dataset
from asot.model.notes import read_notes
from asot.model.recipe import Recipe, load_recipe, shipped_recipes


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
    # One in which the mode can be parity, whose radius is no "auto".
    recipe = "salads_svm" if name.endswith(".mode") else "default"
    outcome = asot("train", recipe, f"--{name}={value}", "--print_config")
    assert outcome.code == 0, outcome.err
    printed = yaml.safe_load(outcome.out)
    assert at(printed, name) == value
    expected = load_recipe(recipe).to_dict()
    *groups, last = name.split(".")
    (at(expected, ".".join(groups)) if groups else expected)[last] = value
    assert printed == expected, "and nothing else has changed"


@pytest.mark.parametrize(
    "name", ["n_actions", "order_prior", "transport_train.radius", "transport_eval.radius"]
)
def test_what_is_found_by_itself_by_flag(asot, name: str) -> None:
    outcome = asot("train", "salads_svm", f"--{name}=auto", "--print_config")
    assert outcome.code == 0, outcome.err
    assert at(yaml.safe_load(outcome.out), name) == "auto"


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
    (tmp_path / "one.yaml").write_text("order_prior: 0.5\ntraining: {epochs: 1, batch_size: 5}\n")
    (tmp_path / "two.yaml").write_text("training: {epochs: 2}\ntransport_eval: {epsilon: 1e-3}\n")
    files = ("--config", tmp_path / "one.yaml", "--config", tmp_path / "two.yaml")
    for words in ((*files, "--order_prior", "0.7"), ("--order_prior", "0.7", *files)):
        outcome = asot("train", "breakfast", *words, "--n_actions.tea", "3", "--print_config")
        printed = yaml.safe_load(outcome.out)
        assert printed["order_prior"] == 0.7
        assert printed["training"]["epochs"] == 2
        assert printed["training"]["batch_size"] == 5
        assert printed["transport_eval"]["epsilon"] == 0.001
        assert printed["transport_eval"]["alpha"] == 0.7, "the recipe's"
        assert printed["n_actions"]["tea"] == 3
        assert printed["n_actions"]["coffee"] == 7


def test_the_recipe_may_come_last(asot) -> None:
    first = asot("train", "watch", "--order_prior", "0.1", "--print_config")
    last = asot("train", "--print_config", "--order_prior", "0.1", "watch")
    assert first.code == last.code == 0
    assert first.out == last.out


FILES = (
    "training: {epochs: many}",
    "nonsense: 3",
    "training: 3",
    "order_prior: null",
    "n_actions: {coffee: x}",
    "- 1\n- 2",
    "hello",
    "training: [",
    "\udcff\udcfe",
    "a: !!python/object/apply:os.abort []",
)


@pytest.mark.parametrize("text", FILES)
@pytest.mark.parametrize("as_recipe", [True, False])
def test_files_that_are_no_recipe(asot, tmp_path: Path, text: str, as_recipe: bool) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    words = [file] if as_recipe else ["default", "--config", file]
    outcome = asot("train", *words, "--n_actions", "4", "--data", tmp_path, "--out", tmp_path)
    assert outcome.code == 2
    assert outcome.sentence.startswith(str(file))


def test_a_folder_is_no_recipe(asot, tmp_path: Path) -> None:
    outcome = asot("train", tmp_path, "--data", tmp_path, "--out", tmp_path / "run")
    assert outcome.code == 2
    assert outcome.sentence.startswith(f"There is no recipe '{tmp_path}'")


# The list as it is read: K, recordings, MoF, F1 and mIoU.
LISTED = {
    "breakfast": "5-14 1,712 56.1 38.3 18.6",
    "default": "- - - - -",
    "desktop_assembly": "22 - 70.4 68.0 45.9",
    "paper": "- - - - -",
    "salads_eval": "12 50 59.3 53.6 30.1",
    "salads_mid": "19 50 46.2 37.4 24.9",
    "salads_svm": "10 50 59.9 50.3 27.6",
    "watch": "7 20 - - -",
    "yti": "7-12 150 52.9 35.1 24.7",
}


@pytest.mark.parametrize("columns", [None, "80"])
def test_the_list(asot, monkeypatch: pytest.MonkeyPatch, columns: str | None) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    outcome = asot("recipes")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in lines[2 : 2 + len(LISTED)]}
    assert {name: " ".join(row[:5]) for name, row in rows.items()} == LISTED
    assert tuple(rows) == shipped_recipes(), "each in a line of its own"
    for name, row in rows.items():
        notes = read_notes(name)
        assert notes is not None
        assert " ".join(row[5:]) == notes.what
    assert "legacy_f1" in outcome.out


def commands_in(text: str) -> list[list[str]]:
    """The commands that a page shows, in words."""
    joined = text.replace("\\\n", " ")
    shown = re.findall(r"^ *(asot .*)$", joined, re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in shown]


@pytest.mark.parametrize("name", shipped_recipes())
def test_the_page_of_a_recipe(asot, name: str) -> None:
    recipe, notes = load_recipe(name), read_notes(name)
    assert notes is not None
    outcome = asot("recipes", name)
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "\xa0" not in outcome.out
    running = " ".join(outcome.out.replace("\\\n", "").split())
    said = [recipe.title, notes.citation or "", notes.licence or "", *notes.stand_in]
    said += [*notes.sources, *notes.remarks, *notes.disk.splitlines()]
    for text in said:
        assert " ".join(text.split()) in running
    for published in notes.published:
        assert f"{100 * published.scores['mof']:.1f}" in running
        assert published.source in running
    for activity, count in recipe.activities.items():
        assert f"{activity} {count}" in running
    check, train, benchmark, printing = commands_in(outcome.out)[-4:]
    assert check[:3] == ["data", "check", "DIR"]
    assert train == ["train", name, "--data", "DIR", "--out", "RUN"]
    assert benchmark == ["benchmark", name, *["--data", "DIR", "--seeds", "5", "--out", "OUT"]]
    assert asot(*printing).out == asot("train", name, "--print_config").out


def drawn_files(disk: str, activity: str | None) -> list[str]:
    """The folder of a drawing and its features, ground truth and mapping, for an activity."""
    text = disk.replace("[<activity>/]", "").replace("<recording>", "one")
    if found := re.search(r"\[(.*)/\]", text):
        text = text.replace(found[0], "").replace(found[1], str(activity))
    return [line.split()[0] for line in text.splitlines()]


def make_drawn(disk: str, root: Path, activity: str | None) -> None:
    """Make the files of a drawing, for one recording."""
    folder, *inner = drawn_files(disk, activity)
    features, truth, mapping = (root / folder.removeprefix("DIR/") / file for file in inner)
    for path in (features, truth, mapping):
        path.parent.mkdir(parents=True, exist_ok=True)
    if features.suffix == ".npy":
        np.save(features, np.ones((4, 3), dtype=np.float32))
    else:
        np.savetxt(features, np.ones((4, 3)))
    truth.write_text("reach\nreach\npour milk\npour milk\n")
    mapping.write_text("0 reach\n1 pour milk\n")


@pytest.mark.parametrize("name", shipped_recipes())
def test_the_files_that_are_drawn_can_be_read(asot, tmp_path: Path, name: str) -> None:
    recipe, notes = load_recipe(name), read_notes(name)
    assert notes is not None
    activities = sorted(recipe.activities) or [None]
    for activity in activities:
        make_drawn(notes.disk, tmp_path, activity)
    check = commands_in(asot("recipes", name).out)[-4]
    outcome = asot(*[str(tmp_path) if word == "DIR" else word for word in check])
    assert outcome.code == 0, outcome.out + outcome.err
    assert "0 errors, " in outcome.out
    rows = [line.split()[:2] for line in outcome.out.splitlines()[3 : 3 + len(activities)]]
    assert rows == [[activity or "-", "1"] for activity in activities]


PAGE = Path(__file__).resolve().parents[2] / "docs" / "reproducing.md"


def page_on_reproducing() -> str:
    if not PAGE.is_file():
        pytest.skip("the documents are not beside these tests")
    return PAGE.read_text(encoding="utf-8")


def test_the_page_on_reproducing_has_the_published_figures() -> None:
    rows = re.findall(r"^\| \[.*`asot benchmark (\w+)` \|(.*)\|.*\|$", page_on_reproducing(), re.M)
    figures = {name: " ".join(cells.split(" | ")).split() for name, cells in rows}
    listed = {name: line.split()[-3:] for name, line in LISTED.items()}
    assert figures == {name: row for name, row in listed.items() if "-" not in row}


def test_the_page_on_reproducing_names_recipes_that_exist() -> None:
    words = [one for one in commands_in(page_on_reproducing()) if one[0] in ("train", "benchmark")]
    assert {one[1] for one in words if one[1] != "--table"} <= {*shipped_recipes(), "NAME"}
    assert {one[0] for one in words} == {"train", "benchmark"}


SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def put_into_the_layout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs the snippet of the page on reproducing in ``tmp_path``, on a file of scores there."""
    (snippet,) = [one for one in SNIPPET.findall(page_on_reproducing()) if "svmscores" in one]
    monkeypatch.chdir(tmp_path)
    return lambda: exec(compile(snippet, str(PAGE), "exec"), {})


def test_svm_scores_are_put_into_the_layout(
    asot, put_into_the_layout, rng: np.random.Generator, tmp_path: Path
) -> None:
    recordings = {}
    for name, length in {"s1_00": 12, "s1_01": 20}.items():
        recordings[f"{name}/X"] = rng.normal(size=(length, 10)).astype(np.float32)
        recordings[f"{name}/y"] = np.sort(rng.integers(0, 10, length)).astype(np.uint8)
    np.savez(tmp_path / "50salads_eval_svmscores10.npz", **recordings)
    put_into_the_layout()
    data = DatasetFolder(find_dataset(tmp_path / "DATA", "salads_svm"))
    assert data.recordings().names == ("s1_00", "s1_01")
    for one in data.recordings():
        assert np.array_equal(one.features, recordings[f"{one.name}/X"])
        assert np.array_equal(one.ground_truth, recordings[f"{one.name}/y"])
    check = commands_in(asot("recipes", "salads_svm").out)[-4]
    assert asot(*["DATA" if word == "DIR" else word for word in check]).code == 0


def test_the_real_svm_scores_are_put_into_the_layout(
    asot, put_into_the_layout, shared: Path, tmp_path: Path
) -> None:
    name = "50salads_eval_svmscores10.npz"
    (tmp_path / name).symlink_to(shared / "data" / name)
    put_into_the_layout()
    outcome = asot("data", "check", "DATA", "--dataset", "salads_svm")
    assert outcome.code == 0
    counts = outcome.out.splitlines()[3].split()
    assert counts == ["-", "50", "16,596", "-", "10", "50", "10"]


def test_a_recipe_of_ones_own(asot, tmp_path: Path) -> None:
    file = tmp_path / "my recipe.yaml"
    file.write_text(
        "name: assembly\ntitle: A [bold]line\n"
        "n_actions: {left hand: 12, right: 3}\ndataset: {exclude: [0, 4]}\n"
    )
    outcome = asot("recipes", file)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("assembly\nA [bold]line\n\nActions     left hand 12, right 3\n")
    assert "Left out    class 0, class 4\n" in outcome.out
    assert commands_in(outcome.out)[1][:2] == ["train", str(file)]
    assert "Published" not in outcome.out


def test_the_list_imports_nothing_heavy(environment: dict[str, str]) -> None:
    script = """
import sys
from asot.cli import main
codes = [main(["recipes"]), main(["recipes", "breakfast"])]
heavy = {"torch", "lightning", "matplotlib", "sklearn", "scipy", "pandas", "torchmetrics"}
print(codes, sorted(heavy & set(sys.modules)))
"""
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.endswith("\n[0, 0] []\n")

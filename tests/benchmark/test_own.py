"""Rows that people make on the command line: other settings, and classes of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.benchmark.folder import BenchmarkFolder, Cell
from asot.benchmark.methods import ABLATIONS, choose_methods, find_method, ordered
from asot.benchmark.own import MOST, spaced, split_name
from asot.benchmark.summary import summarise
from asot.cli import main
from asot.errors import ArgumentError, ConfigurationError
from asot.model.recipe import Recipe
from tests.benchmark.test_methods import DOCUMENT, flat
from tests.test_documents import blocks

OWN = """
import numpy as np
from asot.model.segmenter import NetworkSegmenter

class Thirds:
    shared = False
    def __init__(self, n_actions, width=1):
        self.n_actions, self.width = n_actions, width
    def fit_predict(self, X):
        return [np.arange(len(one)) * self.n_actions // len(one) for one in X]

class Floats(Thirds):
    def fit_predict(self, X):
        return [one / 2 for one in super().fit_predict(X)]

class Few(Thirds):
    def fit_predict(self, X):
        return super().fit_predict(X)[:1]

class Network(NetworkSegmenter):
    def __init__(self, recipe=None, n_actions=8, *, device="auto", keep_epochs=False,
                 random_state=None, depth=1):
        super().__init__(recipe, n_actions, device=device, keep_epochs=keep_epochs,
                         random_state=random_state)
        self.depth = depth

class Silent:
    pass

number = 7
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of somebody's own in the current folder, which is not on Python's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])
    (tmp_path / "my_rows.py").write_text(OWN)
    yield tmp_path
    for name in ("my_rows", "my_module"):
        sys.modules.pop(name, None)


def test_settings_reach_a_row_and_nothing_else(recipe: Recipe) -> None:
    before = flat(recipe.to_dict())
    row = "own_order(every=2, training.epochs=7, order_prior=0.3)"
    made = find_method(row).make(recipe, 3, 5, True)
    assert (made.every, made.n_actions, made.random_state, made.keep_epochs) == (2, 3, 5, True)
    now = flat(made.recipe.to_dict())
    changed = {name: value for name, value in now.items() if value != before[name]}
    assert changed == {"training.epochs": 7, "order_prior": 0.3}
    assert flat(recipe.to_dict()) == before
    assert find_method(row).title == f"ASOT, own orders ({row[10:-1]})"
    assert find_method("views(views=[[0,1],[2]])").make(recipe, 3, 0, False).views == [[0, 1], [2]]
    assert not find_method("twfinch(standardise=False)").seeded


def test_blanks_make_no_other_row() -> None:
    rows = ["(every=2, order_prior=0.3)", "( every = 2,order_prior =0.3 )", "(every=2)"]
    chosen = choose_methods([f"own_order{one}" for one in rows], None)
    assert chosen == [f"own_order{rows[0]}", "own_order(every=2)"]
    for kept in ("uniform", "views(views=[[0,1],[2,3]])", "my:Own(name=' a = [b ,c', d=1)"):
        assert spaced(kept) == kept
    with pytest.raises(ConfigurationError, match="must be such as"):
        choose_methods(["own_order(every=1 2)"], None)


def test_an_ablation_is_the_row_with_these_settings(recipe: Recipe) -> None:
    for part, (_, _, changes) in ABLATIONS.items():
        settings = ", ".join(f"{name}={value}" for name, value in changes.items())
        ablated, typed = (
            find_method(name).make(recipe, 3, 0, False).recipe
            for name in (f"paper-no-{part}", f"paper({settings})")
        )
        assert ablated == typed


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("paper(n_actions=4)", r"paper has no setting 'n_actions': .* its recipe\.$"),
        ("own_order(evry=2)", "no setting 'evry': its own are device, every, beside those of its"),
        ("own_order(evry=2)", r"its recipe; is every meant\?$"),
        ("default(radius=25)", "; is transport_train.radius or transport_eval.radius meant"),
        ("paper(traning.epochs=5)", "no setting 'traning.epochs': .*; is training.epochs meant"),
        ("paper(training.epoch=5)", "training.epoch is not .*; is epochs meant"),
        ("own_order(training.evry=2)", r"training\.evry is not a setting of a recipe"),
        ("paper(order_prior=-1)", "order_prior must be"),
        (
            "kmeans(order_prior=1)",
            "kmeans has no setting 'order_prior': its own are frames_per_recording,",
        ),
        ("own_order(every)", r"the settings \(every\) must be such as"),
        ("own_order(every=every)", "must be such as"),
        ("own_order(every=)", "must be such as"),
        ("own_order()", "There is no method"),
        ("paper(check=1)", "paper has no setting 'check'"),
        ("paper(title='mine')", "paper has no setting 'title'"),
        ("paper(dataset.frame_rate=3)", r"paper has no setting 'dataset\.frame_rate'"),
        ("vasot(team=3)", "vasot does not heed the setting 'team': leave it out"),
        ("nothing(every=1)", "There is no method"),
        (f"own_order(every={'1' * MOST})", "There is no method"),
        ("views(views=" + '""' * (MOST // 4) + ")", "There is no method"),  # too long, escaped
        (f"my_rows:{'茶' * (MOST // 2)}", "There is no method"),
        ("own_order(every=1)\n", "There is no method"),
        ("my_rows:Thirds(depth=1)", "my_rows:Thirds has no setting 'depth': its own are width"),
        ("my_rows:Network(every=1)", "no setting 'every': its own are depth, device, beside"),
        ("my_rows:Silent", "must be a class with a method fit_predict"),
        ("my_rows:number", "fit_predict.* but is 7"),
        ("my_rows:Gone", "my_rows:Gone cannot be imported: AttributeError"),
        ("no_such_module:Gone", "cannot be imported: ModuleNotFoundError"),
        ("a:b:c", "There is no method"),
    ],
)
def test_what_cannot_be_is_refused_before_work(module: Path, name: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        choose_methods([name], None)
    assert "\n" not in str(caught.value)


def test_a_method_checks_its_settings_before_work() -> None:
    with pytest.raises(ArgumentError, match="every must be an integer"):
        choose_methods(["own_order(every='2')"], None)


def test_a_class_is_made_with_what_its_signature_has(module: Path, recipe: Recipe) -> None:
    plain = find_method("my_rows:Thirds(width=3)").make(recipe, 4, 9, True)
    assert (plain._made.n_actions, plain._made.width, plain.shared) == (4, 3, False)
    network = find_method("my_rows:Network(depth=2, order_prior=0)").make(recipe, 4, 9, True)
    assert network.recipe.order_prior == 0
    assert (network.depth, network.n_actions, network.random_state) == (2, 4, 9)


@pytest.mark.parametrize(
    "name, sentence",
    [
        (
            "Floats",
            r"each frame of 2 recordings, but recording 0 of 9 frames has \(9,\) of float64",
        ),
        ("Few", "recording 1 of 5 frames has none"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    module: Path, recipe: Recipe, name: str, sentence: str
) -> None:
    made = find_method(f"my_rows:{name}").make(recipe, 3, 0, False)
    with pytest.raises(ConfigurationError, match=sentence):
        made.fit([np.zeros((9, 2)), np.zeros((5, 2))])


def test_names_are_read_without_an_import(write: Any, folder: BenchmarkFolder) -> None:
    """As of results that somebody else sent."""
    names = ["no_such_module:Thing", "own_order(every=2)", "uniform", "own_order", "a.b:C(x='y')"]
    for name in names:
        write(name, "green tea", 0, 0.5)
    (folder.root / "cells" / "no such method" / "all").mkdir(parents=True)
    (folder.root / "cells" / "no such method" / "all" / "seed-0.json").write_text("{}")
    assert {cell.method for cell, _ in folder.cells()} == set(names)
    assert ordered(names) == [names[3], names[1], names[2], names[4], names[0]]
    assert {row.title for row in summarise(folder)} >= {"a.b:C(x='y')", "no_such_module:Thing"}
    assert folder.labels(Cell(names[0], "green tea", 0))


def test_a_name_holds_nothing_that_a_table_reads_as_more(seed: int) -> None:
    for sign in "|<>\\`*$&;%/\n\r\t\x1b{}":
        assert split_name(f"paper(a={sign})")[1] == ""
        assert split_name(f"m{sign}:C")[0] == f"m{sign}:C"


def test_the_example_of_the_documents(module: Path, data: Path, here: list[Cell]) -> None:
    text = next(one for one in blocks(DOCUMENT, "python") if "class MySegmenter" in one)
    (module / "my_module.py").write_text(text)
    rows = ["my_module:MySegmenter", "my_module:MySegmenter(shift=0.1)"]
    for row in rows:
        assert row in DOCUMENT.read_text(encoding="utf-8")
    words = ["benchmark", "paper", "--data", str(data), "--out", "out", "--seeds", "1"]
    words += ["--activities", "each", "--figures", "0", "--methods", "uniform", *rows]
    assert main(words) == 0
    assert len(here) == 6
    table = (module / "out" / "table.md").read_text(encoding="utf-8")
    lines = [line.split("|")[1:4] for line in table.splitlines() if "| " in line]
    cells = {one[0].strip(): one[2] for one in reversed(lines) if len(one) == 3}
    assert cells[rows[0]] == cells["Uniform split"] != cells[rows[1]]
    assert main(words) == 0
    assert len(here) == 6, "finished cells of one's own are not run again"

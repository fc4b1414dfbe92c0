"""How settings were found, from the folder of a run to the page of each of its models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data import Recordings, write_dataset
from asot.errors import DataError
from asot.figures.evidence import findings
from asot.figures.evidence_file import EVIDENCE_FILE
from asot.files import write_json
from asot.model.recipe import DatasetSettings, Recipe
from asot.runs.page import write_page
from asot.runs.run import Run, plan_run
from asot.simulation import make_recordings
from tests.figures.evidences import found, found_values


def finished_run(root: Path) -> Run:
    """A run of two activities that were labelled by a die."""
    made = make_recordings(4, 3, (20, 40), width=4, random_state=0)
    recordings = Recordings.from_arrays(
        [one.features for one in made],
        names=["P1_tea", "P2_tea", "P1_juice", "P2_juice"],
        activities=["tea", "tea", "juice", "juice"],
    )
    data = write_dataset(recordings, root / "data")
    recipe = Recipe(n_actions=3, dataset=DatasetSettings(activity_pattern="_([a-z]+)$"))
    plan = plan_run(recipe, data, ["each"])
    run = Run(root / "run")
    run.begin(recipe, 0, plan)
    folder = run.predictions
    folder.begin()
    everything = Recordings([one for group in plan.activities.values() for one in group])
    for one in everything:
        labels = np.random.default_rng(one.n_frames).integers(3, size=one.n_frames)
        folder.write(one.name, labels, np.eye(3, dtype=np.float32)[labels])
    folder.finish(plan.source, everything, {one.name: str(one.activity) for one in everything})
    return run


def values(page: Path) -> Any:
    _, _, rest = page.read_text(encoding="utf-8").partition('id="page-data">')
    return json.loads(rest.partition("</script>")[0])


def shown(page: Path) -> list[tuple[str, str]]:
    return [(one["heading"], one["sentence"]) for one in values(page)["findings"]]


def test_each_model_has_its_own_evidence_on_its_page(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    pages = {page.parent.name: page for page in write_page(run.predictions, tmp_path / "page")}
    assert shown(pages["tea"]) == shown(pages["juice"]) == []

    evidence = found_values()
    evidence["choice"]["alike"] = [[0, 2]]
    write_json(run.root / EVIDENCE_FILE, {"tea": evidence, "milk": evidence})
    pages = {page.parent.name: page for page in write_page(run.predictions, tmp_path / "page")}
    told = found()
    assert told.choice is not None
    told.choice.alike = []
    assert shown(pages["tea"]) == [(one.heading, one.sentence) for one in findings(told)]
    # Actions that may be one are shown among the actions instead, to be merged.
    first = values(pages["tea"])["alike"]["pairs"][0]
    assert (set(first["actions"]), first["described"]) == ({0, 2}, True)
    assert shown(pages["juice"]) == []

    (run.root / EVIDENCE_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=EVIDENCE_FILE):
        write_page(run.predictions, tmp_path / "page")


def test_unused_actions_do_not_contradict_a_number_that_was_found(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    for name in ("P1_tea", "P2_tea", "P1_juice", "P2_juice"):
        labels = run.predictions.labels(name) % 2
        run.predictions.write(name, labels, np.eye(3, dtype=np.float32)[labels])
    given = {**found_values(), "n_actions": None}
    write_json(run.root / EVIDENCE_FILE, {"tea": found_values(), "juice": given})
    pages = {page.parent.name: page for page in write_page(run.predictions, tmp_path / "page")}
    says = "2 of 3 actions are in use: the "
    assert values(pages["tea"])["remarks"] == [f"{says}number that was found may be too high."]
    assert values(pages["juice"])["remarks"] == [f"{says}recordings do not need more."]

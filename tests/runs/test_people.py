"""Corrections of people in a folder of results: stored, measured, exported, and as the truth."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from asot.data import Recordings
from asot.errors import DataError
from asot.export.tables import read_csv
from asot.metrics import cohen_kappa, evaluate, krippendorff_alpha
from asot.runs.corrections import take_truth, timelines
from asot.runs.page import gather
from asot.runs.people import gather_corrections, name_from_truth, offered_names, relabel
from asot.runs.predictions import PredictionFolder
from asot.runs.scores import score
from asot.timeline.corrections import Patch
from asot.timeline.names import ActionNames
from tests.runs.made import FRAMES, K, make_predictions, write_person

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> PredictionFolder:
    return make_predictions(tmp_path, rng)


@pytest.fixture
def wrote(tmp_path: Path) -> Write:
    return partial(write_person, tmp_path)


def rows(folder: PredictionFolder, name: str) -> list[tuple[int, int, str, float]]:
    found = (one for one in read_csv(folder.root / "segments.csv") if one.recording == name)
    return [(one.start_frame, one.end_frame, one.action, one.checked) for one in found]


def test_corrections_are_stored_and_the_table_follows(
    folder: PredictionFolder, wrote: Write
) -> None:
    before = {name: folder.labels(name).tolist() for name in FRAMES}
    names = ActionNames({3: "shake"}, added=1)
    relabel(folder, [wrote("Ada", names, tea=[(0, 7, 3), (30, 40, -1)])])
    found = rows(folder, "tea")
    assert found[0] == (0, 7, "shake", 1.0)
    assert [(start, end) for start, end, *_ in found[-2:]] == [(18, 30), (40, 60)]
    assert {name: folder.labels(name).tolist() for name in FRAMES} == before
    corrected = folder.corrected("tea", K + 1)
    assert corrected is not None
    assert corrected.segments == (Patch(0, 7, 3), Patch(30, 40, -1))
    relabel(folder, [wrote("Ada", names, tea=[(0, 9, 3)])])
    assert rows(folder, "tea")[0] == (0, 9, "shake", 1.0)
    assert (folder.root / "earlier" / "1" / "corrections.json").is_file(), "of frames 30 to 40"
    relabel(folder, [wrote("Ada", names, tea=[(0, 20, 3)])])
    assert not (folder.root / "earlier" / "2").exists(), "as much was looked at, and more"


def test_names_alone_leave_the_segments_as_they_are(
    folder: PredictionFolder, wrote: Write, tmp_path: Path
) -> None:
    names = ActionNames({0: "pour", 3: "shake"}, added=1)
    relabel(folder, [wrote("Ada", names, tea=[(0, 7, 3), (30, 40, -1)])])
    before = rows(folder, "tea")
    alone = tmp_path / "names.json"
    alone.write_text('{"action 1": "boil"}')
    relabel(folder, [alone], "a")
    assert folder.names("a", K) == ActionNames({0: "boil", 3: "shake"}, added=1)
    swapped = [(*one[:2], one[2].replace("pour", "boil"), one[3]) for one in before]
    assert rows(folder, "tea") == swapped
    alone.write_text('{"action 4": "stir"}')
    relabel(folder, [alone], "a")
    assert rows(folder, "tea")[0] == (0, 7, "stir", 1.0)
    assert not (folder.root / "earlier").exists()


def test_people_are_compared_and_their_disagreements_listed(
    folder: PredictionFolder, wrote: Write
) -> None:
    one = wrote("Ada", ActionNames({0: "pour"}), tea=[(0, 20, 0), (20, 30, 1)])
    two = wrote("Ben", ActionNames({0: "stir"}), tea=[(10, 22, 0), (22, 40, 1)], egg=[(0, 4, 2)])
    found = relabel(folder, [one, two])
    agreement = found.agreement()
    assert agreement is not None
    ada, ben = [0] * 10 + [1] * 10, [0] * 12 + [1] * 8
    assert (agreement.n_frames, agreement.share) == (20, pytest.approx(0.9))
    assert agreement.value == pytest.approx(cohen_kappa(ada, ben))
    path = folder.root / "disagreements.csv"
    assert [*csv.reader(path.read_text(encoding="utf-8").splitlines())] == [
        ["recording", "start_frame", "end_frame", "start_s", "end_s", "Ada", "Ben", "taken"],
        ["tea", "20", "22", "2.0", "2.2", "action 2", "pour", "action 2"],
    ]
    three = wrote("Cleo", tea=[(10, 30, 0)], egg=[(0, 4, 0)])
    found = relabel(folder, [three, one, two])
    agreement = found.agreement()
    assert agreement is not None
    nan = float("nan")
    tea = [[0] * 20, ada, ben]
    egg = [[0] * 4, [nan] * 4, [2] * 4]
    expected = krippendorff_alpha([[*a, *b] for a, b in zip(tea, egg, strict=True)])
    assert agreement.value == pytest.approx(expected)
    assert relabel(folder, [one]).agreement() is None
    assert not path.exists(), "one person agrees"


def test_what_new_files_leave_out_is_kept_aside(
    folder: PredictionFolder, wrote: Write, caplog: pytest.LogCaptureFixture
) -> None:
    relabel(folder, [wrote("Ada", tea=[(0, 9, 1)], egg=[(0, 5, 1)])])
    relabel(folder, [wrote("Ben", tea=[(0, 8, 2)])])
    kept = folder.root / "earlier" / "1" / "corrections.json"
    assert "'egg', 'tea' were corrected before where the new files say nothing" in caplog.text
    assert f"kept in {kept}, which asot relabel takes" in caplog.text
    assert rows(folder, "egg")[0][3] == 0
    relabel(folder, [kept])
    again = [folder.corrected(name, K) for name in ("egg", "tea")]
    assert [one and one.segments for one in again] == [(Patch(0, 5, 1),), (Patch(0, 9, 1),)]
    relabel(folder, [kept, wrote("Cleo", ActionNames({0: "pour"}), tea=[(0, 8, 2)])])
    assert not (folder.root / "earlier" / "2").exists()
    folder.begin(keep_names=True)
    assert folder.named("a")
    assert folder.corrected_path("tea").is_file()
    caplog.clear()
    folder.begin()
    assert not folder.named("a")
    assert not folder.corrected_path("tea").exists()
    assert (folder.root / "earlier" / "2" / "names" / "a.json").is_file()
    assert (folder.root / "earlier" / "2" / "corrected" / "tea.json").is_file()
    assert len(caplog.records) == 1
    folder.begin()
    assert len(caplog.records) == 1, "nothing more to keep"


def test_segments_of_other_frames_are_named_and_neither_applied_nor_lost(
    folder: PredictionFolder, wrote: Write, caplog: pytest.LogCaptureFixture
) -> None:
    relabel(folder, [wrote("Ada", tea=[(0, 9, 1)])])
    path = folder.corrected_path("tea")
    path.write_text(path.read_text().replace('"frames": 60', '"frames": 61'))
    with caplog.at_level(logging.WARNING):
        timeline = next(one for one in timelines(folder) if one.recording == "tea")
    assert f"{path} is of 61 frames, but tea has 60 frames now: it is left out;" in caplog.text
    assert {row.checked for row in timeline.rows} == {0}
    relabel(folder, [wrote("Ada", tea=[(0, 3, 1)])])
    assert (folder.root / "earlier" / "1" / "corrected" / "tea.json").is_file()


def test_files_that_do_not_fit_are_named(
    folder: PredictionFolder, wrote: Write, tmp_path: Path
) -> None:
    ada = wrote("Ada", tea=[(0, 9, 1)])
    for files, sentence in (
        ([ada, ada], "Ada.json: is named twice: name the file of each person once."),
        ([wrote("B", jam=[(0, 9, 1)], egg=[(0, 9, 1)])], "has several models, .* --model, of a, b"),
        ([tmp_path / "data"], "holds no corrections"),
    ):
        with pytest.raises(DataError, match=sentence):
            gather_corrections(folder, files)
    assert gather_corrections(folder, [wrote("Jo", jam=[(0, 9, 1)])]).model == "b"
    text = ada.read_text()
    for old, new, sentence in (
        ('"tea"', '"teas"', "speaks of 'teas', which was not predicted; .* is 'tea' meant?"),
        ('"frames": 60', '"frames": 59', "is of 59 frames of 'tea', which has 60: correct it"),
        ('"action": 1', '"action": 3', "has the action 3, but there are 3 actions"),
    ):
        ada.write_text(text.replace(old, new))
        with pytest.raises(DataError, match=sentence):
            relabel(folder, [ada], "a")
    assert not folder.named("a")


def test_only_frames_that_somebody_looked_at_are_truth(
    folder: PredictionFolder, wrote: Write
) -> None:
    labels = folder.labels("tea")
    names = ActionNames({0: "pour", 1: "stir", 2: "wait"})
    called = np.array(["pour", "stir", "wait"], dtype=object)[labels]
    # Right on [0, 15) and [40, 50), wrong on [50, 55); of the rest nothing is known.
    patches = [(s, e, int(labels[s])) for s, e in ((0, 7), (7, 15), (40, 50))]
    wrong = int((labels[50] + 1) % K)
    files = [wrote("Ada", names, tea=[*patches, (50, 55, wrong)])]
    truth = take_truth(folder, files)["tea"]
    seen = np.array([*range(15), *range(40, 55)])
    assert [truth[i] for i in seen[:-5]] == called[seen[:-5]].tolist()
    assert {truth[i] for i in range(60)} - {"pour", "stir", "wait"} == {"(not looked at)"}
    scored = score(folder)
    found = scored.evaluations["activity"]
    assert (found.n_frames, found["mof"]) == (30, pytest.approx(25 / 30))
    unseen = "(not looked at)"
    expected = evaluate([labels], [truth], unseen=unseen, n_actions=K, activities=["a"])
    assert dict(found) == pytest.approx(dict(expected))
    written = json.loads((folder.root / "scores.json").read_text())
    assert (written["recordings"], written["frames"]) == (["tea"], [30])
    assert sorted(written["class_names"].values()) == sorted({*truth} - {unseen})
    # The page counts what was found, as the scores do, also where it was corrected.
    relabel(folder, files)
    tea = Recordings([one for one in folder.open_data().recordings if one.name != "jam"])
    counts, _ = gather(folder, tea, score(folder), title="Tea").confusion or ((), ())
    assert np.max(counts, axis=1).sum() == 25
    # Where all that was looked at is right, every score is perfect, whatever lies between.
    take_truth(folder, [wrote("Ada", names, tea=patches)])
    scores = score(folder).evaluations["activity"]
    assert {scores[key] for key in ("mof", "f1@50", "edit", "boundary_f1")} == {1.0}
    tea = Recordings([one for one in folder.open_data().recordings if one.name != "jam"])
    page = gather(folder, tea, score(folder), title="Tea")
    assert page.confusion is not None
    assert page.confusion[0].sum() == 25
    [track] = page.recordings[0].tracks or page.recordings[1].tracks
    assert (track.labels == -1).sum() == 35
    # A score of these frames alone would say nothing of the recording.
    assert {*page.recordings[0].scores, *page.recordings[1].scores} == set()


def test_exports_with_corrections_store_nothing(folder: PredictionFolder, wrote: Write) -> None:
    relabel(folder, [wrote("Ada", egg=[(0, 9, 1)])])
    before = {path: path.read_bytes() for path in folder.root.rglob("*") if path.is_file()}
    file = wrote("Ben", ActionNames({2: "shake"}), tea=[(0, 60, 2)])
    found = {
        one.recording: one for one in timelines(folder, given=gather_corrections(folder, [file]))
    }
    assert [(row.action, row.checked) for row in found["tea"].rows] == [("shake", 1.0)]
    assert {row.checked for row in found["egg"].rows} == {0.0}, "the files take their place"
    assert {path: path.read_bytes() for path in folder.root.rglob("*") if path.is_file()} == before


def test_actions_without_a_name_take_that_of_their_class(
    folder: PredictionFolder, wrote: Write, tmp_path: Path
) -> None:
    relabel(folder, [wrote("Ada", ActionNames({1: "stir"}))], "a")
    words = np.array(["pour", "whisk", "wait"], dtype=object)
    truth = tmp_path / "truth"
    truth.mkdir()
    for name in ("tea", "egg"):
        labels = folder.labels(name)
        (truth / f"{name}.txt").write_text("\n".join(words[labels]))
    take_truth(folder, [truth])
    offered = {"a": {0: "pour", 2: "wait"}}
    assert offered_names(folder, score(folder)) == offered
    assert name_from_truth(folder) == offered
    assert folder.names("a", K).names == {0: "pour", 1: "stir", 2: "wait"}
    assert {row[2] for row in rows(folder, "tea")} == {"pour", "stir", "wait"}
    assert name_from_truth(folder) == {}

"""Segments that people corrected, from the folder of a prediction to its page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asot.data import Recordings
from asot.runs.page import gather, write_page
from asot.runs.predictions import PredictionFolder
from asot.timeline.corrections import Corrected, Patch
from asot.timeline.names import ActionNames
from tests.runs.test_evidence_on_the_page import finished_run


def test_a_page_shows_corrected_segments_over_those_of_the_model(tmp_path: Path) -> None:
    folder = finished_run(tmp_path).predictions
    before = write_page(folder, tmp_path / "page")
    read = [page.read_text(encoding="utf-8") for page in before if page.parent.name == "tea"]
    n_frames = len(folder.labels("P1_tea"))
    folder.write_names("tea", ActionNames({3: "wave"}, merged={0: 3}, added=1))
    fixed = Corrected(n_frames, (Patch(2, n_frames, 3, "left hand"),))
    folder.write_corrected("P1_tea", fixed)
    # Of a recording that has other frames by now: left out.
    folder.write_corrected("P2_tea", Corrected(5, (Patch(0, 5, 3),)))
    write_page(folder, tmp_path / "page")
    read.append((tmp_path / "page" / "tea" / "index.html").read_text(encoding="utf-8"))
    plain, shown = (
        json.loads(text.partition('id="page-data">')[2].partition("</script>")[0]) for text in read
    )
    assert shown["id"] == plain["id"]
    wave = shown["actions"][3]
    assert (wave["name"], wave["added"], wave["style"]) == ("wave", True, shown["fills"][3])
    first, second = shown["recordings"]
    assert first["corrected"] == [[2, n_frames, 3, "left hand"]]
    assert second["corrected"] == []
    assert second["strip"] == plain["recordings"][1]["strip"]
    now = fixed.apply(folder.labels("P1_tea"))
    assert dict(map(tuple, first["used"]))[3] == round(float(np.mean(now == 3)), 6)
    assert {place[0] for place in shown["doubts"] if place[0] == 0 and place[1] >= 2} == set()
    # What an action looks like is shown by segments that are of it now.
    assert shown["examples"]["typical"]["3"][0]["recording"] == 0


def test_a_page_reads_the_labels_of_each_recording_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, read = finished_run(tmp_path).predictions, list[str]()
    labels = PredictionFolder.labels

    def count(own: PredictionFolder, name: str) -> NDArray[np.int64]:
        read.append(name)
        return labels(own, name)

    monkeypatch.setattr(PredictionFolder, "labels", count)
    # Else made of the labels, where there is no model.
    monkeypatch.setattr(PredictionFolder, "identity", lambda own, model: "one")
    of_tea = Recordings([one for one in folder.open_data().recordings if "tea" in one.name])
    page = gather(folder, of_tea, None, title="Tea")
    assert len(list(page.recordings)) == len(of_tea)
    assert sorted(read) == sorted(of_tea.names)

"""asot page, relabel, export and evaluate --truth: results looked at, named and passed on."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from asot.cli import main
from asot.data.origin import Origin, write_features
from asot.export import FORMATS
from asot.runs.predictions import find_predictions
from asot.timeline.corrections import Patch, read_corrections
from tests.cli.outcome import Asot, refusal_of_truth, shown_paths
from tests.conftest import SEED
from tests.runs.regimes import snapshot

HOSTILE = '</script><img src=x onerror="alert(1)">, =1+1; "quoted" [b]ü泡[/b]'


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training on features that say they are of videos, which are no longer there."""
    data = tmp_path_factory.mktemp("clips") / "data"
    rng = np.random.default_rng(SEED)
    for name in ("a", "b"):
        values = np.repeat(4 * rng.normal(size=(3, 6)), 20, axis=0) + rng.normal(size=(60, 6))
        # A video of 30 frames a second from 0.54 s, of which every third frame was taken.
        times = 0.54 + 3 * np.arange(61) / 30
        media = {"start_s": 0.54, "frame_rate": 30.0, "width": 64, "height": 48}
        origin = Origin("video", f"/videos/{name}.mp4", name, {"name": "none"}, media)
        write_features(data, name, values.astype(np.float32), times, origin)
    out = data.parent / "out"
    assert main(["segment", str(data), "--n_actions", "3", "--out", str(out)]) == 0
    return out


def table(results: Path) -> list[dict[str, str]]:
    path = results / "predictions" / "segments.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def name_them(folder: Path, values: object) -> Path:
    path = folder / "names.json"
    path.write_text(json.dumps(values))
    return path


def test_page_writes_the_page_again(asot: Asot, results: Path) -> None:
    page = results / "page" / "index.html"
    before = page.read_bytes()
    shutil.rmtree(results / "page")
    outcome = asot("page", results)
    assert (outcome.code, outcome.err) == (0, "")
    assert shown_paths(outcome, results) == [page]
    assert page.read_bytes() == before
    assert asot("page", results).code == 0, "over the page that is there"


def test_page_into_one_file_elsewhere(asot: Asot, results: Path, tmp_path: Path) -> None:
    before = snapshot(results)
    out = tmp_path / "for a friend"
    outcome = asot("page", results, "--out", out, "--embed")
    assert (outcome.code, outcome.err) == (0, "")
    assert {path.name for path in out.iterdir()} == {"index.html", "page.json"}
    page = (out / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert snapshot(results) == before


def test_page_leaves_folders_of_something_else_alone(
    asot: Asot, results: Path, tmp_path: Path
) -> None:
    for folder in (results, results / "data", results / "run"):
        before = snapshot(folder)
        outcome = asot("page", results, "--out", folder)
        assert outcome.code == 2
        assert outcome.sentence == (
            f"{folder} holds something else: choose another folder for the page."
        )
        assert snapshot(folder) == before
    (tmp_path / "empty").mkdir()
    assert asot("page", results, "--out", tmp_path / "empty").code == 0
    outcome = asot("page", tmp_path / "empty")
    assert outcome.code == 2
    assert "holds no finished predictions" in outcome.sentence
    outcome = asot("page", tmp_path / "nowhere")
    assert outcome.code == 2
    assert outcome.sentence == (
        f"{tmp_path / 'nowhere'}: is not a folder: name one of asot segment, train or predict."
    )


def test_page_beside_other_predictions(asot: Asot, results: Path, tmp_path: Path) -> None:
    two = tmp_path / "two"
    assert asot("segment", results / "data", "--n_actions", "2", "--out", two).code == 0
    outcome = asot("page", results, "--other", f"two <b>actions={two}")
    assert (outcome.code, outcome.err) == (0, "")
    data = (results / "page" / "data" / "0.js").read_text()
    assert "two \\u003cb\\u003eactions" in data
    names = name_them(tmp_path, {"0": "rest"})
    assert asot("relabel", results, names).code == 0
    assert "two \\u003cb\\u003eactions" in (results / "page" / "data" / "0.js").read_text()
    shutil.rmtree(two)
    outcome = asot("relabel", results, names)
    assert outcome.code == 0
    assert "is no longer in" in outcome.sentence
    assert "two \\u003cb\\u003eactions" not in (results / "page" / "data" / "0.js").read_text()


def test_other_predictions_of_other_frames(asot: Asot, results: Path, tmp_path: Path) -> None:
    other = shutil.copytree(results, tmp_path / "other")
    path = other / "predictions" / "labels" / "r1.txt"
    path.write_text(path.read_text() + "0\n")
    before = snapshot(results)
    outcome = asot("page", results, "--other", f"x={other}")
    assert outcome.code == 2
    assert outcome.sentence.startswith(str(path))
    assert snapshot(results) == before


def test_page_opens_the_browser(asot: Asot, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert asot("page", results, "--open").code == 0
    assert opened == [(results / "page" / "index.html").resolve().as_uri()]


def test_features_that_are_others_now(asot: Asot, results: Path) -> None:
    path = results / "data" / "features" / "r1.npy"
    features = np.load(path)
    np.save(path, features[:-1])
    times = results / "data" / "times" / "r1.npy"
    np.save(times, np.load(times)[:-1])
    for words in (("page", results), ("export", results, "--to", "csv")):
        outcome = asot(*words, "--data", results / "data")
        assert outcome.code == 2
        assert outcome.sentence == (
            f"{results / 'predictions'}: has {len(features)} labels for r1, which has "
            f"{len(features) - 1} frames now: segment the recordings again."
        )


def test_relabel_writes_the_table_and_the_page(asot: Asot, results: Path, tmp_path: Path) -> None:
    before = table(results)
    labels = snapshot(results / "predictions" / "labels")
    page = (results / "page" / "index.html").read_text(encoding="utf-8")
    values = {
        "format": 1,
        "names": {"0": HOSTILE, "1": "  pour\n milk "},
        "merged": {"2": 0},
        "background": [3],
    }
    outcome = asot("relabel", results, name_them(tmp_path, values))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(
        "Named: 2. Merged into others: 1. Background, which is left out below and in exports: 1.\n"
    )
    assert shown_paths(outcome, results) == [
        results / "predictions" / "segments.csv",
        results / "page" / "index.html",
    ]
    called = {
        "action 1": HOSTILE,
        "action 2": "pour milk",
        "action 3": HOSTILE,
        "action 4": None,
    }
    expected: list[list[object]] = []
    for row in before:
        action, place = called[row["action"]], (row["recording"], row["end_s"], row["end_frame"])
        if expected and expected[-1][0] == row["recording"] and expected[-1][1] == action:
            expected[-1][2:] = place[1:]
        else:
            expected.append([row["recording"], action, *place[1:]])
    after = table(results)
    assert [[row["recording"], row["action"], row["end_s"], row["end_frame"]] for row in after] == [
        one for one in expected if one[1] is not None
    ]
    assert all(0 < float(row["confidence"]) <= 1.0001 for row in after)
    assert snapshot(results / "predictions" / "labels") == labels, "what was found stays"
    written = (results / "page" / "index.html").read_text(encoding="utf-8")
    assert written != page
    assert "pour milk" in written
    assert "<img src=x" not in written
    assert written.count("</script>") == page.count("</script>")
    assert str(results / "predictions" / "segments.csv") in outcome.out
    assert HOSTILE in outcome.out, "shown as it is"


def test_relabel_again_replaces(asot: Asot, results: Path, tmp_path: Path) -> None:
    before = snapshot(results)
    for values in ({"0": "walk", "1": "walk", "2": "walk", "3": "walk"}, {"1": "rest"}):
        assert asot("relabel", results, name_them(tmp_path, values)).code == 0
        found = {row["action"] for row in table(results)}
        assert ("walk" in found) == (values.get("0") == "walk")
    assert "walk" not in (results / "page" / "index.html").read_text(encoding="utf-8")
    assert found <= {"action 1", "rest", "action 3", "action 4"}
    assert asot("relabel", results, name_them(tmp_path, {})).code == 0
    after = snapshot(results)
    name = "predictions/segments.csv"
    assert after[name][1] == before[name][1]
    assert after["page/index.html"][1] == before["page/index.html"][1]


def test_all_of_it_in_the_background(asot: Asot, results: Path, tmp_path: Path) -> None:
    names = name_them(tmp_path, {"format": 1, "background": [0, 1, 2, 3]})
    outcome = asot("relabel", results, names)
    assert (outcome.code, outcome.err) == (0, "")
    assert table(results) == []
    outcome = asot("export", results, "--to", "all")
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"4": "pour"}, "speaks of action 5 (label 4), but there are 4 actions"),
        ({"0": 3}, "must be text"),
        ([], "must be values by name"),
        ({"format": 1, "merged": {"0": 1, "1": 0}}, "into itself: undo one of the merges"),
        ({"0": "\ud800"}, "is not JSON"),
    ],
)
def test_names_that_are_refused(
    asot: Asot, results: Path, tmp_path: Path, values: object, part: str
) -> None:
    before = snapshot(results)
    outcome = asot("relabel", results, name_them(tmp_path, values))
    assert outcome.code == 2
    assert part in outcome.sentence
    assert snapshot(results) == before


def test_relabel_refuses(asot: Asot, results: Path, tmp_path: Path) -> None:
    names = name_them(tmp_path, {"0": "rest"})
    outcome = asot("relabel", results, names, "--model", "tea")
    assert outcome.code == 2
    assert outcome.sentence.endswith("has no model 'tea'; it has: all.")
    outcome = asot("relabel", results, tmp_path / "none.json")
    assert outcome.code == 2
    assert outcome.sentence == f"{tmp_path / 'none.json'}: does not exist."
    outcome = asot("relabel", tmp_path, names)
    assert outcome.code == 2
    assert "holds no finished predictions" in outcome.sentence


def test_relabel_without_a_page(asot: Asot, results: Path, tmp_path: Path) -> None:
    shutil.rmtree(results / "page")
    outcome = asot("relabel", results, name_them(tmp_path, {"0": "rest"}))
    assert (outcome.code, outcome.err) == (0, "")
    assert not (results / "page").exists()
    (results / "page").mkdir()
    (results / "page" / "page.json").write_text("[]")
    outcome = asot("relabel", results, tmp_path / "names.json")
    assert outcome.code == 2
    assert outcome.sentence.startswith(str(results / "page" / "page.json"))


def test_several_models_have_pages_and_names_of_their_own(
    asot: Asot, tmp_path: Path, rng: np.random.Generator
) -> None:
    for name in ("1_tea", "2_tea", "1_egg"):
        (tmp_path / "data" / "features").mkdir(parents=True, exist_ok=True)
        values = np.repeat(4 * rng.normal(size=(2, 4)), 20, axis=0) + rng.normal(size=(40, 4))
        np.save(tmp_path / "data" / "features" / f"{name}.npy", values)
    words = ("--dataset.activity_pattern", "_([^_]+)$", "--activities", "each")
    words = (*words, "--n_actions", "2", "--training.epochs", "1", "--logger", "none")
    run = tmp_path / "run"
    words = ("train", "default", *words, "--data", str(tmp_path / "data"), "--out", str(run))
    assert asot(*words, "--figures", "0").code == 0
    outcome = asot("page", run)
    assert (outcome.code, outcome.err) == (0, "")
    pages = [run / "page" / model / "index.html" for model in ("egg", "tea")]
    assert shown_paths(outcome, run) == pages
    titles = [re.findall("<title>(.*?)</title>", page.read_text()) for page in pages]
    assert titles == [["egg: 1 recording"], ["tea: 2 recordings"]]
    names = name_them(tmp_path, {"0": "heat", "1": "heat"})
    outcome = asot("relabel", run, names)
    assert outcome.code == 2
    assert outcome.sentence.endswith(
        "has several models, each with actions of its own: say which with --model, of egg, tea."
    )
    outcome = asot("relabel", run, names, "--model", "tea")
    assert (outcome.code, outcome.err) == (0, "")
    assert shown_paths(outcome, run) == [run / "predictions" / "segments.csv", *pages]
    with (run / "predictions" / "segments.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["action"] for row in rows if row["recording"].endswith("tea")} == {"heat"}
    assert {row["action"] for row in rows if row["recording"] == "1_egg"} <= {
        "action 1",
        "action 2",
    }
    outcome = asot("page", run, "--embed", "--out", tmp_path / "one file each")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(shown_paths(outcome, tmp_path)) == 2
    assert asot("export", run, "--to", "csv,txt").code == 0
    texts = run / "exports" / "txt"
    (texts / "groundTruth" / "1_egg.txt").write_text("action 2\n" * 30 + "crack\n" * 10)
    outcome = asot("import", run, texts, "--as", "corrections")
    assert (outcome.code, outcome.err) == (0, "")
    egg, tea = (run / "predictions" / f"corrections-{model}.json" for model in ("egg", "tea"))
    [one] = read_corrections(egg, 2).recordings.values()
    assert one.segments == (Patch(0, 30, 1), Patch(30, 40, 2))
    assert {*read_corrections(tea, 2).recordings} == {"1_tea", "2_tea"}


OF_VIDEOS = {"labelstudio": "Label Studio", "vidat": "Vidat", "fiftyone": "FiftyOne"}
SERIES = [name for name in FORMATS if name not in OF_VIDEOS]


@pytest.mark.parametrize("to", SERIES)
def test_export_in_each_format(asot: Asot, results: Path, to: str) -> None:
    outcome = asot("export", results, "--to", to)
    assert (outcome.code, outcome.err) == (0, "")
    assert shown_paths(outcome, results) == [results / "exports" / to]
    files = [path for path in (results / "exports" / to).rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_size for path in files)
    assert f"{FORMATS[to].summary}; {len(files)} file" in outcome.out


def test_export_of_everything_leaves_out_what_does_not_fit(
    asot: Asot, results: Path, clips: Path, tmp_path: Path
) -> None:
    outcome = asot("export", results, "--to", "all", "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(SERIES)
    for name, tool in OF_VIDEOS.items():
        assert f"Left out: {name}: {tool} needs a video, which r0 lacks" in outcome.out
    outcome = asot("export", clips, "--to", "elan,all", "--out", tmp_path / "videos")
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == sorted(FORMATS)
    assert "Left out" not in outcome.out


def test_exports_start_where_the_recordings_do(asot: Asot, results: Path, tmp_path: Path) -> None:
    for words, start in (((), 0.54), (("--from_zero",), 0.0)):
        out = tmp_path / f"from {start}"
        assert asot("export", results, "--to", "json,vtt", "--out", out, *words).code == 0
        database = json.loads((out / "json" / "segments.json").read_text())["database"]
        for one in database.values():
            assert one["annotations"][0]["segment"][0] == start
        text = (out / "vtt" / "r0.vtt").read_text()
        assert f"00:00:00.{round(1000 * start):03} --> " in text


def test_a_format_that_does_not_fit_is_refused(asot: Asot, results: Path) -> None:
    before = snapshot(results)
    outcome = asot("export", results, "--to", "labelstudio")
    assert outcome.code == 2
    assert "Label Studio needs a video, which r0 lacks" in outcome.sentence
    assert snapshot(results) == before


def test_a_format_that_does_not_fit_stops_no_other(asot: Asot, results: Path) -> None:
    outcome = asot("export", results, "--to", "fiftyone, csv", "vtt,csv")
    assert outcome.code == 0
    assert outcome.sentence.startswith("left out: fiftyone: ")
    assert shown_paths(outcome, results) == [results / "exports" / n for n in ("csv", "vtt")]


@pytest.fixture
def known(clips: Path, results: Path, tmp_path: Path) -> dict[str, Path]:
    """Results to score, by what can be exported of them."""
    videos = shutil.copytree(clips, tmp_path / "videos")
    return {**dict.fromkeys(SERIES, results), **dict.fromkeys(OF_VIDEOS, videos)}


@pytest.mark.parametrize(
    ("to", "named"),
    [("txt", False), *((name, True) for name, one in FORMATS.items() if one.reads)],
)
def test_what_is_exported_comes_back_as_the_truth(
    asot: Asot, known: dict[str, Path], tmp_path: Path, to: str, named: bool
) -> None:
    results = known[to]
    if named:
        names = {"0": "Kaffee ☕ & <b>", "2": "pour; stir"}
        assert asot("relabel", results, name_them(tmp_path, names)).code == 0
    assert asot("export", results, "--to", to).code == 0
    place = results / "exports" / to
    if to in ("csv", "labelstudio"):
        [place] = [path for path in place.iterdir() if path.suffix in (".csv", ".json")]
    places = [place]
    if to == "elan":
        places = sorted(place.iterdir())
    if to == "txt" and named:
        places = [place / "groundTruth"]
    outcome = asot("evaluate", results, "--truth", *places)
    assert (outcome.code, outcome.err) == (0, "")
    scores = json.loads((results / "predictions" / "scores.json").read_text())
    for evaluation in scores["evaluations"].values():
        assert evaluation["scores"]["mof"] == 1
        assert evaluation["scores"]["f1@50"] == 1
    assert set(scores["class_names"].values()) == {row["action"] for row in table(results)}
    assert asot("page", results).code == 0
    assert "ground truth" in (results / "page" / "data" / "0.js").read_text()


def test_frames_without_a_label_are_background(asot: Asot, results: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("recording,start_s,end_s,action\nr1,2,8,walk\nr1,20,21,walk\n")
    outcome = asot("evaluate", results, "--truth", truth)
    assert (outcome.code, outcome.err) == (0, "")
    predictions = results / "predictions"
    scores = json.loads((predictions / "scores.json").read_text())
    assert scores["recordings"] == ["r1"]
    assert sorted(scores["class_names"].values()) == ["background", "walk"]
    times = np.load(results / "data" / "times" / "r1.npy")
    middles = (times[:-1] + times[1:]) / 2
    walks = ((middles >= 2) & (middles < 8)) | ((middles >= 20) & (middles < 21))
    written = (predictions / "truth" / "r1").read_text().splitlines()
    assert written == ["walk" if one else "background" for one in walks]


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("t.csv", "recording,start_s,end_s,action\nr9,0,1,walk\n", "speaks of 'r9', which was not"),
        ("t.csv", "recording,start_s,end_s,action\n", "holds no labels."),
        ("t.csv", "recording,start_s,end_s,action\nr1,1,1,walk\n", "line 2: an interval needs"),
        ("t.csv", "recording,when,end,label\n", "line 1: the header must have the columns"),
        ("r1.txt", "walk\nwalk\n", "has 2 labels for r1, which has "),
        ("r9.txt", "walk\n", "speaks of 'r9', which was not predicted; the recordings are 'r0', "),
        ("r1", "", "r1"),
        ("t.eaf", "<", "t.eaf"),
        ("t.json", "{", "t.json"),
    ],
)
def test_truth_that_is_refused(
    asot: Asot, results: Path, tmp_path: Path, name: str, text: str, part: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert part in refusal_of_truth(asot, results, path)


def test_truth_that_is_named_twice_or_is_not_there(
    asot: Asot, results: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("recording,start_s,end_s,action\nr1,2,8,walk\n")
    outcome = asot("evaluate", results, "--truth", truth, truth)
    assert outcome.code == 2
    assert outcome.sentence == f"{truth}: names r1, which was named before."
    for name in ("none.csv", "none.txt", "none"):
        outcome = asot("evaluate", results, "--truth", tmp_path / name)
        assert outcome.code == 2
        assert f"{name}" in outcome.sentence
        assert "does not exist" in outcome.sentence
    outcome = asot("evaluate", results)
    assert outcome.code == 2
    assert "has no ground truth to be compared with" in outcome.sentence


def test_truth_that_counts_from_the_first_frame(asot: Asot, results: Path, tmp_path: Path) -> None:
    # The logs start at 0.54 s.
    assert asot("export", results, "--to", "csv,elan", "--from_zero", "--out", tmp_path).code == 0
    for place in (tmp_path / "csv", tmp_path / "elan"):
        refused = asot("evaluate", results, "--truth", place)
        assert refused.code == 2
        assert "count from the first frame (--from_zero)" in refused.sentence
        assert asot("evaluate", results, "--truth", place, "--from_zero").code == 0
        scores = json.loads((find_predictions(results).root / "scores.json").read_text())
        assert scores["evaluations"]["activity"]["scores"]["mof"] == 1.0


def test_truth_of_another_moment_leaves_the_earlier_truth(
    asot: Asot, results: Path, tmp_path: Path
) -> None:
    assert asot("export", results, "--to", "csv", "--out", tmp_path).code == 0
    assert asot("evaluate", results, "--truth", tmp_path / "csv").code == 0
    folder = find_predictions(results)
    before = folder.truth_path("r0").read_bytes()
    (tmp_path / "late.csv").write_text("recording,action,start_s,end_s\nr0,stir,1000,2000\n")
    outcome = asot("evaluate", results, "--truth", tmp_path / "late.csv")
    assert "has 'stir' from 1000.000 to 2000.000 s of r0, which lasts from 0.5" in outcome.sentence
    assert folder.truth_path("r0").read_bytes() == before
    (tmp_path / "late.mat").touch()
    outcome = asot("evaluate", results, "--truth", tmp_path / "late.mat")
    assert "is of a format that is not read back" in outcome.sentence


def test_truth_of_a_recording_that_changed_is_left_out(
    asot: Asot, results: Path, tmp_path: Path
) -> None:
    assert asot("export", results, "--to", "txt", "--out", tmp_path).code == 0
    assert asot("evaluate", results, "--truth", tmp_path / "txt").code == 0
    folder = find_predictions(results)
    path = folder.truth_path("r1")
    path.write_text(path.read_text() + "action 1\n")
    outcome = asot("evaluate", results)
    assert outcome.code == 0
    assert f"{path} has " in outcome.err
    assert "they are left out; correct it again." in outcome.err
    scores = json.loads((folder.root / "scores.json").read_text())
    assert scores["recordings"] == ["r0", "r2"]


def test_names_from_the_page_of_other_results(asot: Asot, results: Path, tmp_path: Path) -> None:
    page = (results / "page" / "index.html").read_text(encoding="utf-8")
    names = tmp_path / "names.json"
    [own] = set(re.findall(r'"id":\s*"([0-9a-f]{16})"', page))
    for report, code in ((own, 0), ("0" * 16, 2)):
        names.write_text(json.dumps({"format": 1, "page": report, "names": {"0": "pour"}}))
        outcome = asot("relabel", results, names)
        assert outcome.code == code
        assert ("is from the page of other results" in outcome.err) == (code == 2)

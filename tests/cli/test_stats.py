"""asot stats: tables against pandas, groups and their refusals, figures, and the page."""

from __future__ import annotations

import json
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu

from asot.files import write_array
from asot.groups.design import Design
from asot.runs.page import rewrite_page, write_page
from asot.runs.predictions import DatasetSource, PredictionFolder
from asot.runs.stats import TABLES
from asot.timeline.corrections import Corrected, Patch
from asot.timeline.names import ActionNames
from tests.cli.outcome import Asot
from tests.conftest import SEED

NAMES = [f"r{k:02d}" for k in range(12)]
GROUPS = dict(zip(NAMES, ["young"] * 6 + ["old"] * 6, strict=True))
HOSTILE = '</script>, "old" ü=1+1'


def write_results(out: Path, models: dict[str, str], rate: float | None = 10.0) -> PredictionFolder:
    """Write results of four actions, of which the last recordings have more of the first."""
    rng = np.random.default_rng(SEED)
    folder = PredictionFolder(out / "predictions")
    for k, name in enumerate(models):
        more = 0.1 + 0.3 * (k >= len(models) / 2)
        actions = rng.choice([-1, 0, 1, 2, 3], 40, p=[0.1, more, 0.3, 0.2, 0.4 - more])
        labels = np.repeat(actions, rng.integers(2, 9, 40))
        write_array(out / "data" / "features" / f"{name}.npy", np.ones((len(labels), 2)))
        folder.write(name, labels, np.full((len(labels), 4), 0.25, dtype=np.float32))
    source = DatasetSource(str(out / "data"), frame_rate=rate)
    folder.finish(source, source.open().recordings(), models)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results with a name, a merge, a background and a corrected recording, and with a page."""
    out = tmp_path / "results"
    folder = write_results(out, dict(zip(NAMES, repeat("all"), strict=False)))
    n_frames = len(folder.labels("r03"))
    folder.write_corrected("r03", Corrected(n_frames, (Patch(0, 30, 4), Patch(40, 50, -1))))
    names = ActionNames({0: HOSTILE, 4: "shake"}, {2: 1}, frozenset({3}), added=1)
    folder.rename(folder.open_data().recordings, "all", names)
    return out


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """A table of groups, two days of each subject, as a spreadsheet of Germany saves it."""
    lines = [
        f"{name}.mp4;{group};s{k // 2};{k % 2}" for k, (name, group) in enumerate(GROUPS.items())
    ]
    path = tmp_path / "groups.csv"
    path.write_text("\n".join(["\ufeffName;Group;Subject;day", *lines, ""]), encoding="utf-8")
    return path


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "stats" / f"{name}.csv", keep_default_na=False, na_values=[""])


def test_tables_are_those_of_pandas(asot: Asot, results: Path, groups: Path) -> None:
    outcome = asot("stats", results, "--groups", groups, "--figures", 0)
    assert outcome.code == 0, outcome.err
    assert "Recordings of one Subject are not independent" in outcome.err
    segments = pd.read_csv(results / "predictions" / "segments.csv")
    segments["length"] = segments["end_s"] - segments["start_s"]
    lengths = pd.Series({name: len(PredictionFolder(results / "predictions").labels(name)) / 10
                         for name in NAMES})  # fmt: skip
    own = segments.groupby(["recording", "action"])["length"]
    wide = own.agg(["count", "sum", "mean", "std", "median", "min", "max"])
    wide["latency"] = segments.groupby(["recording", "action"])["start_s"].min()
    places = pd.MultiIndex.from_product([NAMES, segments["action"].unique()])
    wide = wide.reindex(places).fillna({"count": 0, "sum": 0})
    found = read(results, "recordings").set_index(["recording", "action"]).loc[places]
    columns = ["count", "total_s", "mean_s", "sd_s", "median_s", "min_s", "max_s", "latency_s"]
    np.testing.assert_allclose(found[columns], wide)
    whole = lengths.loc[found.index.get_level_values(0)].to_numpy()
    np.testing.assert_allclose(found["share"], wide["sum"] / whole)
    np.testing.assert_allclose(found["per_minute"], wide["count"] / whole * 60)
    assert set(found["day"]) == {0, 1}
    assert found.loc[("r03", "shake"), "count"] == 1
    assert set(segments["action"]) == {HOSTILE, "action 2", "shake"}

    by_group = read(results, "by_group").set_index(["measure", "group", "action"])
    shares = found["share"].unstack()
    of_group = shares.groupby(pd.Series(GROUPS)).agg(["mean", "std", "count"])
    tests = read(results, "tests").set_index(["measure", "action"])
    for action in shares:
        young, old = (shares[action][[GROUPS[n] == g for n in NAMES]] for g in ("young", "old"))
        for name, sample in (("young", young), ("old", old)):
            row = by_group.loc[("share", name, action)]
            expected = of_group.loc[name, action]
            assert tuple(row[["mean", "sd", "n"]]) == pytest.approx(tuple(expected))
            assert row["median"] == pytest.approx(sample.median())
        row = tests.loc[("share", action)]
        u, p = mannwhitneyu(young, old)
        assert (row["statistic"], row["p"]) == pytest.approx((u, p))
        assert row["size"] == pytest.approx(2 * u / 36 - 1)
        assert row["low"] <= row["size"] <= row["high"]
    known = tests["p"].notna()
    adjusted = false_discovery_control(tests["p"][known])
    np.testing.assert_allclose(tests["p_adjusted"][known], adjusted)

    segments["next"] = segments.groupby("recording")["action"].shift(-1)
    segments["at"] = segments.groupby("recording")["start_frame"].shift(-1)
    follow = segments[(segments["at"] == segments["end_frame"])]
    counts = follow.groupby([follow["recording"].map(GROUPS), "action", "next"]).size()
    found = read(results, "transitions").set_index(["group", "from", "to"])
    found = found[found["count"] > 0]
    np.testing.assert_array_equal(found["count"].loc[counts.index], counts)
    assert len(found) == len(counts)
    leave = counts / counts.groupby(level=[0, 1]).transform("sum")
    np.testing.assert_allclose(found["probability"].loc[counts.index], leave)


def test_groups_stay_on_the_page_and_in_files(
    asot: Asot, results: Path, groups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asot.runs.group_figures.FORMATS", ("png",))
    assert asot("page", results).code == 0
    words = ("stats", results, "--groups", groups)
    outcome = asot(*words, "--subject", "subject", "--test", "t", "--correction", "holm")
    assert (outcome.code, outcome.err) == (0, "")
    assert "young (3 subjects, 6 recordings), old (3 subjects, 6 recordings)" in outcome.out
    assert "Welch's t, two-sided" in outcome.out
    assert "(Holm)" in outcome.out
    stats = json.loads((results / "stats" / "stats.json").read_text(encoding="utf-8"))
    assert stats["design"]["subject"] == "Subject"
    assert {one["n"] == [3, 3] for one in stats["tests"] if one["measure"] == "share"} == {True}
    assert {one.stem for one in (results / "stats").glob("*.csv")} == set(TABLES) - {"pairs"}
    pictures = {one.name for one in (results / "stats" / "figures").iterdir()}
    kinds = ("share", "rate", "duration", "bouts", "transitions", "budget", "timelines")
    assert pictures == {f"{one}.png" for one in kinds}

    def on_page() -> dict[str, object] | None:
        text = (results / "page" / "index.html").read_text(encoding="utf-8")
        data = text.partition('id="page-data">')[2].partition("</script>")[0]
        return json.loads(data)["groups"]

    first = on_page()
    assert first is not None
    assert first["groups"] == [["young", 3], ["old", 3]]
    groups.unlink()
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"names": {"0": "pour", "1": "pour"}, "added": 1}))
    assert asot("relabel", results, names).code == 0
    again = on_page()
    assert again is not None
    assert again["groups"] == first["groups"]
    assert 1 not in again["actions"], "two actions of one name are one"
    assert asot("page", results).code == 0
    assert on_page() == again
    assert asot("stats", results, "--figures", 0).code == 0
    assert on_page() == again, "tables without groups leave the page alone"
    assert {one.stem for one in (results / "stats").glob("*.csv")} == {
        *("recordings", "by_group", "transitions", "transitions_by_recording")
    }


def test_models_have_actions_of_their_own(asot: Asot, tmp_path: Path) -> None:
    models = {name: ("tea", "egg")[k % 2] for k, name in enumerate(NAMES)}
    folder = write_results(tmp_path / "results", models, rate=None)
    table = ["recording,group", *(f"{name},{GROUPS[name]}" for name in NAMES[:-1]), "r11,"]
    (tmp_path / "groups.csv").write_text("\n".join(table))
    words = ("stats", tmp_path / "results", "--groups", tmp_path / "groups.csv", "--figures", 0)
    outcome = asot(*words, "--measures", "share", "rate", "--out", tmp_path / "out")
    assert outcome.code == 0
    assert "Left out: 1 recording." in outcome.out
    assert "Lengths are in frames" in outcome.out
    rows = pd.read_csv(tmp_path / "out" / "tests.csv")
    assert set(rows["measure"]) == {"share", "per_1000_frames"}
    assert rows.groupby(["model", "action"]).size().to_dict() == {
        (model, f"action {k}"): 2 for model in ("tea", "egg") for k in range(1, 5)
    }
    assert set(rows["n"]) == {"3; 3", "3; 2"}
    folder.rename(folder.open_data().recordings, "egg", ActionNames(background=frozenset(range(4))))
    (tmp_path / "groups.csv").write_text("\n".join([*table[:-1], "r11,young"]))
    assert asot("page", tmp_path / "results").code == 0
    outcome = asot(*words)
    assert outcome.code == 0
    page = (tmp_path / "results" / "page" / "egg" / "index.html").read_text(encoding="utf-8")
    assert '"groups":[["young",4],["old",2]]' in page
    assert set(pd.read_csv(tmp_path / "results" / "stats" / "tests.csv")["model"]) == {"tea"}


def refusals() -> dict[str, str]:
    """Tables that are refused, and a part of the sentence."""
    rows = [f"{name},{group}" for name, group in GROUPS.items()]
    whole = ["recording,group", *rows]
    return {
        "\n".join(["what,group", *rows]): "line 1: the header must have a column recording",
        "\n".join(
            ["recording,kind", *rows]
        ): "has no column 'group', but 'recording', 'kind': name",
        "\n".join(["recording,group,share", *(f"{one},1" for one in rows)]): "a column 'share', as",
        "\n".join(["recording,group,group", *(f"{one},1" for one in rows)]): "two columns 'group'",
        "\n".join([*whole, "r12,old"]): "line 14: 'r12' is not a recording of these results: is 'r",
        "\n".join([*whole, "r01,old"]): "line 14: names 'r01' twice",
        "\n".join([*whole, "r01,old,more"]): "line 14: the row must have 2 cells, as the header",
        "\n".join(whole[:-2]): "has no row for 'r10', 'r11': give each a row, with an empty group",
        "\n".join([one.replace("young", "old") for one in whole]): "has one group, 'old' in the",
        "\n".join([*whole[:-1], "r11,middle"]): "the group 'middle' with a single recording, 'r11'",
    }


def test_groups_that_cannot_be_compared(asot: Asot, results: Path, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    before = sorted(results.rglob("*"))
    for text, expected in refusals().items():
        path.write_text(text)
        outcome = asot("stats", results, "--groups", path)
        assert outcome.code == 2
        assert expected in outcome.sentence
    people = [f"{name},{group},{name[-1]}" for name, group in GROUPS.items()]
    path.write_text("\n".join(["recording,group,subject", *people]))
    outcome = asot("stats", results, "--groups", path, "--subject", "subject")
    assert "has the subject '0' in the groups 'young' and 'old'" in outcome.sentence
    assert "with --paired subject" in outcome.sentence
    path.write_text(path.read_text().replace("old", "new", 3))
    outcome = asot("stats", results, "--groups", path, "--paired", "subject", "--test", "t")
    assert "has 0 subjects in each of the groups 'young', 'new', 'old'" in outcome.sentence
    assert sorted(results.rglob("*")) == before


def test_altered_groups_of_a_page_are_left_out(
    results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = PredictionFolder(results / "predictions")
    columns = {name: {"group": "abc"[k % 3]} for k, name in enumerate(NAMES)}
    design = Design(columns, subject="who", paired=True)
    write_page(folder, results / "page", groups=design)
    assert caplog.messages == []
    path = results / "page" / "page.json"
    settings = json.loads(path.read_text())
    settings["groups"]["columns"] = {
        name: {**one, "who": str(k // 3)} for k, (name, one) in enumerate(columns.items())
    }
    path.write_text(json.dumps({**settings, "groups": {**settings["groups"], "test": "t"}}))
    assert rewrite_page(folder, results)
    (message,) = caplog.messages
    assert (
        "does not compare the groups: paired groups are compared by their means two at" in message
    )

"""asot benchmark, from a folder to tables: stopped, killed, failed, added to and shown again."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from asot.cli import main
from asot.data import Recordings, write_dataset
from asot.metrics import evaluate
from asot.simulation import make_recordings
from tests.cli.outcome import CLASSES, shown_paths

TEA, EGG = "green tea", "Rührei :egg:"
# The slow methods first, so that there is work left when the first cell is finished.
METHODS = ("--methods", "paper", "kmeans", "twfinch", "uniform", "--ablate", "prior")
SHORT = ("--n_actions", "4", "--seeds", "2", "--activities", "each", "--training.epochs", "3")
# Epochs are a single network's.
KEPT = (
    "--team",
    "0",
    "--training.validate_every",
    "2",
    "--keep_epochs",
    "--choose",
    "objective",
    "--oracle",
)
N_CELLS = 2 * (2 + 2 + 2 + 1 + 1)
INTERRUPTED = "asot: Interrupted. The same command goes on from here.\n"
RESULTS = ("results.csv", "table.md", "table.tex")


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with folders of activities; nothing may be written to it."""
    toys = make_recordings(5, n_actions=4, n_frames=(60, 90), width=6, random_state=3)
    recordings = Recordings.from_arrays(
        [one.features for one in toys],
        names=["file", "names", "P1 Grüße", "P2 [b]", "P3 茶"],
        ground_truth=[one.ground_truth for one in toys],
        activities=[TEA, TEA, EGG, EGG, EGG],
    )
    return write_dataset(recordings, tmp_path_factory.mktemp("new data") / "my kitchen", CLASSES)


def words_for(kitchen: Path, out: Path) -> list[str]:
    words = ["benchmark", "default", *METHODS, *SHORT, *KEPT, "--figures", "0"]
    return [*words, "--data", str(kitchen), "--out", str(out)]


@pytest.fixture(scope="module")
def finished(kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark that nothing disturbed, in two processes; nothing may be written to it."""
    out = tmp_path_factory.mktemp("benchmarks") / "my results"
    with redirect_stdout(io.StringIO()):
        assert main([*words_for(kitchen, out), "--workers", "2"]) == 0
    return out


def cells(out: Path) -> dict[Path, tuple[int, int]]:
    """The finished cells, and what would change if they were written again."""
    found = (out / "cells").rglob("seed-*.json")
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def without_times(out: Path) -> dict[str, object]:
    """All results, but for the seconds that a cell took."""
    found: dict[str, object] = {name: (out / name).read_bytes() for name in RESULTS}
    described = json.loads((out / "results.json").read_text(encoding="utf-8"))
    for cell in described["cells"]:
        del cell["seconds"]
    labels = sorted((out / "cells").rglob("seed-*.npz"))
    found |= {str(path.relative_to(out)): path.read_bytes() for path in labels}
    return {**found, "results.json": described}


def stop(process: subprocess.Popen[str], out: Path, enough: int, blow: signal.Signals) -> str:
    """End a benchmark and its processes once it has ``enough`` cells; what it complained of."""
    until = time.monotonic() + 120
    while len(cells(out)) < enough and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True
    )
    os.killpg(process.pid, blow) if blow == signal.SIGINT else process.send_signal(blow)
    _, complaint = process.communicate(timeout=60)
    while any(Path(f"/proc/{one}").exists() for one in children.stdout.split()):
        assert time.monotonic() < until, "its processes end with it"
        time.sleep(0.01)
    return complaint


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps, which lists processes, is not here")
def test_stopped_killed_and_given_again(
    asot, command, environment, kitchen: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [*words_for(kitchen, out), "--workers", "1"]
    before: dict[Path, tuple[int, int]] = {}
    for blow, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        process = subprocess.Popen(
            [*command, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            start_new_session=True,
        )
        complaint = stop(process, out, len(before) + 1, blow)
        assert process.returncode == code
        told = [line for line in complaint.splitlines(True) if not line.startswith("asot: cell ")]
        assert "".join(told) == (INTERRUPTED if blow == signal.SIGINT else "")
        now = cells(out)
        assert len(before) < len(now) < N_CELLS
        assert before.items() <= now.items(), "no cell is run twice"
        assert not (out / "table.md").exists()
        before = now
    outcome = asot(*words)
    assert (outcome.code, outcome.complaints) == (0, "")
    told = f"{len(before)} of {N_CELLS} cells were finished before, and used as they are."
    assert told in outcome.out.splitlines()
    assert len(cells(out)) == N_CELLS
    assert before.items() <= cells(out).items()
    # The one with two processes, and never interrupted.
    assert without_times(out) == without_times(finished)


@pytest.mark.slow
def test_shards_of_which_one_is_killed(
    asot, command, environment, kitchen: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [*words_for(kitchen, out), "--workers", "1", "--shard"]
    shards = [
        subprocess.Popen(
            [*command, *words, shard],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            start_new_session=True,
        )
        for shard in ("1/2", "2/2")
    ]
    stop(shards[1], out, 1, signal.SIGKILL)
    told = shards[0].communicate(timeout=120)[0]
    assert shards[0].returncode == 0
    assert told.startswith(f"Shard 1/2 was {N_CELLS // 2} of {N_CELLS} cells; ")
    assert not (out / "table.md").exists()
    before = cells(out)
    outcome = asot(*words, "2/2")
    assert (outcome.code, outcome.complaints) == (0, "")
    assert f"Shard 2/2 was {N_CELLS // 2} of {N_CELLS} cells, and all are done." in outcome.out
    assert before.items() <= cells(out).items(), "no cell is run twice"
    assert without_times(out) == without_times(finished)


def test_the_same_command_again_and_the_table_again(asot, kitchen: Path, finished: Path) -> None:
    before, results = cells(finished), without_times(finished)
    again = asot(*words_for(kitchen, finished))
    assert (again.code, again.complaints) == (0, "")
    assert cells(finished) == before
    assert without_times(finished) == results
    first, *rest = again.out.splitlines()
    assert first == f"{N_CELLS} of {N_CELLS} cells were finished before, and used as they are."
    table = asot("benchmark", "--table", finished, "--choose", "objective", "--oracle")
    assert (table.code, table.complaints) == (0, "")
    assert table.out.splitlines() == rest
    paths = shown_paths(table, finished)
    assert [one.name for one in paths] == [
        *("table.md", "table.tex", "results.csv", "results.json", "cells"),
    ]
    assert all(one.exists() for one in paths)
    plain = asot("benchmark", f"--table={finished}")
    assert "oracle" not in plain.out
    assert "objective" not in plain.out
    assert without_times(finished) == results, "--table writes nothing"


def test_the_printed_table(asot, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = asot("benchmark", "--table", finished, "--choose", "agreement", "--oracle")
    lines = shown.out.splitlines()
    heads = [line for line in lines if line.startswith("Mean of 2 activities; ")]
    assert [head.partition("; ")[2] for head in heads] == [
        "one matching of actions to classes for each activity",
        "one matching for each recording",
    ]
    rows = [line.split()[0] for line in lines if "±" in line and "mean ±" not in line]
    assert rows == ["ASOT", "ASOT", "k-means"] * 2
    assert lines[lines.index(heads[0]) + 1] == (
        "Recipe default with team 0, training.epochs 3, training.validate_every 2; K = 4; 3 "
        "epochs; seeds 0 to 1."
    )
    assert len([line for line in lines if line.startswith("TW-FINCH ")]) == 1
    assert len([line for line in lines if " oracle " in line]) == 6
    assert not [line for line in lines if " agreement " in line], "two seeds are too few for it"
    with (finished / "results.csv").open(newline="", encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    (mean,) = (
        float(line["mof"])
        for line in table
        if (line["method"], line["matching"], line["activity"], line["choice"], line["seed"])
        == ("kmeans", "activity", "(mean)", "", "mean")
    )
    row = next(line for line in lines if line.startswith("k-means "))
    assert row.split()[2].partition("±")[0] == f"{100 * mean:.1f}"
    monkeypatch.setenv("COLUMNS", "80")
    narrow = asot("benchmark", "--table", finished, "--oracle").out.splitlines()
    tables = [line for line in narrow if "±" in line and "mean ±" not in line]
    assert len(tables) == 6
    assert max(map(len, tables)) <= 80
    assert "HVQ JSD" not in shown.out
    narrow = asot("benchmark", "--table", finished, "--published").out.splitlines()
    heads = [line.split() for line in narrow if line.startswith("method ")]
    assert len(heads) == 4
    assert [" ".join(head[-8:]) for head in heads[1::2]] == (
        ["CTE F1 TW-FINCH F1 TW-FINCH IoU HVQ JSD"] * 2
    )


def test_results_json_rests_on_the_stored_labels(finished: Path, kitchen: Path) -> None:
    from asot.benchmark.folder import BenchmarkFolder, Cell
    from asot.data import DatasetFolder

    described = json.loads((finished / "results.json").read_text(encoding="utf-8"))
    assert described["data"] == str(kitchen)
    assert described["recipe"]["training"]["epochs"] == 3
    assert described["keep_epochs"] is True
    assert len(described["cells"]) == N_CELLS
    seeds = {(one["method"], one["activity"]): [] for one in described["cells"]}
    for one in described["cells"]:
        place = one["method"], one["activity"]
        seeds[place].append(one["seed"])
        labels = BenchmarkFolder(finished).labels(Cell(*place, one["seed"]))
        recordings = DatasetFolder(kitchen).recordings(one["activity"])
        assert list(labels) == list(recordings.names)
        for matching, scores in one["candidates"][-1]["scores"].items():
            sequences = list(labels.values()), recordings.ground_truth
            found = evaluate(*sequences, matching=matching, n_actions=4)
            assert scores == dict(found)
            if matching == "activity":
                assert one["matching"] == found.to_dict()["matching"]
        epochs = [candidate["epoch"] for candidate in one["candidates"]]
        assert epochs == ([2, 3] if one["method"].startswith("paper") else [None])
    assert {place for place, found in seeds.items() if found == [0, 1]} == {
        (method, activity)
        for method in ("paper", "paper-no-prior", "kmeans")
        for activity in (TEA, EGG)
    }
    assert all(found in ([0], [0, 1]) for found in seeds.values())


def test_a_failed_cell_is_listed_and_run_again(asot, kitchen: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["benchmark", "default", "--data", kitchen, "--out", out, "--n_actions", "4"]
    words += [
        "--methods",
        "uniform",
        "twfinch",
        "--activities",
        TEA,
        "--workers",
        "1",
        "--figures",
        "0",
    ]
    (out / "cells").mkdir(parents=True)
    (out / "cells" / "uniform").write_text("a file where a folder must be")
    outcome = asot(*words)
    assert outcome.code == 1
    assert outcome.sentence == (
        "1 of 2 cells failed: give the same command again to run them once more."
    )
    lines = outcome.out.splitlines()
    told = lines[lines.index("Failed:") + 1]
    assert told.startswith(f"  uniform, {TEA}, seed 0: ")
    assert f"- {told.strip()}" in (out / "table.md").read_text(encoding="utf-8")
    described = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [one["method"] for one in described["failed"]] == ["uniform"]
    assert described["failed"][0]["reason"] in told
    before = cells(out)
    assert [path.parts[-3] for path in before] == ["twfinch"]
    (out / "cells" / "uniform").unlink()
    outcome = asot(*words)
    assert (outcome.code, outcome.complaints) == (0, "")
    assert before.items() < cells(out).items()
    assert "Failed" not in outcome.out + (out / "table.md").read_text(encoding="utf-8")


def test_a_damaged_cell_is_one_sentence(
    asot, kitchen: Path, finished: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(finished, tmp_path / "copy"))
    path = next((copy / "cells" / "paper").rglob("seed-1.json"))
    path.write_bytes(path.read_bytes()[:100])
    for words in (words_for(kitchen, copy), ["benchmark", "--table", str(copy)]):
        outcome = asot(*words)
        assert outcome.code == 2
        assert outcome.sentence.startswith(f"{path}: ")
        assert outcome.sentence.endswith(": remove it, to run the cell again.")


def test_another_recipe_in_the_same_folder(asot, kitchen: Path, finished: Path) -> None:
    before = without_times(finished)
    outcome = asot(*words_for(kitchen, finished), "--order_prior", "0.9")
    assert outcome.code == 2
    assert outcome.sentence == (
        f"{finished} holds another benchmark (recipe.order_prior was 'auto', now 0.9): "
        "choose another --out, or remove it."
    )
    assert without_times(finished) == before


def test_data_that_cannot_be_used(asot, kitchen: Path, tmp_path: Path) -> None:
    before = sorted(kitchen.rglob("*"))
    assert asot("benchmark", "default", "--data", kitchen, "--out", kitchen).code == 2
    assert sorted(kitchen.rglob("*")) == before
    copy = Path(shutil.copytree(kitchen, tmp_path / "copy"))
    shutil.rmtree(copy / "groundTruth")
    words = ("--n_actions", "4", "--out", tmp_path / "out")
    outcome = asot("benchmark", "default", "--data", copy, *words)
    assert outcome.code == 2
    assert outcome.sentence.startswith(f"{copy} has no ground truth for all")
    assert not (tmp_path / "out").exists()


def check_everything(asot, kitchen: Path, out: Path, *words: str) -> None:
    """The default recipe and nothing else: every method, on all recordings together."""
    outcome = asot("benchmark", "default", "--data", kitchen, "--out", out, *words)
    assert outcome.code == 0, outcome.err
    assert outcome.sentence == (
        "looking for 4 actions, as many as the ground truth has classes; "
        "--n_actions sets another number, or auto"
    )
    lines = outcome.out.splitlines()
    assert lines[0] == "All recordings; one matching of actions to classes for all recordings"
    titles = ("ASOT (paper) ", "asot default ", "SeLA ", "TOT ", "CTE ", "CTE decoding ")
    for title in (*titles, "k-means + ASOT ", "k-means ", "Gaussian HMM ", "Uniform split "):
        assert len([line for line in lines if line.startswith(title)]) >= 2, title
    assert len([line for line in lines if line.startswith("TW-FINCH ")]) == 1
    pictures = [path.read_bytes() for path in sorted((out / "figures").iterdir())]
    assert [one[:4] for one in pictures] == [b"%PDF", b"\x89PNG"]


def test_a_new_data_set_with_the_default_recipe(asot, kitchen: Path, tmp_path: Path) -> None:
    words = ("--seeds", "1", "--training.epochs", "1", "--workers", "1")
    check_everything(asot, kitchen, tmp_path / "out", *words)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_new_data_set_with_the_default_recipe_and_nothing_else(
    asot, kitchen: Path, tmp_path: Path
) -> None:
    check_everything(asot, kitchen, tmp_path / "out")


def test_the_recipe_is_printed(asot) -> None:
    outcome = asot("benchmark", "default", "--order_prior", "0.3", "--print_config")
    assert (outcome.code, outcome.complaints) == (0, "")
    assert "\norder_prior: 0.3\n" in outcome.out


def test_a_class_of_a_negative_id_is_drawn(asot, tmp_path: Path) -> None:
    toys = make_recordings(3, n_actions=3, n_frames=(40, 60), width=4, random_state=1)
    recordings = Recordings.from_arrays(
        [one.features for one in toys], ground_truth=[one.ground_truth - 1 for one in toys]
    )
    data = write_dataset(recordings, tmp_path / "data", {-1: "rest", 0: "walk", 1: "run"})
    words = ["--data", data, "--out", tmp_path / "out", "--methods", "uniform", "twfinch"]
    outcome = asot("benchmark", "default", *words, "--workers", "1")
    assert outcome.code == 0
    assert len(list((tmp_path / "out" / "figures").glob("*.png"))) == 1
    # Where no bars are drawn, each cell has a line.
    assert "asot: cell 2 of 2: " in outcome.err
    trained = ["--data", data, "--out", tmp_path / "run", "--training.epochs", "1"]
    assert asot("train", "default", *trained).code == 0
    assert list((tmp_path / "run" / "predictions" / "figures").glob("*.png"))
    inside = asot("benchmark", "default", "--data", data, "--out", data / "features" / "out")
    assert inside.code == 2
    assert "lies in the data set" in inside.err


def test_a_table_of_nothing(asot, kitchen: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["benchmark", "default", "--data", kitchen, "--out", out, "--methods", "uniform"]
    assert asot(*words, "--figures", "0").code == 0
    shutil.rmtree(out / "cells")
    outcome = asot("benchmark", "--table", out)
    assert outcome.code == 2
    assert "holds no finished cell yet" in outcome.sentence

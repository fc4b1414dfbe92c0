"""Whatever ends a command at whatever moment: given again, it ends as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.blows import Case, Ring, environment_of
from tests.cli.outcome import Asot
from tests.inputs.video.clips import write_clip
from tests.runs.regimes import snapshot, write_logs, write_truth

KILLS = int(os.environ.get("ASOT_KILLS", "40"))
SHORT = ("--n_actions", "3", "--training.epochs", "2", "--figures", "1")
_GENERATED = ("--generate.mean_length", "60", "--generate.n_actions", "3", "--width", "5")
SIMULATE = ("data", "simulate", "--like", "breakfast", "--recordings", "6", *_GENERATED)


def make(ring: Ring) -> tuple[Path, Path]:
    """Make recordings, a model, and results of logs and of videos, whose folders are returned."""
    made, work = ring.root / "made", ring.work
    results, film = made / "results" / "out", made / "film" / "out"

    def ready(*words: object) -> None:
        command = [sys.executable, "-m", "asot", *map(str, words)]
        done = subprocess.run(
            command, env=ring.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    truth = write_logs(made / "logs", 1, "r0", "r1", "r2", seconds=(6, 9))
    write_truth(made / "truth.csv", truth)
    names = {"action 1": "rest", "action 2": "walk"}
    (made / "names.json").write_text(json.dumps(names), encoding="utf-8")
    (made / "small.yaml").write_text("n_actions: 3\nteam: 1\ntraining: {epochs: 2}\n")
    (made / "videos").mkdir()
    for name in ("a", "b"):
        write_clip(made / "videos" / f"{name}.mp4", [i / 10 for i in range(120)])
    ready(*SIMULATE, "--out", made / "toys")
    for named, count, out in (("logs", "3", results), ("videos", "2", film)):
        shutil.rmtree(work, ignore_errors=True)
        ready("segment", made / named, "--n_actions", count, "--out", work / "out")
        shutil.copytree(work, out.parent)
    ready("train", "default", *SHORT, "--team", "0", "--data", made / "toys", "--out", made / "run")
    return results, film


def cases_of(ring: Ring) -> dict[str, Case]:
    """Name the commands that are given."""
    made, work = ring.root / "made", ring.work
    results, film = make(ring)
    of_results, of_film = {"before": results.parent}, {"before": film.parent}
    out = ("--out", work / "out")
    data = ("--data", made / "toys")
    origins = ("out/origins/*.json",)
    unfinished = r"\.(rows|when|what)$"
    segmented = ("out/data/origins/*.json", "out/run/**/learner-*.ckpt")
    learners = ("out/**/learner-*.ckpt",)
    several = [
        Case("extract", ("extract", made / "logs", *out), finished=origins),
        Case(
            "extract videos", ("extract", made / "videos", *out), finished=origins, kept=unfinished
        ),
        Case(
            "segment a little",
            ("segment", made / "logs", "--recipe", made / "small.yaml", *out),
            finished=segmented,
        ),
        Case("train", ("train", "default", *SHORT, "--team", "1", *data, *out), finished=learners),
        Case(
            "predict",
            ("predict", made / "run", *data, *out, "--figures", "1"),
            finished=("out/**/assignments/*.npy",),
        ),
        Case(
            "benchmark",
            (
                *("benchmark", "default", "--methods", "kmeans", "twfinch", "uniform"),
                *("--n_actions", "3", "--seeds", "2", *data, *out),
            ),
            finished=("out/cells/**/*.json",),
        ),
    ]
    cases = [
        Case("data simulate", (*SIMULATE, *out), finished=("*/**/*.npy",), kept=r"\.out\.part"),
        Case("segment", ("segment", made / "logs", "--n_actions", "3", *out), finished=segmented),
        Case("train alone", ("train", "default", *SHORT, "--team", "0", *data, *out)),
        Case("evaluate", ("evaluate", work / "out", "--truth", made / "truth.csv"), **of_results),
        Case("relabel", ("relabel", work / "out", made / "names.json"), **of_results),
        Case(
            "import",
            ("import", work / "out", made / "truth.csv", "--as", "corrections"),
            **of_results,
        ),
        Case("stats", ("stats", work / "out"), **of_results),
        Case("export", ("export", work / "out", "--to", "csv,vtt,elan"), **of_results),
        Case(
            "export all",
            ("export", work / "out", "--to", "all"),
            differs=r"\.(nwb|boris)$",
            **of_results,
        ),
        Case("page", ("page", work / "out"), **of_film),
        Case("page, embedded", ("page", work / "out", "--embed"), **of_film),
        Case("share", ("page", work / "out", "--share", work / "share"), **of_film),
        Case("share, packed", ("page", work / "out", "--share", work / "share.zip"), **of_film),
        Case("share, one file", ("page", work / "out", "--share", work / "one.html"), **of_film),
        Case("decode", ("decode", *sorted((results / "predictions/assignments").glob("*")), *out)),
    ]
    for one in several:
        cases.append(one)
        for engine in ("serial", "processes", "ray"):
            words = (*one.words, "--workers", "2", "--engine", engine)
            name = f"{one.name}, {engine}"
            cases.append(replace(one, name=name, words=words, like=one, spread=True))
        first, second = ((*one.words, "--shard", f"{number}/2") for number in (1, 2))
        then = (second, one.words)
        cases.append(replace(one, name=f"{one.name}, shards", words=first, then=then, like=one))
    return {case.name: case for case in cases}


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Ring:
    return Ring(tmp_path_factory.mktemp("ring"), environment_of(cache))


def test_a_few_blows(ring: Ring, finished: Path, seed: int) -> None:
    rng, out = random.Random(seed), ring.work / "out"
    write_logs(ring.root / "logs", 1, "r0", "r1", "r2", seconds=(6, 9))
    (ring.root / "results").mkdir()
    (ring.root / "results" / "out").symlink_to(finished)
    case = rng.choice(
        [
            Case("data simulate", (*SIMULATE, "--out", out), kept=r"\.out\.part"),
            Case(
                "extract",
                ("extract", ring.root / "logs", "--out", out),
                finished=("out/origins/*.json",),
            ),
            Case("export", ("export", out, "--to", "csv"), before=ring.root / "results"),
        ]
    )
    assert ring.strike(case, rng) == ""


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_struck_anywhere_and_given_again(ring: Ring, seed: int) -> None:
    rng, cases = random.Random(seed), cases_of(ring)
    names = sorted(cases, key=lambda name: rng.random())
    drawn = [cases[names[i % len(names)]] for i in range(KILLS // 2)]
    wrong = [ring.strike(case, rng, blows=2) for case in drawn]
    assert not list(filter(None, wrong))


@pytest.mark.parametrize(
    "words",
    [
        "segment {logs} --n_actions 3 --out {out}",
        "extract {logs} --out {out}",
        "extract {logs} --out {out} --shard 1/2",
        "extract {logs} --out {out}/data",
        "train default --n_actions 4 --data {toys} --out {out}",
        "predict {trained} --data {toys} --out {out}",
        "benchmark default --data {toys} --out {out}",
        "data simulate --like breakfast --out {out}",
        "decode {matrix} --out {out}",
        "demo --out {out}",
        "page {out}",
        "page {out} --share {out}.html",
        "evaluate {out}",
        "relabel {out} names.json",
        "relabel {out}/predictions names.json",
        "import {out} labels.csv",
        "stats {out}",
        "export {out} --to csv",
        "export {out} --to csv --out {elsewhere}",
    ],
)
def test_one_writes_at_a_time(
    asot: Asot, finished: Path, trained: Path, toys: Path, tmp_path: Path, words: str
) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.csv").write_text("time,ax\n" + "0,1\n1,2\n" * 9)
    out, elsewhere = shutil.copytree(finished, tmp_path / "out"), tmp_path / "elsewhere"
    matrix = next((finished / "predictions" / "assignments").glob("*.npy"))
    places = {"out": out, "logs": tmp_path / "logs", "toys": toys, "trained": trained}
    before = snapshot(tmp_path)
    with open_folder(out) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        outcome = asot(*words.format(**places, matrix=matrix, elsewhere=elsewhere).split())
    assert outcome.code == 2
    cure = "wait until it has ended, or choose another folder."
    assert outcome.sentence == f"{out}: is in use by another asot: {cure}"
    assert snapshot(tmp_path) == before
    assert not elsewhere.exists()


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Open a folder, as another process would."""
    descriptor = os.open(folder, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)

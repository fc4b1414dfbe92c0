"""asot decode: matrices of all kinds, in order and not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from asot import solve, temporal_prior
from asot.decoding import decode_segments
from asot.discover.radius import find_radius
from asot.export import read_csv
from asot.metrics import evaluate
from asot.model.recipe import load_recipe
from asot.simulation import make_affinity
from tests.cli.outcome import shown_paths

GOLDEN = Path(__file__).parents[1] / "transport" / "golden"
PARITY = ("--mode", "parity", "--epsilon", ".01", "--alpha", ".6")


@pytest.fixture
def affinity() -> np.ndarray[Any, Any]:
    return make_affinity(120, 5, noise=0.3, random_state=3)[0]


@pytest.fixture
def truth() -> np.ndarray[Any, Any]:
    return make_affinity(120, 5, noise=0.3, random_state=3)[1]


@pytest.fixture
def file(affinity: np.ndarray[Any, Any], tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", affinity)
    return tmp_path / "a.npy"


def labels(out: Path, name: str) -> list[int]:
    return [int(line) for line in (out / f"{name}.labels.txt").read_text().splitlines()]


def expected(cost: np.ndarray[Any, Any], **settings: Any) -> list[int]:
    own = load_recipe("paper").transport_eval
    found: list[int] = solve(cost, **{**vars(own), **settings}).labels.tolist()
    return found


def test_labels_segments_and_a_picture(
    asot, file: Path, affinity: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    out = tmp_path / "my [b]out"
    outcome = asot("decode", file, "--out", out, "--frame_rate", "4")
    assert (outcome.code, outcome.err) == (0, "")
    found = labels(out, "a")
    assert found == expected(1 - affinity)
    rows = read_csv(out / "a.segments.csv")
    rebuilt: list[int] = []
    for row in rows:
        assert row.recording == "a"
        assert row.start_frame == len(rebuilt)
        assert (row.start_s, row.end_s) == (row.start_frame / 4, row.end_frame / 4)
        assert row.confidence is not None
        assert 0 < row.confidence <= 1
        rebuilt += [int(row.action)] * (row.end_frame - row.start_frame)
    assert rebuilt == found
    assert shown_paths(outcome, out) == [
        out / "a.segments.csv",
        out / "a.labels.txt",
        out / "a.png",
        out / "transcripts.txt",
    ]
    order = " ".join(row.action for row in rows)
    assert (out / "transcripts.txt").read_text() == f"a\t{order}\n"
    with Image.open(out / "a.png") as picture:
        assert min(picture.size) > 100
    line = next(line for line in outcome.out.splitlines() if line.startswith("a "))
    assert line.split()[:4] == ["a", "120", str(len(rows)), str(len(set(found)))]


def test_settings(asot, file: Path, affinity: np.ndarray[Any, Any], tmp_path: Path) -> None:
    words = ("--epsilon", "0.1", "--alpha", "0.2", "--radius", "3", "--lambda-actions", "null")
    outcome = asot("decode", "--cost", file, "--out", tmp_path, *words, "--order_prior", "0.4")
    assert (outcome.code, outcome.err) == (0, "")
    cost = affinity + temporal_prior(120, 5, 0.4)
    settings = {"epsilon": 0.1, "alpha": 0.2, "radius": 3, "lambda_actions": None}
    assert labels(tmp_path, "a") == expected(cost.astype(np.float32), **settings)


def test_both_sides_relaxed(asot, file: Path, tmp_path: Path) -> None:
    outcome = asot("decode", file, "--out", tmp_path, "--lambda_frames", "0.1")
    assert (outcome.code, outcome.err) == (0, "")
    for row in read_csv(tmp_path / "a.segments.csv"):
        assert row.confidence is not None
        assert 0 < row.confidence <= 1


ORDERED = "0,1,0,0,0\r\n0 0 1 0 0\n0 0 0 1 0\n0\t0 0 0 1\n0 0 0 0 0\n\n"
PAIRS = "0 1\n1, 2\n 2,3\n3 4\n"


def test_costs_that_pay_for_mass_are_refused(
    asot, tmp_path: Path, rng: np.random.Generator
) -> None:
    np.save(tmp_path / "paid.npy", -50 * rng.random((60, 4)))
    words = ("decode", tmp_path / "paid.npy", "--cost", "--out", tmp_path / "out")
    assert asot(*words).code == 0
    outcome = asot(*words, "--lambda_frames", "0.1")
    assert outcome.code == 2
    assert "paid.npy cannot be decoded: Diverged: " in outcome.err


def test_a_plan_that_hardly_moved_is_remarked_on(
    asot, file: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    np.save(tmp_path / "flat.npy", 1e-5 * rng.random((2000, 8)))
    words = ("--cost", "--order_prior", "0", "--out", tmp_path / "out")
    outcome = asot("decode", tmp_path / "flat.npy", file, *words)
    assert outcome.code == 0
    assert outcome.sentence.startswith(f"{tmp_path / 'flat.npy'}: The plan hardly moved from ")
    assert "costs differ little next to epsilon" in outcome.sentence
    assert len(labels(tmp_path / "out", "flat")) == 2000
    rules = ("--decoder", "semi_markov", "--minimum_duration", "5")
    again = asot("decode", tmp_path / "flat.npy", *words, *rules)
    assert (again.code, again.err) == (0, outcome.err)


@pytest.mark.parametrize("text", [ORDERED, PAIRS])
def test_rules_on_segments(
    asot, affinity: np.ndarray[Any, Any], tmp_path: Path, text: str, rng: np.random.Generator
) -> None:
    noisy = affinity + rng.normal(size=affinity.shape).astype(np.float32)
    np.save(tmp_path / "a.npy", noisy)
    (tmp_path / "follow.txt").write_text(text)
    words = ("--decoder", "semi_markov", "--minimum-duration", "2.1s", "--frame_rate", "5")
    words = (*words, "--transitions", tmp_path / "follow.txt", "--alpha", "0.01")
    outcome = asot("decode", tmp_path / "a.npy", "--out", tmp_path, *words)
    assert (outcome.code, outcome.err) == (0, "")
    rows = read_csv(tmp_path / "a.segments.csv")
    own = {**vars(load_recipe("paper").transport_eval), "alpha": 0.01}
    shares = solve(1 - noisy, **own).assignment
    likelihood = np.log(np.maximum(shares, np.finfo(np.float32).tiny))
    allowed = np.eye(5, k=1, dtype=bool)
    found = decode_segments(likelihood, minimum_duration=11, transitions=allowed)
    assert labels(tmp_path, "a") == found.tolist()
    assert len(set(np.diff(found))) <= 2
    assert min(row.end_frame - row.start_frame for row in rows) >= 11
    assert all(row.confidence is not None and 0 < row.confidence <= 1 for row in rows)
    order = " ".join(row.action for row in rows)
    assert (tmp_path / "transcripts.txt").read_text() == f"a\t{order}\n"


def test_shares_rounded_to_nothing_forbid_no_action(asot, tmp_path: Path) -> None:
    affinity = np.zeros((40, 2), dtype=np.float32)
    affinity[np.arange(40), np.arange(40) // 30] = 1
    np.save(tmp_path / "a.npy", affinity)
    words = ("--decoder", "semi_markov", "--minimum_duration", "30", "--epsilon", "0.0001")
    outcome = asot("decode", tmp_path / "a.npy", "--out", tmp_path, *words)
    assert (outcome.code, outcome.err) == (0, "")
    assert labels(tmp_path, "a") == [0] * 40


@pytest.mark.parametrize(
    "kind", ["float64", "float16", ">f4", ">f8", "int64", "int8", "uint8", "bool", "fortran"]
)
def test_kinds_of_numbers(asot, affinity: np.ndarray[Any, Any], tmp_path: Path, kind: str) -> None:
    if kind == "fortran":
        matrix = np.asfortranarray(affinity)
    elif np.dtype(kind).kind == "f":
        matrix = affinity.astype(kind)
    else:
        matrix = (np.clip(affinity, 0, 1) * 9).astype(kind)
    np.save(tmp_path / "m.npy", matrix)
    outcome = asot("decode", tmp_path / "m.npy", "--out", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    exact = np.float32 if kind in ("float16", ">f4", "fortran") else np.float64
    assert labels(tmp_path, "m") == expected(1 - matrix.astype(exact))


@pytest.mark.parametrize("shape", [(1, 5), (1, 1), (3, 5), (120, 1)])
def test_few_frames_or_actions(
    asot, affinity: np.ndarray[Any, Any], tmp_path: Path, shape: tuple[int, int]
) -> None:
    np.save(tmp_path / "m.npy", affinity[: shape[0], : shape[1]])
    outcome = asot("decode", tmp_path / "m.npy", "--out", tmp_path)
    assert outcome.code == 0
    # The plan of a single frame is held by the actions' shares.
    assert outcome.err == "" or (shape == (1, 5) and "hardly moved" in outcome.sentence)
    assert len(labels(tmp_path, "m")) == shape[0]


def test_several_files_beside_their_truth(
    asot, affinity: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    (tmp_path / "gt").mkdir()
    names = ["one", "two.b", "[bold]x :smile:", r"$\frac$_^"]
    for shift, name in enumerate(names):
        np.save(tmp_path / f"{name}.npy", affinity[shift:])
        text = "".join(f"act[{k}] :x:\r\n" for k in truth[shift:])
        (tmp_path / "gt" / f"{name}{'.txt' if shift % 2 else ''}").write_text(text)
    files = [tmp_path / f"{name}.npy" for name in names]
    out = tmp_path / "out"
    outcome = asot("decode", *files, "--out", out, "--ground_truth", tmp_path / "gt")
    assert (outcome.code, outcome.err) == (0, "")
    kinds = (".labels.txt", ".png", ".segments.csv")
    assert {path.name for path in out.iterdir()} == {
        "transcripts.txt",
        *(name + kind for name in names for kind in kinds),
    }
    assert shown_paths(outcome, out) == [out, out / "transcripts.txt"]
    transcripts = (out / "transcripts.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in transcripts] == names
    for line, name in zip(transcripts, names, strict=True):
        order = [row.action for row in read_csv(out / f"{name}.segments.csv")]
        assert line.split("\t")[1].split(" ") == order
    lines = outcome.out.splitlines()
    for shift, name in enumerate(names):
        scores = evaluate([labels(out, name)], [truth[shift:]])
        table, *rest = [line for line in lines if line.startswith(f"{name} ")]
        assert table.removeprefix(name).split()[0] == str(120 - shift)
        assert rest[0].removeprefix(name).split()[0] == f"{100 * scores['mof']:.1f}"


def test_several_files_at_80_columns(
    asot, affinity: np.ndarray[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = ["P03_cam01_P03_scrambledegg_and_more_of_it", "b"]
    for name in names:
        np.save(tmp_path / f"{name}.npy", affinity)
        (tmp_path / f"{name}.txt").write_text("reach\nstir\n" * 60)
    files = [tmp_path / f"{name}.npy" for name in names]
    outcome = asot("decode", *files, "--out", tmp_path / "out", "--ground_truth", tmp_path)
    assert outcome.code == 0
    lines = [line for line in outcome.out.splitlines() if not line.startswith(str(tmp_path))]
    assert max(map(len, lines)) <= 80
    assert "Boundary" in outcome.out


@pytest.mark.parametrize(
    "name, settings",
    [
        ("2020-04-19_14-03-25", ("--lambda_actions", ".09", "--radius", ".02")),
        ("P36_webcam01_P36_salat", ("--lambda_actions", ".06", "--radius", ".04")),
    ],
)
def test_real_affinities_as_the_reference_labels_them(
    asot, shared: Path, tmp_path: Path, name: str, settings: tuple[str, ...]
) -> None:
    folder = shared / "data" / "asot_affinities"
    words = (*PARITY, *settings, "--ground_truth", folder / "gt", "--out", tmp_path)
    outcome = asot("decode", folder / "affinity" / f"{name}.npy", *words)
    assert (outcome.code, outcome.err) == (0, "")
    with np.load(GOLDEN / "reference_labels_on_real_affinities.npz") as golden:
        assert labels(tmp_path, name) == golden[name].tolist()
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    assert "One matching for each recording, in percent" in outcome.out


@pytest.mark.parametrize("words", [(), ("--cost",)])
def test_the_radius_is_chosen_from_the_matrix(
    asot, file: Path, affinity: np.ndarray[Any, Any], tmp_path: Path, words: tuple[str, ...]
) -> None:
    outcome = asot("decode", file, *words, "--radius", "auto", "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    radius = find_radius([affinity.astype(np.float32)], 5).chosen
    assert f"a: radius {radius} frames" in outcome.out
    cost = affinity if words else 1 - affinity
    assert labels(tmp_path / "out", "a") == expected(cost, radius=radius)

"""asot decode: matrices of all kinds, in order and not."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from asot import solve, temporal_prior
from asot.decoding import decode_segments
from asot.export.csv import read_csv
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


RULES = {
    "a third number": ("0 1 2\n", ", line 1: '0 1 2' is no pair FROM TO of actions, and the file"),
    "words": ("0 1\nreach stir\n", ", line 2: 'reach stir' is no pair FROM TO of actions, and"),
    "other numbers": ("0 2 0 0 0\n" * 5, ", line 1: '0 2 0 0 0' is no pair FROM TO of actions"),
    "too few": ("0 1 1\n" * 3, "the file is not 5 lines of 5 zeros and ones."),
    "no such action": ("0 1\n4 5\n", ", line 2: names action 5, but "),
    "empty": ("", ": is empty."),
}


@pytest.mark.parametrize("kind", RULES)
def test_transitions_that_cannot_be_used(asot, file: Path, tmp_path: Path, kind: str) -> None:
    text, message = RULES[kind]
    (tmp_path / "follow.txt").write_text(text)
    words = ("--decoder", "semi_markov", "--transitions", tmp_path / "follow.txt")
    outcome = asot("decode", file, *words, "--out", tmp_path / "out")
    assert outcome.code == 1
    assert outcome.sentence.startswith(f"{tmp_path / 'follow.txt'}")
    assert message in outcome.sentence
    assert not (tmp_path / "out").exists()


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
    assert (outcome.code, outcome.err) == (0, "")
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
    assert "Legacy" in outcome.out


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


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def _damaged(affinity: np.ndarray[Any, Any], kind: str, folder: Path) -> str:
    """Make a file that cannot be decoded, and say what asot must say of it."""
    file = folder / "bad.npy"
    if kind == "transposed":
        np.save(file, affinity.T)
        return "has 5 rows and 120 columns, so it looks transposed: frames are the rows."
    if kind == "NaN":
        affinity[[7, 9], 2] = np.nan
        np.save(file, affinity)
        return "column 2 of frame 7 (from 0) is nan, the first of 2 numbers that are not finite."
    if kind == "infinite":
        affinity[3, 4] = -np.inf
        np.save(file, affinity)
        return "column 4 of frame 3 (from 0) is -inf."
    if kind == ".npz":
        with file.open("wb") as stream:
            np.savez(stream, affinity)
        return "is an .npz archive, not an .npy file: save one array."
    if kind == "objects":
        array = np.array([[Trap(folder / "sprung")]], dtype=object)
        np.save(file, array, allow_pickle=True)
        return "holds Python objects: save an array of numbers instead."
    if kind == "pickled":
        file.write_bytes(pickle.dumps(Trap(folder / "sprung")))
        return "is not an .npy file, or is damaged."
    if kind == "text":
        np.savetxt(file, affinity)
        return "is not an .npy file, or is damaged."
    if kind == "folder":
        file.mkdir()
        return "is a folder where a file is expected."
    if kind == "truncated":
        np.save(file, affinity)
        file.write_bytes(file.read_bytes()[:-4])
        return "is truncated: "
    arrays = {
        "complex": (affinity * 1j, "holds values of type complex64, not real numbers."),
        "strings": (affinity.astype(str), "holds values of type <U"),
        "one axis": (affinity[:, 0], "has shape (120,)"),
        "three axes": (affinity[None], "has shape (1, 120, 5)"),
        "no frames": (affinity[:0], "is empty: its shape is (0, 5)."),
        "no actions": (affinity[:, :0], "is empty: its shape is (120, 0)."),
    }
    if kind in arrays:
        array, message = arrays[kind]
        np.save(file, array)
        return message
    if kind == "empty":
        file.touch()
        return "is empty."
    return "does not exist."


@pytest.mark.parametrize(
    "kind",
    [
        *("transposed", "NaN", "infinite", ".npz", "objects", "pickled", "text", "folder"),
        *("truncated", "complex", "strings", "one axis", "three axes"),
        *("no frames", "no actions", "empty", "none"),
    ],
)
def test_files_that_cannot_be_decoded(
    asot, file: Path, affinity: np.ndarray[Any, Any], tmp_path: Path, kind: str
) -> None:
    message = _damaged(affinity, kind, tmp_path)
    outcome = asot("decode", file, tmp_path / "bad.npy", "--out", tmp_path / "out")
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.sentence.startswith(f"{tmp_path / 'bad.npy'}: {message}")
    assert not (tmp_path / "out").exists(), "all files are checked before one is decoded"
    assert not (tmp_path / "sprung").exists(), "nothing is ever unpickled"


TRUTHS = {
    "short": ("reach\n" * 7, "truth.txt: has 7 labels where "),
    "a gap": ("reach\n\n" * 60, "truth.txt, line 2: is empty where an action name is needed."),
    "empty": ("", "truth.txt: is empty."),
    "no text": ("\udcff\n" * 120, "truth.txt, line 1: is not UTF-8 text."),
}


@pytest.mark.parametrize("kind", TRUTHS)
def test_ground_truth_that_does_not_fit(asot, file: Path, tmp_path: Path, kind: str) -> None:
    text, message = TRUTHS[kind]
    place = tmp_path / "truth.txt"
    place.write_bytes(text.encode("utf-8", "surrogateescape"))
    outcome = asot("decode", file, "--ground_truth", place, "--out", tmp_path / "out")
    assert outcome.code == 1
    assert message in outcome.sentence
    assert not (tmp_path / "out").exists()


def test_ground_truth_that_is_not_there(asot, file: Path, tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    for place in (tmp_path / "nope", tmp_path / "gt"):
        outcome = asot("decode", file, "--ground_truth", place, "--out", tmp_path / "out")
        assert outcome.code == 1
        assert outcome.sentence.endswith(" does not exist.")


def test_files_that_are_called_the_same(asot, file: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    shutil.copy(file, tmp_path / "b" / "a.npy")
    outcome = asot("decode", file, tmp_path / "b" / "a.npy", "--out", tmp_path / "out")
    assert outcome.code == 1
    assert outcome.sentence.startswith("Two files are called 'a', so their results would")


def test_one_truth_for_several_files(asot, file: Path, tmp_path: Path) -> None:
    shutil.copy(file, tmp_path / "b.npy")
    (tmp_path / "truth.txt").write_text("reach\n" * 120)
    words = ("--ground_truth", tmp_path / "truth.txt", "--out", tmp_path / "out")
    outcome = asot("decode", file, tmp_path / "b.npy", *words)
    assert outcome.code == 1
    assert outcome.sentence.startswith("--ground_truth must be a folder where there are several")


@pytest.mark.parametrize(
    "words, message",
    [
        (("--frame_rate", "0"), "--frame_rate must be above 0, but is 0.0."),
        (("--frame_rate", ".nan"), "--frame_rate must be above 0, but is nan."),
        (("--order_prior", "-1"), "--order_prior must be at least 0, but is -1.0."),
        (("--decoder", "viterbi"), "--decoder must be argmax or semi_markov, but is 'viterbi'."),
        (("--minimum_duration", "9"), "--minimum_duration needs --decoder semi_markov."),
        (("--transitions", "x"), "--transitions needs --decoder semi_markov."),
        (
            ("--decoder", "semi_markov", "--minimum_duration", "2.5"),
            "--minimum_duration must be a whole number of frames above 0 such as 25, or of seconds",
        ),
        (
            ("--decoder", "semi_markov", "--minimum_duration", "0"),
            "--minimum_duration must be a whole number of frames above 0 such as 25, or of seconds",
        ),
        (
            ("--decoder", "semi_markov", "--minimum_duration", "2s"),
            "--minimum_duration in seconds needs --frame_rate.",
        ),
        (("--epsilon", "0"), "epsilon must be a finite number that is above 0, but is 0.0."),
        (
            ("--alpha", "1"),
            "alpha must be a finite number that is at least 0 and below 1, but is 1.0.",
        ),
        (("--radius", "-0.1"), "radius must be a finite number that is above 0, but is -0.1."),
        (("--mode", "x"), 'mode must be "default" or "parity", but is \'x\'.'),
        (("--max_iterations", "-1"), "max_iterations must be an integer from 0 to 1,000,000"),
        (
            ("--lambda_frames=.inf",),
            "lambda_frames must be a finite number that is above 0, but is inf.",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_settings_out_of_range(
    asot, file: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    outcome = asot("decode", file, "--out", tmp_path / "out", *words)
    assert outcome.code == 1
    assert outcome.sentence.startswith(message)
    assert not (tmp_path / "out").exists()

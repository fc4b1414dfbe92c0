"""Label sequences for simulated data: every source, its damage, and generated ones."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ArgumentError, AsotError, DataError
from asot.simulation import (
    FeatureModel,
    LabelCorpus,
    LabelModel,
    LabelSequence,
    describe_features,
    make_recordings,
    read_label_corpus,
    write_simulation,
)
from asot.simulation.labels import BACKGROUND

seeds = st.integers(0, 2**31)
RUNS = {"P1_tea": [[0, 3], [2, 4], [2, 1], [0, 2]], "P2_tea": [[1, 5]]}
LABELS = {"P1_tea": [0] * 3 + [2] * 5 + [0] * 2, "P2_tea": [1] * 5}


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def assert_labels(corpus: LabelCorpus) -> None:
    assert {one.name: one.labels.tolist() for one in corpus.sequences} == LABELS
    assert corpus.n_frames == sum(map(len, LABELS.values()))


def test_json_of_runs(tmp_path: Path) -> None:
    file = write_json(tmp_path / "toy_labels_rle.json", RUNS)
    corpus = read_label_corpus(file)
    assert_labels(corpus)
    assert corpus.class_names == {0: "class-0", 1: "class-1", 2: "class-2"}
    beside = write_json(tmp_path / "toy_label_names.json", ["SIL", "pour tea", "stir", "drink"])
    assert read_label_corpus(file).class_names[1] == "pour tea"
    given_names = write_json(tmp_path / "mine.json", ["a", "b", "c"])
    assert read_label_corpus(file, given_names).class_names == {0: "a", 1: "b", 2: "c"}
    mapping = tmp_path / "mapping.txt"
    mapping.write_text("2 last\n0 first\n1 middle one\n")
    assert read_label_corpus(file, mapping).class_names[1] == "middle one"
    beside.write_text("[1]")
    with pytest.raises(DataError, match=r"toy_label_names.json: .* must be text, but is 1"):
        read_label_corpus(file)


def test_npz_of_frame_labels(tmp_path: Path) -> None:
    plain, several = tmp_path / "plain.npz", tmp_path / "several.npz"
    arrays = {name: np.array(labels, np.uint8) for name, labels in LABELS.items()}
    np.savez_compressed(plain, **arrays)
    np.savez(
        several,
        **{f"{name}/mid": labels for name, labels in arrays.items()},
        **{f"{name}/X": np.ones((3, 2)) for name in arrays},
    )
    assert_labels(read_label_corpus(plain))
    assert_labels(read_label_corpus(several, granularity="mid"))
    with pytest.raises(ArgumentError, match=r"granularity must choose among .*: 'X', 'mid'"):
        read_label_corpus(several)
    with pytest.raises(ArgumentError, match=r"granularity must choose among .*: 'X', 'mid'"):
        read_label_corpus(several, granularity="eval")
    with pytest.raises(
        ArgumentError, match=r"granularity must choose among .*: it has no granularity"
    ):
        read_label_corpus(plain, granularity="mid")
    with pytest.raises(DataError, match=r"'P1_tea/X' must hold an integer for each .* \(3, 2\)"):
        read_label_corpus(several, granularity="X")


def test_a_dataset_folder_without_features(tmp_path: Path) -> None:
    (tmp_path / "groundTruth").mkdir()
    for name, labels in LABELS.items():
        text = "".join(f"action {label}\n" for label in labels)
        (tmp_path / "groundTruth" / f"{name}.txt").write_text(text)
    corpus = read_label_corpus(tmp_path)
    assert_labels(corpus)
    assert corpus.class_names == {0: "action 0", 1: "action 1", 2: "action 2"}
    (tmp_path / "mapping").mkdir()
    (tmp_path / "mapping" / "mapping.txt").write_text("5 action 1\n7 action 2\n9 action 0\n")
    assert read_label_corpus(tmp_path).sequences[1].labels.tolist() == [5] * 5
    (tmp_path / "mapping" / "mapping.txt").write_text("5 action 1\n")
    with pytest.raises(DataError, match=r"P1_tea.txt, line 1: label 'action 0' is not in mapping"):
        read_label_corpus(tmp_path)
    with pytest.raises(ArgumentError, match=r"granularity is for an .npz file"):
        read_label_corpus(tmp_path, granularity="mid")


def test_a_simulated_folder_is_a_source(tmp_path: Path) -> None:
    corpus = LabelModel(n_recordings=3, n_actions=4, background=0.2, mean_length=50).draw()
    root = write_simulation(corpus, FeatureModel(width=2), tmp_path / "toys")
    again = read_label_corpus(root)
    assert again.class_names == corpus.class_names
    for one, other in zip(corpus.sequences, again.sequences, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)


def _npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, [1])
    return stream.getvalue()


NPY = _npy()
Write = Callable[[Path], object]


def _archive(path: Path, member: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)


# A header that claims eight terabytes, and one whose length is more than the file's.
HUGE = NPY.replace(b"(1,), }           ", b"(999999999999,), }")
LONG = b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{"
DAMAGE: dict[str, tuple[str, Write, str]] = {
    "missing": ("x.json", lambda path: None, "does not exist"),
    "another kind": ("x.csv", lambda path: path.write_text("1"), "neither a folder nor a .json"),
    "no JSON": ("x.json", lambda path: path.write_text("{"), "is not JSON: "),
    "no text": ("x.json", lambda path: path.write_bytes(b"\xff\xfe\x00"), "is not JSON: "),
    "a deep nest": (
        "x.json",
        lambda path: path.write_text("[" * 100_000),
        "must be values by name",
    ),
    "a list": ("x.json", lambda path: write_json(path, [1]), "must be values by name"),
    "nothing": ("x.json", lambda path: write_json(path, {}), "there are no label sequences"),
    "no runs": ("x.json", lambda path: write_json(path, {"a": []}), "'a' is not a list of runs"),
    "half a run": ("x.json", lambda path: write_json(path, {"a": [[1]]}), "in place of a run"),
    "half a frame": (
        "x.json",
        lambda path: write_json(path, {"a": [[1, 2.5]]}),
        "in place of a run",
    ),
    "truth": ("x.json", lambda path: write_json(path, {"a": [[1, True]]}), "in place of a run"),
    "no frame": ("x.json", lambda path: write_json(path, {"a": [[1, 0]]}), "in place of a run"),
    "a huge class": ("x.json", lambda path: write_json(path, {"a": [[2**70, 1]]}), "'a' holds"),
    "a huge run": (
        "x.json",
        lambda path: write_json(path, {"a": [[1, 2**70]]}),
        "in place of a run",
    ),
    "a path": ("x.json", lambda path: write_json(path, {"../a": [[1, 2]]}), "is not a name that a"),
    "a hidden name": (
        "x.json",
        lambda path: write_json(path, {".a": [[1, 2]]}),
        "is not a name that",
    ),
    "no archive": ("x.npz", lambda path: path.write_bytes(b"PK\x03\x04 no"), "is no .npz archive"),
    "text as archive": ("x.npz", lambda path: path.write_text("hello"), "is no .npz archive"),
    "an array": (
        "x.npz",
        lambda path: (
            np.save(path.with_suffix(".npy"), [1]),
            path.with_suffix(".npy").rename(path),
        ),
        "is no .npz archive",
    ),
    "floats": ("x.npz", lambda path: np.savez(path, a=[0.5]), "must hold an integer for each"),
    "a huge array": ("x.npz", lambda path: _archive(path, HUGE), "an integer for each of 1 to"),
    "a cut array": ("x.npz", lambda path: _archive(path, NPY[:-1]), "'a' cannot be read"),
    "a long header": ("x.npz", lambda path: _archive(path, LONG), "'a' cannot be read"),
    "objects": ("x.npz", lambda path: np.savez(path, a=np.array([{}])), "type object"),
    "no frames": ("x.npz", lambda path: np.savez(path, a=np.zeros(0, int)), "an integer for each"),
    "a folder": ("x", lambda path: path.mkdir(), "holds no folder 'groundTruth'"),
    "an empty one": ("x", lambda path: (path / "groundTruth").mkdir(parents=True), "there are no"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, name: str) -> None:
    file, write, message = DAMAGE[name]
    write(tmp_path / file)
    with pytest.raises(AsotError) as caught:
        read_label_corpus(tmp_path / file)
    sentence = str(caught.value)
    assert message in sentence
    assert sentence.startswith(str(tmp_path / file))
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_classes_without_names(tmp_path: Path) -> None:
    file = write_json(tmp_path / "x.json", RUNS)
    short = write_json(tmp_path / "names.json", ["a", "b"])
    with pytest.raises(DataError, match=r"names 2 classes from 0, but class 2 occurs"):
        read_label_corpus(file, short)
    twice = write_json(tmp_path / "names.json", ["a", "b", "a"])
    with pytest.raises(DataError, match="two classes have the name 'a'"):
        read_label_corpus(file, twice)
    blank = write_json(tmp_path / "names.json", ["a", "b\n", "c"])
    with pytest.raises(DataError, match=r"'b\\n' is not a name for a class"):
        read_label_corpus(file, blank)
    with pytest.raises(DataError, match="class 3 of recording 'r' has no name"):
        LabelCorpus([LabelSequence.of("r", [3])], {0: "a"})
    with pytest.raises(DataError, match="two recordings have the name 'r'"):
        LabelCorpus([LabelSequence.of("r", [0])] * 2, {0: "a"})
    with pytest.raises(DataError, match="recording 'r' has no frames"):
        LabelCorpus([LabelSequence.of("r", [])], {0: "a"})


def test_the_first_of_each_activity() -> None:
    names = ["a_tea", "a_milk", "b_tea", "b_milk", "c_milk"]
    corpus = LabelCorpus([LabelSequence.of(name, [0]) for name in names], {0: "x"})
    assert corpus.activities("_(.+)$") == ["tea", "milk", "tea", "milk", "milk"]
    first = [one.name for one in corpus.first(2, "_(.+)$").sequences]
    assert first == ["a_tea", "b_tea", "a_milk", "b_milk"]
    assert [one.name for one in corpus.first(2).sequences] == names[:2]
    with pytest.raises(ArgumentError) as caught:
        corpus.first(0)
    assert caught.value.setting == "recordings"
    with pytest.raises(ArgumentError, match="finds no activity in the name 'a_tea'"):
        corpus.activities("_(m.+)$")


@given(
    model=st.builds(
        LabelModel,
        n_recordings=st.integers(1, 5),
        n_actions=st.integers(1, 6),
        mean_length=st.floats(1, 300),
        order=st.floats(0, 1),
        missing=st.floats(0, 0.99),
        repeats=st.floats(0, 1),
        tail=st.floats(0, 2),
        background=st.floats(0, 0.9),
    ),
    seed=seeds,
)
def test_any_numbers_give_sequences(model: LabelModel, seed: int) -> None:
    corpus = model.draw(seed)
    assert len(corpus.sequences) == model.n_recordings
    for sequence in corpus.sequences:
        assert (sequence.lengths >= 1).all()
        assert (np.diff(sequence.values) != 0).all(), "neighbouring runs differ"
        assert any(corpus.class_names[one] != BACKGROUND for one in sequence.values.tolist())
    again = model.draw(seed)
    for one, other in zip(corpus.sequences, again.sequences, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)


def test_more_recordings_change_none_of_the_first(seed: int) -> None:
    few, many = (LabelModel(n_recordings=n, order=0.5).draw(seed) for n in (3, 30))
    for one, other in zip(few.sequences, many.sequences, strict=False):
        assert one.name == other.name
        np.testing.assert_array_equal(one.labels, other.labels)


def test_order(seed: int) -> None:
    def inversions(order: float) -> float:
        corpus = LabelModel(n_recordings=300, n_actions=6, order=order).draw(seed)
        pairs = [np.triu(one.values[:, None] > one.values, 1).sum() for one in corpus.sequences]
        return float(np.mean(pairs)) / 15

    found = [inversions(order) for order in (0, 0.3, 0.6, 1)]
    assert found[0] == 0
    assert found == sorted(found)
    assert found[3] == pytest.approx(0.5, abs=0.05), "any order is as likely"


def test_missing_and_repeats(seed: int) -> None:
    model = LabelModel(n_recordings=500, n_actions=6, missing=0.3, repeats=0.4)
    sequences = model.draw(seed).sequences
    present = np.mean([len(set(one.values.tolist())) for one in sequences]) / 6
    assert present == pytest.approx(0.7, abs=0.04)
    twice = np.mean([len(one.values) / len(set(one.values.tolist())) - 1 for one in sequences])
    assert twice == pytest.approx(0.4, abs=0.06)


def test_lengths(seed: int) -> None:
    model = LabelModel(
        n_recordings=800, n_actions=6, mean_length=2000, missing=0.2, repeats=0.3, background=0.25
    )
    corpus = model.draw(seed)
    assert corpus.n_frames / 800 == pytest.approx(2000, rel=0.12)
    frames = np.concatenate([one.labels for one in corpus.sequences])
    assert (frames == 6).mean() == pytest.approx(0.25, abs=0.01)
    assert corpus.class_names[6] == BACKGROUND


@pytest.mark.parametrize("tail", [0.0, 0.5, 1.2])
def test_tail(seed: int, tail: float) -> None:
    corpus = LabelModel(n_recordings=300, n_actions=40, mean_length=4e5, tail=tail).draw(seed)
    logs = np.log(np.concatenate([one.lengths for one in corpus.sequences]))
    assert logs.std() == pytest.approx(tail, rel=0.25, abs=1e-9)


@pytest.mark.parametrize(
    "name, value",
    [
        ("n_recordings", 0),
        ("n_actions", 0),
        ("n_actions", 1.5),
        ("mean_length", 0),
        ("order", 1.1),
        ("missing", 1.0),
        ("repeats", -0.1),
        ("tail", float("inf")),
        ("background", float("nan")),
    ],
)
def test_bad_numbers_are_named(name: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=f"^{name} must be "):
        LabelModel(**{name: value})


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        LabelModel().draw(-1)
    assert caught.value.setting == "seed"


def test_describing_needs_labels_and_two_recordings() -> None:
    recordings = make_recordings(3, random_state=0)
    with pytest.raises(ArgumentError, match="recordings must be two or more, but there is 1"):
        describe_features(recordings[:1])
    figures = describe_features(recordings)
    shares = ("between_recordings", "between_classes", "recording_and_class", "within")
    assert sum(figures[key] for key in shares) == pytest.approx(1)


def test_describe_against_scikit_learn(seed: int) -> None:
    from sklearn.neighbors import NearestCentroid

    recordings = make_recordings(4, noise=2.5, width=3, random_state=seed)
    X = [np.asarray(one.features, dtype=float) for one in recordings]
    y = [np.asarray(one.ground_truth) for one in recordings]
    right, left_out = 0, 0
    for i in range(4):
        others = [j for j in range(4) if j != i]
        everything = NearestCentroid().fit(np.concatenate(X), np.concatenate(y))
        model = NearestCentroid().fit(
            np.concatenate([X[j] for j in others]), np.concatenate([y[j] for j in others])
        )
        right += int((everything.predict(X[i]) == y[i]).sum())
        left_out += int((model.predict(X[i]) == y[i]).sum())
    figures = describe_features(recordings)
    n_frames = sum(map(len, y))
    assert figures["ncm"] == pytest.approx(right / n_frames)
    assert figures["ncm_left_out"] == pytest.approx(left_out / n_frames)
    variance = np.concatenate(X).var(axis=0).sum()
    between = sum(len(x) * ((x.mean(0) - np.concatenate(X).mean(0)) ** 2).sum() for x in X)
    assert figures["between_recordings"] == pytest.approx(between / n_frames / variance)
    centred = [x - x.mean(axis=0) for x in X]
    lag = [(x[5:] * x[:-5]).sum(axis=0) / (x**2).sum(axis=0) for x in centred]
    assert figures["lag_5"] == pytest.approx(np.mean(lag))

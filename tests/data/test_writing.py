from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asot.data import DatasetFolder, Recordings, check_dataset, write_dataset
from asot.errors import ArgumentError, DataError
from asot.simulation import make_recordings

NAMES = {-1: "nothing at all", 0: "наливать", 1: "stir twice"}


@pytest.fixture
def corpus() -> Recordings:
    rng = np.random.default_rng(0)
    return Recordings.from_arrays(
        [rng.normal(size=(n, 3)) for n in (4, 5, 6)],
        names=["one take", "two.npy", "три"],
        ground_truth=[[0, 0, 1, -1], [1, 1, 1, 0, 0], None],
        activities=["green tea", "coffee", None],
    )


def test_a_folder_is_read_as_it_was_written(corpus: Recordings, tmp_path: Path) -> None:
    root = write_dataset(corpus, tmp_path / "deep" / "toys", NAMES)
    data = DatasetFolder(root)
    assert data.class_names == NAMES
    assert data.activities == ("coffee", "green tea")
    written = dict(zip(corpus.names, corpus, strict=True))
    for recording in data.recordings():
        before = written.pop(recording.name)
        assert recording.activity == before.activity
        np.testing.assert_array_equal(recording.features, before.features.astype(np.float32))
        if before.ground_truth is None:
            assert recording.ground_truth is None
        else:
            np.testing.assert_array_equal(recording.ground_truth, before.ground_truth)
    assert not written
    assert check_dataset(root).ok
    assert [path.name for path in root.parent.iterdir()] == ["toys"]


def test_generated_recordings_pass_the_check(tmp_path: Path, seed: int) -> None:
    corpus = make_recordings(3, n_actions=4, random_state=seed)
    root = write_dataset(corpus, tmp_path / "toys", {i: f"action {i}" for i in range(4)})
    assert check_dataset(root).problems == ()


def test_what_is_there_is_kept_unless_told_otherwise(corpus: Recordings, tmp_path: Path) -> None:
    root = tmp_path / "toys"
    root.mkdir()
    write_dataset(corpus, root, NAMES)
    with pytest.raises(DataError, match="already exists and is not empty"):
        write_dataset(corpus[2:], root, NAMES)
    assert len(DatasetFolder(root).recordings()) == 3
    write_dataset(corpus[2:], root, overwrite=True)
    assert DatasetFolder(root).recordings().names == ("три",)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("")
    with pytest.raises(DataError, match="choose another folder"):
        write_dataset(corpus, tmp_path / "precious", NAMES, overwrite=True)
    with pytest.raises(DataError, match="cannot be made"):
        write_dataset(corpus, tmp_path / "precious" / "thesis.tex" / "x", NAMES)


def test_a_failure_leaves_the_old_folder_and_no_traces(
    corpus: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_dataset(corpus, tmp_path / "toys", NAMES)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(DataError, match="No space left"):
        write_dataset(corpus[:1], root, NAMES, overwrite=True)
    with pytest.raises(ArgumentError, match="-1 of recording 'one take' has no name"):
        write_dataset(corpus, root, {0: "a", 1: "b"}, overwrite=True)
    assert len(DatasetFolder(root).recordings()) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["toys"]


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a\nb", "a\x00", "a\\b"])
def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    features = np.ones((2, 2))
    with pytest.raises(ArgumentError, match="not a name that a recording's file can have"):
        write_dataset(Recordings.from_arrays([features], names=[name]), tmp_path / "toys")
    if name:
        corpus = Recordings.from_arrays([features], activities=[name])
        with pytest.raises(ArgumentError, match="not a name that a recording's file can have"):
            write_dataset(corpus, tmp_path / "toys")
    with pytest.raises(ArgumentError, match=r"must fill one line|not a name that"):
        write_dataset(Recordings.from_arrays([features]), tmp_path / "toys", {0: " padded"})
    assert list(tmp_path.iterdir()) == []


def test_names_that_cannot_be_told_apart(corpus: Recordings, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="two classes have the name 'a'"):
        write_dataset(corpus, tmp_path / "toys", {0: "a", 1: "a"})
    with pytest.raises(ArgumentError, match="two recordings have the name"):
        write_dataset(corpus[[0, 0]], tmp_path / "toys", NAMES)
    with pytest.raises(ArgumentError, match="at least one recording"):
        write_dataset(corpus[:0], tmp_path / "toys", NAMES)

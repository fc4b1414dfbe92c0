"""asot data check, and asot train on folders in which something is wrong."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asot.cli import main

Damage = Callable[[Path], object]


def features(root: Path, number: int = 1) -> Path:
    return root / "features" / f"recording-{number}.npy"


def truth(root: Path, number: int = 1) -> Path:
    return root / "groundTruth" / f"recording-{number}"


def change(path: Path, frame: int, value: float) -> None:
    array = np.load(path)
    array[frame, 2] = value
    np.save(path, array)


def as_text(root: Path, text: str) -> None:
    features(root).unlink()
    (root / "features" / "recording-1.txt").write_text(text)


ROW = "1 2 3 4 5 6\n"

# What is done to a sound folder, the file that is then named, the line, and what is said.
DAMAGE: dict[str, tuple[Damage, str, int | None, str]] = {
    "length differs": (
        lambda root: truth(root).write_text("reach\n" * 7),
        "groundTruth/recording-1",
        None,
        "has 7 labels where recording-1.npy has",
    ),
    "label missing from the mapping": (
        lambda root: truth(root).write_text(
            truth(root).read_text().replace("reach", "[red]leap[/red]")
        ),
        "groundTruth/recording-1",
        0,
        "label '[red]leap[/red]' is not in mapping.txt",
    ),
    "NaN": (
        lambda root: change(features(root), 7, np.nan),
        "features/recording-1.npy",
        None,
        "column 2 of frame 7 (from 0) is NaN",
    ),
    "infinity": (
        lambda root: change(features(root), 8, np.inf),
        "features/recording-1.npy",
        None,
        "column 2 of frame 8 (from 0) is infinite",
    ),
    "NaN in text": (
        lambda root: as_text(root, ROW + "1 2 nan 4 5 6\n"),
        "features/recording-1.txt",
        2,
        "'nan' in column 3 is not finite",
    ),
    "empty file": (
        lambda root: features(root).write_bytes(b""),
        "features/recording-1.npy",
        None,
        "is empty",
    ),
    "empty text": (
        lambda root: as_text(root, ""),
        "features/recording-1.txt",
        None,
        "is empty",
    ),
    "width differs": (
        lambda root: np.save(features(root), np.random.default_rng(0).normal(size=(70, 9))),
        "features/recording-1.npy",
        None,
        "has 9 columns where 4 of 5 recordings have 6",
    ),
    "ragged text": (
        lambda root: as_text(root, ROW * 3 + "1 2 3\n" + ROW),
        "features/recording-1.txt",
        4,
        "has 3 columns where the other lines have 6",
    ),
    "not a number": (
        lambda root: as_text(root, ROW + "1 2 [bold] 4 5 6\n"),
        "features/recording-1.txt",
        2,
        "'[bold]' in column 3 is not a number",
    ),
    "binary garbage": (
        lambda root: features(root).write_bytes(bytes(range(256)) * 9),
        "features/recording-1.npy",
        None,
        "is not an .npy file, or is damaged",
    ),
    "binary garbage as text": (
        lambda root: (as_text(root, ""), (root / "features/recording-1.txt").write_bytes(b"\xff1")),
        "features/recording-1.txt",
        1,
        "is not UTF-8 text",
    ),
    "Python objects": (
        lambda root: np.save(features(root), np.array([{}, 1], dtype=object), allow_pickle=True),
        "features/recording-1.npy",
        None,
        "holds Python objects",
    ),
    "truncated": (
        lambda root: features(root).write_bytes(features(root).read_bytes()[:-40]),
        "features/recording-1.npy",
        None,
        "is truncated",
    ),
    "a folder in place of a file": (
        lambda root: (truth(root).unlink(), truth(root).mkdir()),
        "groundTruth/recording-1",
        None,
        "is a folder",
    ),
    "broken link": (
        lambda root: (features(root).unlink(), features(root).symlink_to("nowhere")),
        "features/recording-1.npy",
        None,
        "is a broken symbolic link",
    ),
    "malformed mapping": (
        lambda root: (root / "mapping/mapping.txt").write_text("0 reach\nstir\n"),
        "mapping/mapping.txt",
        2,
        "'stir' is not '<id> <action name>'",
    ),
    "features/ is a file": (
        lambda root: (shutil.rmtree(root / "features"), (root / "features").write_text("x")),
        "features",
        None,
        "",
    ),
}


@pytest.fixture
def root(toys: Path, tmp_path: Path) -> Path:
    """A sound folder whose name looks like markup and holds blanks and letters beyond ASCII."""
    return shutil.copytree(toys, tmp_path / "my [bold]toys ü")


@pytest.fixture(params=[None, "80"], ids=["no terminal", "80 columns"])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    if request.param is not None:
        monkeypatch.setenv("COLUMNS", request.param)
    return request.param


def test_a_sound_folder(asot, root: Path, columns: str | None) -> None:
    outcome = asot("data", "check", root, "--frame_rate", "2")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == str(root)
    assert lines[1] == "activity  recordings  frames  hours  columns  labelled  classes"
    name, recordings, frames, hours, *rest = lines[3].split()
    n_frames = sum(len(np.load(features(root, number))) for number in range(1, 6))
    assert (name, recordings, int(frames), rest) == ("-", "5", n_frames, ["6", "5", "4"])
    assert float(hours) == pytest.approx(n_frames / 2 / 3600, abs=0.005)
    assert lines[-1] == "0 errors, 0 warnings."


def test_warnings_alone_are_no_failure(asot, root: Path) -> None:
    truth(root).unlink()
    outcome = asot("data", "check", root)
    assert (outcome.code, outcome.err) == (0, "")
    assert "0 errors, 1 warning." in outcome.out


@pytest.mark.parametrize("name", [name for name in DAMAGE if name != "features/ is a file"])
def test_what_is_wrong_is_shown(asot, root: Path, columns: str | None, name: str) -> None:
    damage, file, line, message = DAMAGE[name]
    damage(root)
    if line == 0:
        line = 1 + truth(root).read_text().splitlines().index("[red]leap[/red]")
    outcome = asot("data", "check", root)
    assert outcome.code == 2
    assert outcome.sentence == f"{root} cannot be used until its errors are mended."
    if columns is None:
        row = next(one for one in outcome.out.splitlines() if one.startswith("error"))
        assert row.split()[1] == file
        assert line is None or row.split()[2] == str(line)
        assert message in row
    else:
        assert max(map(len, outcome.out.splitlines()[1:])) <= 80
        assert message.split()[0] in outcome.out


def test_all_at_once_in_one_table(asot, root: Path) -> None:
    change(features(root, 1), 3, np.nan)
    truth(root, 2).write_text("reach\n")
    features(root, 3).write_bytes(b"")
    outcome = asot("data", "check", root)
    assert outcome.code == 2
    assert outcome.out.count("\nerror") == 3
    assert "3 errors, 0 warnings." in outcome.out


def test_names_come_out_as_they_are(asot, root: Path) -> None:
    for name in ("[link=x]a", "b :smile:", "日本", "new\nline", "esc\x1b[31m"):
        (root / "features" / f"{name}.npy").write_bytes(b"")
    outcome = asot("data", "check", root)
    assert outcome.code == 2
    for shown in ("[link=x]a.npy", "b :smile:.npy", "日本.npy", r"'features/new\nline.npy'"):
        assert shown in outcome.out
    assert "\x1b" not in outcome.out


def test_an_activity_that_looks_like_markup(asot, root: Path) -> None:
    (root / "features" / "[b]tea").mkdir()
    features(root).rename(root / "features" / "[b]tea" / "recording-1.npy")
    outcome = asot("data", "check", root)
    assert outcome.code == 0
    assert "[b]tea             1 " in outcome.out


def test_several_data_sets_in_a_folder(asot, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "other")
    assert root.parent == tmp_path
    outcome = asot("data", "check", tmp_path)
    assert outcome.code == 2
    assert "holds several data sets" in outcome.sentence
    assert asot("data", "check", tmp_path, "--dataset", "other").code == 0
    assert asot("data", "check", "--dataset", "other", tmp_path).code == 0


def test_an_encoding_without_the_letters(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["data", "check", str(root)]) == 0
    assert rb"my [bold]toys \xfc" in written.getvalue()


def test_breakfast(asot, shared: Path) -> None:
    before = sorted(os.walk(shared / "data" / "Breakfast"))
    outcome = asot("data", "check", shared / "data", "--frame_rate", "15")
    assert (outcome.code, outcome.err) == (0, "")
    row = next(one for one in outcome.out.splitlines() if one.startswith("coffee"))
    assert row.split() == ["coffee", "5", "3,350", "0.06", "64", "5", "5"]
    assert sorted(os.walk(shared / "data" / "Breakfast")) == before, "nothing is written there"

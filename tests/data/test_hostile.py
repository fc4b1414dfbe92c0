"""Whatever a data folder holds, it is reported in sentences and never crashes."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asot.data import DatasetFolder, DatasetReport, check_dataset
from asot.errors import DataError

FILES = [
    "features/a.txt",
    "features/b.npy",
    "groundTruth/a",
    "groundTruth/b",
    "mapping/mapping.txt",
]

numbers = st.one_of(
    st.integers(-9, 9).map(str), st.sampled_from(["nan", "1e400", "-", "0x1", "1_0"])
)
rows = st.lists(st.lists(numbers, max_size=4).map(" ".join), max_size=6).map("\n".join)
words = st.sampled_from(
    ["reach", "stir", "pour milk", "", " ", "0 reach", "1 stir", "-1 x", "0", "\x00"]
)
lines = st.lists(words, max_size=6).map("\n".join)


def _sound_npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(12, dtype=np.float32).reshape(4, 3))
    return stream.getvalue()


SOUND_NPY = _sound_npy()


@st.composite
def damaged_npy(draw: st.DrawFn) -> bytes:
    """A sound ``.npy`` with some bytes changed, or its end missing."""
    data = bytearray(SOUND_NPY)
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


names = st.text(
    st.characters(blacklist_characters="/\x00", blacklist_categories=["Cs"]),
    min_size=1,
    max_size=20,
)
contents = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    rows.map(str.encode),
    lines.map(str.encode),
    damaged_npy(),
)


@pytest.fixture(scope="module")
def sound() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    for name in ("features", "groundTruth", "mapping"):
        (folder / name).mkdir()
    np.savetxt(folder / "features" / "a.txt", np.arange(8).reshape(4, 2))
    (folder / "features" / "b.npy").write_bytes(SOUND_NPY)
    for name in "ab":
        (folder / "groundTruth" / name).write_text("reach\nreach\nstir\nstir\n")
    (folder / "mapping" / "mapping.txt").write_text("0 reach\n1 stir\n")
    yield folder
    shutil.rmtree(folder)


def use_everything(root: Path) -> None:
    """What training and prediction do with a folder."""
    data = DatasetFolder(root)
    for recording in data.recordings():
        _ = recording.features.sum()
        _ = recording.ground_truth
    _ = data.class_names


def readable(report: DatasetReport) -> bool:
    """Whether all problems, if any, are ones that opening the folder does not look for."""
    return all("columns where" in problem.message for problem in report.errors)


def agree(root: Path) -> None:
    """The check finds an error exactly where opening and reading everything fails."""
    report = check_dataset(root)
    for problem in report.problems:
        assert "\n" not in str(problem)
        str(problem).encode("utf-8")
    try:
        use_everything(root)
    except DataError:
        assert not report.ok
    else:
        assert readable(report), [str(problem) for problem in report.problems]
    if not report.ok:
        with pytest.raises(DataError):
            report.require_valid()


# The C parser of Python's own literals warns of what it finds in a damaged header.
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::UserWarning")
@settings(max_examples=100)
@given(damage=st.dictionaries(st.sampled_from(FILES), contents, min_size=1, max_size=3))
@example(damage={"features/b.npy": SOUND_NPY.replace(b"(4, 3)", b"(4,3.")})
@example(damage={"features/b.npy": SOUND_NPY.replace(b"False", b"[][0]")})
@example(damage={"features/b.npy": SOUND_NPY.replace(b"<f4", b"<f\n")})
@example(damage={"features/b.npy": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535})
@example(damage={"features/b.npy": b"\x93NUMPY\x03\x00\xff\xff\xff\x7f{"})
def test_any_bytes_in_any_file(sound: Path, damage: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        shutil.copytree(sound, root)
        for file, content in damage.items():
            (root / file).write_bytes(content)
        agree(root)


@settings(max_examples=40)
@given(
    missing=st.sets(st.sampled_from([*FILES, "features", "groundTruth", "mapping"])),
    extra=st.lists(st.tuples(names, st.sampled_from(["", ".txt", ".npy"])), max_size=3),
    place=st.sampled_from(["features", "groundTruth", "mapping", "features/sub"]),
)
def test_any_files_missing_or_added(
    sound: Path, missing: set[str], extra: list[tuple[str, str]], place: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        shutil.copytree(sound, root)
        for name in missing:
            if (root / name).is_dir():
                shutil.rmtree(root / name)
            else:
                (root / name).unlink(missing_ok=True)
        (root / place).mkdir(parents=True, exist_ok=True)
        for name, suffix in extra:
            if name + suffix not in (".", ".."):
                (root / place / (name + suffix)).write_text("1 2\n3 4\n5 6\n7 8\n")
        agree(root)

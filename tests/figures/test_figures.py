from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import matplotlib.style
import pytest
from matplotlib.figure import Figure

from asot.errors import ArgumentError
from asot.figures import plot_matrix, plot_segmentation, save_figure

MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


def example() -> Figure:
    return plot_segmentation(
        {"asot": [7, 7, 4, 9, -1], "ground truth": [0, 0, 1, 13, 1]},
        matching={7: 0, 4: 1},
        title="Titel mit Umlaut: ä",
    )


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("suffix", MAGIC)
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second, third = (tmp_path / name / f"bars{suffix}" for name in "abc")
    figure = example()
    save_figure(figure, first)
    save_figure(figure, second)
    save_figure(example(), third)
    assert first.read_bytes().startswith(MAGIC[suffix])
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


@pytest.mark.parametrize("suffix", MAGIC)
def test_another_process_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    code = f"""
from asot.figures import plot_matrix, save_figure
save_figure(plot_matrix([[1, 0], [0, 1]], [0, 13]), {str(tmp_path)!r} + "/there{suffix}")
"""
    python(code, PYTHONHASHSEED="1", SOURCE_DATE_EPOCH="86400")
    save_figure(plot_matrix([[1, 0], [0, 1]], [0, 13]), tmp_path / f"here{suffix}")
    there, here = (tmp_path / f"{name}{suffix}" for name in ("there", "here"))
    assert there.read_bytes() == here.read_bytes()


def test_the_size_in_pixels_is_the_size_in_inches_at_200_dpi(tmp_path: Path) -> None:
    save_figure(example(), tmp_path / "bars.PNG")
    header = (tmp_path / "bars.PNG").read_bytes()[:24]
    assert int.from_bytes(header[16:20], "big") == round(6.9 * 200)


@pytest.mark.parametrize("name", ["bars", "bars.jpg", "bars.png.gz"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match=r"must end in \.pdf, \.png, \.svg, but it is"):
        save_figure(example(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bars.png"
    target.write_text("old")
    figure = example()

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(figure, target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_style_of_the_reader_is_neither_used_nor_changed(tmp_path: Path) -> None:
    save_figure(example(), tmp_path / "plain.svg")
    with matplotlib.style.context(["dark_background", {"font.size": 30, "axes.grid": True}]):
        before = dict(matplotlib.rcParams)
        save_figure(example(), tmp_path / "dark.svg")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "dark.svg").read_bytes()


def test_matplotlib_is_imported_late_and_pyplot_never() -> None:
    code = """
import sys
import asot.figures
import asot.figures.evidence
import asot.figures.style
print("matplotlib" in sys.modules)
asot.figures.plot_objective([1.0, 0.5])
print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    assert python(code).split() == ["False", "True", "False"]


@pytest.mark.parametrize(
    "statement", ["asot.figures.plot_matrix", "from asot.figures import draw_evidence"]
)
def test_without_matplotlib_a_sentence_says_what_to_install(statement: str) -> None:
    code = f"""
import sys
sys.modules["matplotlib"] = None
import asot.figures
from asot.errors import MissingExtraError
try:
    {statement}
except MissingExtraError as error:
    print(error)
"""
    assert python(code) == (
        "drawing a figure needs the library 'matplotlib', which is not installed: "
        'run pip install "asot[plot]".'
    )


def test_unknown_names_are_no_figures() -> None:
    import asot.figures

    with pytest.raises(AttributeError, match="no attribute 'plot_nothing'"):
        _ = asot.figures.plot_nothing
    assert {"plot_matrix", "save_figure"} <= set(dir(asot.figures))

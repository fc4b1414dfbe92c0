"""Which columns are signals: clocks and counters are not, and what is left out is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from asot.errors import DataError
from asot.inputs.series.tables import read_series

pytest.importorskip("pandas")

N = 1500
ROWS = np.arange(N)
SECONDS = ROWS / 50
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, rng: np.random.Generator) -> Write:
    def write(name: str, cells: Sequence[object]) -> Path:
        noise = rng.normal(size=N)
        rows = [f"{t:.3f},{cell},{x:.4f}" for t, cell, x in zip(SECONDS, cells, noise, strict=True)]
        path = tmp_path / "log.csv"
        path.write_text("\n".join([f"seconds_elapsed,{name},ax", *rows]) + "\n")
        return path

    return write


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("Unnamed: 0", ROWS, "counts the rows"),
        ("idx", ROWS + 1, "counts the rows"),
        ("n", ROWS * 2, "counts the rows"),
        ("left", N - ROWS, "counts the rows"),
        ("n", ROWS * 1.0, "counts the rows"),
        ("n", ROWS + 5 * (ROWS > 300) + 13 * (ROWS > 900), "counts the rows"),
        ("n", [row + row // 3 for row in ROWS], "counts the rows"),
        ("frame", np.cumsum(ROWS % 11), "counts the rows"),
        ("n", ["" if row % 7 == 0 else row for row in ROWS], "counts the rows"),
        ("Sample Index", ROWS % 256, "starts over"),
        ("n", (2 * ROWS) % 256, "starts over"),
        ("n", (ROWS // 2) % 200, "starts over"),
        ("n", (ROWS + 5 * (ROWS > 300) + 77 * (ROWS > 900)) % 256, "starts over"),
        ("n", (ROWS + 65_000) % 65_536, "starts over"),
        ("n", ROWS * 30 // 50, "changes evenly"),
        ("n", ROWS // 100, "changes evenly"),
        ("n", -(ROWS // 50), "changes evenly"),
        ("n", np.round(1e5 + 1.0002 * SECONDS, 4), "changes evenly"),
        ("distance", np.round(2.5 * SECONDS, 3), "changes evenly"),
        ("time", 1_700_000_000_000_000_000 + ROWS * 20_000_000, "another clock"),
        ("loggingTime", np.round(1.7e9 + SECONDS, 3), "another clock"),
        ("millis", ROWS * 20 % 1000, "another clock"),
        ("minute", ROWS // 100, "another clock"),
        ("subject", np.full(N, 7), "numbers people"),
        ("trial", ROWS // 500, "numbers people"),
        ("label", ROWS % 3, "labels"),
    ],
)
def test_columns_that_are_no_signal(
    name: str, cells: Sequence[object], why: str, write: Write
) -> None:
    path = write(name, cells)
    series = read_series(path)
    assert series.columns == ("ax",)
    assert len(series.remarks) == 1
    assert f"Column '{name}' left out: it " in series.remarks[0]
    assert why in series.remarks[0]
    assert read_series(path, columns=[name]).columns == (name,)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("steps", np.cumsum(ROWS % 23 == 0) + ROWS // 700 * 40),
        ("wh", np.cumsum(3 + ROWS * 7 % 5 + 9 * (ROWS > 800))),
        ("temperature", np.round(25 - 5 * np.exp(-SECONDS / 10), 4)),
        ("distance", np.round(np.cumsum(1 + np.sin(SECONDS)), 3)),
        ("button", ROWS // 200 % 2),
        ("gear", ROWS // 100 % 5),
        ("triangle", np.abs(ROWS % 100 - 50)),
        ("T", np.round(20 + np.sin(SECONDS), 2)),
        ("adc", ROWS * 587 % 1024),
        ("timeout", ROWS * 7 % 3),
        ("constant", np.full(N, 3)),
    ],
)
def test_columns_that_are_signals(name: str, cells: Sequence[object], write: Write) -> None:
    series = read_series(write(name, cells))
    assert series.columns == (name, "ax")
    assert series.remarks == ()


def test_what_is_left_out_of_a_table_without_others_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time,distance\n" + "".join(f"{row / 50},{row * 3}\n" for row in range(100)))
    with pytest.raises(DataError, match=r"'distance' left out: it only counts.*--columns"):
        read_series(path)
    assert read_series(path, columns=["distance"]).values[2, 0] == 6

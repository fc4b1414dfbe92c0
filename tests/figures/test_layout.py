"""Texts and ticks of the layout."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from asot.figures.layout import Ruler, drawable, time_ticks

LENGTHS = st.integers(1, 10**6)
RATES = st.floats(0.001, 10_000)


@pytest.fixture(scope="module")
def ruler() -> Ruler:
    return Ruler(Figure(dpi=200))


@given(st.text())
def test_any_text_becomes_drawable(text: str) -> None:
    ruler = Ruler(Figure(dpi=200))
    # Warnings are errors here, so a glyph that is missing would fail.
    assert ruler.width(drawable(text), 8) >= 0


@given(st.text(max_size=60), st.floats(0.3, 5))
def test_fitted_text_fits(text: str, width: float) -> None:
    ruler = Ruler(Figure(dpi=200))
    assert ruler.width(ruler.fit(text, width, 8), 8) <= width


def test_short_text_stays_and_long_text_keeps_both_ends(ruler: Ruler) -> None:
    assert ruler.fit("pour milk", 2, 8) == "pour milk"
    fitted = ruler.fit("connect the long wire number 1 to the drive number 2", 1.5, 8)
    assert fitted.startswith("connect")
    assert fitted.endswith("number 2")
    assert "..." in fitted


@given(st.lists(st.text("abc xyz", max_size=12)), st.floats(0.6, 3))
def test_wrapped_text_keeps_its_words(words: list[str], width: float) -> None:
    ruler = Ruler(Figure(dpi=200))
    text = " ".join(words)
    lines = ruler.wrap(text, width, 8)
    assert all(ruler.width(line, 8) <= width for line in lines)
    if all(ruler.width(word, 8) <= width for word in text.split()):
        assert " ".join(lines).split() == text.split()


def test_glyphs_that_no_font_has_are_replaced_and_others_kept() -> None:
    assert drawable("pour 牛乳 \U000f1234") in {
        "pour \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}",
        "pour 牛乳 \N{REPLACEMENT CHARACTER}",
    }
    assert drawable("äöüß éñ Ж λ") == "äöüß éñ Ж λ"
    assert drawable(" a\tb\nc ") == "a b c"


def test_a_font_of_the_reader_is_used() -> None:
    with matplotlib.rc_context({"font.family": ["DejaVu Sans Mono"]}):
        mono = Ruler(Figure(dpi=200))
        assert mono.width("iiii", 8) == pytest.approx(mono.width("mmmm", 8), abs=0.02)


def test_dollar_signs_are_no_formula(ruler: Ruler) -> None:
    plain = ruler.width("x_1", 8)
    assert ruler.width(drawable("$x_1$"), 8) > plain


def seconds(label: str, unit: str) -> float:
    if unit == "time (s)":
        return float(label)
    whole, rest = label.split(":")
    assert len(rest.split(".")[0]) == 2
    assert float(rest) < 60
    return (60 * int(whole) + float(rest)) * {"time (min:s)": 1, "time (h:min)": 60}[unit]


@given(LENGTHS, st.integers(2, 12))
def test_frame_ticks_are_whole_frames_and_say_so(n_frames: int, most: int) -> None:
    positions, labels, unit = time_ticks(n_frames, None, most)
    assert unit == "frame"
    assert 2 <= len(positions) <= max(most, 2)
    assert positions[0] == 0
    assert positions[-1] <= n_frames
    assert [int(label.replace(",", "")) for label in labels] == positions.tolist()
    assert len(set(np.diff(positions))) == 1


@given(LENGTHS, RATES, st.integers(2, 12))
def test_clock_ticks_say_the_time_they_stand_at(n_frames: int, rate: float, most: int) -> None:
    positions, labels, unit = time_ticks(n_frames, rate, most)
    assert 2 <= len(positions) <= most
    assert positions[0] == 0
    assert positions[-1] <= n_frames
    assert len(set(labels)) == len(labels)
    duration = n_frames / rate
    for position, label in zip(positions, labels, strict=True):
        assert seconds(label, unit) == pytest.approx(position / rate, abs=1e-6 * duration)


@pytest.mark.parametrize(
    "n_frames, rate, expected",
    [
        (100, 10, ["0:00", "0:02", "0:04", "0:06", "0:08", "0:10"]),
        (36000, 10, ["0:00", "0:15", "0:30", "0:45", "1:00"]),
        (1, 30, ["0", "0.01", "0.02", "0.03"]),
        (20, 10, ["0:00.0", "0:00.5", "0:01.0", "0:01.5", "0:02.0"]),
        (595, 10, ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50"]),
    ],
)
def test_known_clocks(n_frames: int, rate: float, expected: list[str]) -> None:
    assert time_ticks(n_frames, rate, 6)[1] == expected

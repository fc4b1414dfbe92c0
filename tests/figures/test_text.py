from __future__ import annotations

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from asot.figures.text import Ruler, drawable


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
    assert ruler.width(ruler.fit(text, 8, width), 8) <= width


def test_short_text_stays_and_long_text_keeps_both_ends(ruler: Ruler) -> None:
    assert ruler.fit("pour milk", 8, 2) == "pour milk"
    fitted = ruler.fit("connect the long wire number 1 to the drive number 2", 8, 1.5)
    assert fitted.startswith("connect")
    assert fitted.endswith("number 2")
    assert "..." in fitted


@given(st.lists(st.text("abc xyz", max_size=12)), st.floats(0.6, 3))
def test_wrapped_text_keeps_its_words(words: list[str], width: float) -> None:
    ruler = Ruler(Figure(dpi=200))
    text = " ".join(words)
    lines = ruler.wrap(text, 8, width)
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

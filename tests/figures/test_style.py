from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from asot.figures.style import (
    COLOURS,
    GREYS,
    LINE_COLOURS,
    UNLABELLED_STYLE,
    class_style,
    line_style,
    unmatched_style,
)

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency", IEEE TVCG 15(6), 2009: severity 1, applied to linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def cielab(colour: str, vision: NDArray[np.float64]) -> NDArray[np.float64]:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(vision @ linear, 0, 1)
    x, y, z = RGB_TO_XYZ @ seen / RGB_TO_XYZ.sum(axis=1)
    f = [np.cbrt(t) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(first: str, second: str, vision: str) -> float:
    return float(np.linalg.norm(cielab(first, VISIONS[vision]) - cielab(second, VISIONS[vision])))


def test_the_conversion_gives_known_values() -> None:
    assert cielab("#ffffff", np.eye(3)) == pytest.approx([100, 0, 0], abs=1e-3)
    assert cielab("#ff0000", np.eye(3)) == pytest.approx([53.24, 80.09, 67.20], abs=0.01)
    for matrix in VISIONS.values():
        # Greys look the same to all.
        assert matrix.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


@pytest.mark.parametrize("vision", VISIONS)
def test_the_twelve_colours_are_told_apart(vision: str) -> None:
    assert len(COLOURS) == 12
    for first, second in combinations(COLOURS, 2):
        assert distance(first, second, vision) >= 16, (first, second)


@pytest.mark.parametrize("vision", VISIONS)
def test_no_colour_is_taken_for_white_or_for_the_greys_used_first(vision: str) -> None:
    for colour in COLOURS:
        assert distance(colour, "#ffffff", vision) >= 15, colour
        for grey in GREYS[:1]:
            assert distance(colour, grey, vision) >= 10, (colour, grey)


@pytest.mark.parametrize("vision", VISIONS)
def test_the_colours_of_lines_show_on_white_and_are_told_apart(vision: str) -> None:
    for colour in LINE_COLOURS:
        assert distance(colour, "#ffffff", vision) >= 30, colour
    for first, second in combinations(LINE_COLOURS, 2):
        assert distance(first, second, vision) >= 16, (first, second)
    assert line_style(len(LINE_COLOURS)).colour == LINE_COLOURS[0]


def test_ninety_six_classes_differ_and_the_first_twelve_are_plain() -> None:
    styles = [class_style(k) for k in range(96)]
    assert len({(style.colour, style.hatch) for style in styles}) == 96
    assert all(style.hatch == "" for style in styles[:12])
    assert class_style(96) == class_style(0)


def test_sixty_four_unmatched_clusters_differ_the_first_sixteen_by_their_hatch() -> None:
    styles = [unmatched_style(k) for k in range(64)]
    assert len({(style.colour, style.hatch) for style in styles}) == 64
    assert len({style.hatch for style in styles[:16]}) == 16
    for style in styles:
        red, green, blue = to_rgb(style.colour)
        assert red == green == blue
        assert style.hatch


def test_no_two_kinds_of_fill_coincide() -> None:
    classes = {class_style(k) for k in range(96)}
    unmatched = {unmatched_style(k) for k in range(64)}
    assert not classes & unmatched
    assert UNLABELLED_STYLE not in classes | unmatched


def test_every_hatch_shows_on_its_fill() -> None:
    for style in [*map(class_style, range(96)), *map(unmatched_style, range(64))]:
        fill, lines = (cielab(c, np.eye(3))[0] for c in (style.colour, style.hatch_colour))
        assert abs(fill - lines) > 40, style

"""Stick figures of poses on disk: in the frame of the body, whatever its place and heading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asot.data import DatasetFolder
from asot.inputs.extract import extract
from asot.inputs.find import find_inputs
from asot.inputs.poses.egocentric import bodies
from asot.inputs.series.signals import Series
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.page.poses import PoseView
from asot.progress import silent
from asot.runs.stick_figures import in_frame, stick_figure

BODY = np.array([[0, -30], [-8, -10], [8, -10], [0, 48.0]])  # facing up, its middle at 0
NAMES = ("nose", "left_ear", "right_ear", "tailbase")


def series_of(places: np.ndarray, names: tuple[str, ...] = NAMES) -> Series:
    axes = "xyz"[: places.shape[2]]
    columns = tuple(f"{name}.{axis}" for name in names for axis in axes)
    return Series(places.reshape(len(places), -1), columns, np.arange(len(places) + 1) / 30)


def test_a_body_faces_up_wherever_it_is(rng: np.random.Generator) -> None:
    turn = np.full(90, rng.uniform(-np.pi, np.pi))
    middle = rng.uniform(0, 500, size=2) + np.zeros((90, 2))
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y = BODY.T
    places = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1) + middle[:, None]
    series = series_of(places)
    points, path = in_frame(series, bodies(series), True)
    about = BODY - BODY.mean(axis=0)
    np.testing.assert_allclose(points, np.broadcast_to(about, points.shape), atol=1e-9)
    # Put back into the scene, the points are where they were.
    cosine, sine = np.cos(path[:, 2])[:, None], np.sin(path[:, 2])[:, None]
    u, v = points[..., 0], points[..., 1]
    back = np.stack([cosine * u - sine * v, sine * u + cosine * v], axis=-1) + path[:, None, :2]
    np.testing.assert_allclose(back, places, atol=1e-9)


def test_the_frame_does_not_shake_with_the_tracker(rng: np.random.Generator) -> None:
    still = series_of(BODY + rng.normal(0, 1, size=(300, 4, 2)))
    _, path = in_frame(still, bodies(still), True)
    assert path[:, :2].std(axis=0).max() < 0.25
    assert path[:, 2].std() < 0.02


def test_a_body_is_not_turned_where_features_are_not() -> None:
    series = series_of(np.tile(BODY[:, ::-1], (30, 1, 1)))
    points, path = in_frame(series, bodies(series), False)
    np.testing.assert_allclose(points[0], BODY[:, ::-1] - BODY[:, ::-1].mean(axis=0))
    assert not path[:, 2].any()


@pytest.mark.parametrize("up", [1, -1])
@pytest.mark.parametrize("axis", [1, 2])
def test_in_space_the_head_is_above_the_feet(axis: int, up: int) -> None:
    place = np.zeros((3, 3))
    place[:, axis] = [up * 1.7, up * 0.9, 0.0]
    series = series_of(np.tile(place, (30, 1, 1)), ("head", "left_hip", "left_ankle"))
    points, _ = in_frame(series, bodies(series, ("left_hip", "left_ankle")), False)
    assert points[0, 0, 1] < points[0, 1, 1] < points[0, 2, 1]
    np.testing.assert_allclose(np.diff(points[0, :, 1]), [0.8, 0.9], rtol=1e-6)


def test_in_space_a_body_stays_in_the_middle_however_far_it_goes(rng: np.random.Generator) -> None:
    person = np.array([[0, 0, 1.7], [0.2, 0, 0.9], [0, 0, 0.0]])
    away = np.linspace(0, 1, 300)[:, None] * [*rng.uniform(-40, 40, 2), 0]
    series = series_of(person + away[:, None], ("head", "left_hip", "left_ankle"))
    points, path = in_frame(series, bodies(series), False)
    assert np.abs(points.mean(axis=1)).max() < 1
    assert np.ptp(path[:, :2], axis=0).max() > 0


def figure_of(header: str, row: str, folder: Path) -> PoseView:
    path = folder / "m" / "mouse.csv"
    path.parent.mkdir()
    path.write_text(header + "".join(f"{i},{row.format(i=i)}\n" for i in range(90)))
    settings = SeriesSettings(kind="pose", rate=60.0)
    extract(find_inputs([path]), folder / "data", VideoSettings(), settings, silent)
    found = stick_figure(DatasetFolder(folder / "data").recordings()[0])
    assert found is not None
    return found


def test_a_figure_of_extracted_poses(tmp_path: Path) -> None:
    header = "bodyparts,nose,nose,ear_left,ear_left,tailbase,tailbase\ncoords,x,y,x,y,x,y\n"
    found = figure_of(header, "{i},10,{i},15,{i},40", tmp_path)
    assert (found.rate, found.names) == (30.0, ("nose", "ear_left", "tailbase"))
    assert (found.colours, found.guessed) == ((0, 1, 0), True)
    assert found.edges == ((0, 1), (1, 2))
    assert found.points.shape == (45, 3, 2)
    # Without the points, the signals at the rate of the features do.
    (tmp_path / "data" / "points" / "mouse.npy").unlink()
    again = stick_figure(DatasetFolder(tmp_path / "data").recordings()[0])
    assert again is not None
    assert again.rate == pytest.approx(10.0)


def test_a_figure_of_two_individuals(tmp_path: Path) -> None:
    points = "".join(f",{name}" * 2 for name in ("nose", "hip", "tail")) * 2
    header = f"individuals{',m1' * 6}{',m2' * 6}\nbodyparts{points}\ncoords{',x,y' * 6}\n"
    one = "{i},10,{i},20,{i},30"
    found = figure_of(header, f"{one},{one.replace('{i}', '-5')}", tmp_path)
    assert found.names[:2] == ("m1 nose", "m1 hip")
    assert found.colours == (3, 3, 3, 4, 4, 4)
    assert found.edges == ((0, 1), (1, 2), (3, 4), (4, 5))
    assert found.several
    assert not found.path[:, 2].any()

"""Tables of poses that are not as their tracker wrote them, and sensor logs that look like them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.errors import DataError
from asot.inputs.poses.headers import doubt
from asot.inputs.poses.read import kind_of, read_pose
from asot.inputs.series.extraction import SeriesExtractor
from asot.inputs.series.signals import Series
from asot.inputs.settings import SeriesSettings

pandas = pytest.importorskip("pandas")
POINTS = ("nose", "spine", "tailbase")
FRAMES = 24
TAKEN = "Taken for poses by the names of its columns, with the points "


@pytest.fixture
def places(rng: np.random.Generator) -> np.ndarray:
    """Where the points are: (frames, points, xy)."""
    return np.cumsum(rng.normal(size=(FRAMES, len(POINTS), 2)), axis=0) + 300


def stacked(
    places: np.ndarray,
    parts: tuple[str, ...] = ("x", "y", "likelihood"),
    individuals: tuple[str, ...] = (),
    shift: float = 100.0,
) -> Any:
    """DeepLabCut's table; individuals are side by side."""
    columns, values = [], []
    for number, owner in enumerate(individuals or ("",)):
        for point, place in zip(POINTS, places.transpose(1, 2, 0), strict=True):
            for part in parts:
                columns.append(tuple(filter(None, ("DLC_net", owner, point, part))))
                of_part = {"x": place[0] + shift * number, "y": place[1]}
                values.append(of_part.get(part, np.full(FRAMES, 0.9)))
    names = ["scorer", *["individuals"] * bool(individuals), "bodyparts", "coords"]
    index = pandas.MultiIndex.from_tuples(columns, names=names)
    return pandas.DataFrame(np.array(values).T, columns=index)


def flat(places: np.ndarray, name: Callable[[str, str], str], **others: Any) -> Any:
    """One line of header: ``name`` makes it of a point and x, y or likelihood."""
    table = stacked(places)
    table.columns = [name(*key[1:]) for key in table.columns]
    for place, (title, values) in enumerate(others.items()):
        table.insert(place, title, values)
    return table


def read(path: Path, text: str | Any, **settings: Any) -> tuple[str, Series]:
    if isinstance(text, str):
        path.write_text(text)
    else:
        text.to_csv(path, index=False)
    rate = {"rate": 30.0, **settings}
    return SeriesExtractor(SeriesSettings(**rate)).read(path)


def require_places(series: Series, places: np.ndarray, names: tuple[str, ...] = POINTS) -> None:
    assert series.columns == tuple(f"{name}.{axis}" for name in names for axis in "xy")
    np.testing.assert_allclose(series.values, places.reshape(FRAMES, -1), rtol=1e-9)


STACKED: dict[str, Callable[[Any], str]] = {
    "as DeepLabCut": lambda t: t.to_csv(),
    "no scorer": lambda t: t.droplevel("scorer", axis=1).to_csv(),
    "first cells blank": lambda t: t.rename_axis(columns=[None, None, None]).to_csv(),
    "scorer blank": lambda t: t.to_csv().replace("scorer,", ",", 1),
    "another word": lambda t: t.to_csv().replace("scorer,", "model,", 1),
    "other case": lambda t: (
        t.to_csv().replace("scorer", "Scorer").replace("coords,x,y,like", "Coords,X,Y,Like")
    ),
    "no index": lambda t: t.to_csv(index=False),
    "index with a name": lambda t: t.rename_axis("frame").to_csv(),
    "spreadsheet": lambda t: t.to_csv(sep=";", decimal=","),
    "merged cells": lambda t: (
        t.to_csv()
        .replace("DLC_net," * 8, "DLC_net" + 8 * ",", 1)
        .replace("nose,nose,nose", "nose,,")
    ),
    "numbered": lambda t: t.to_csv().replace("nose,nose,nose", "nose,nose.1,nose.2"),
    "a second index": lambda t: "".join(
        f"{'' if i < 3 else i - 3},{line}\n" for i, line in enumerate(t.to_csv().splitlines())
    ),
    "a remark": lambda t: "# tracked on Monday\n" + t.to_csv(),
    "ends of lines": lambda t: t.to_csv().replace("\n", ",,\n"),
    "byte-order mark": lambda t: "\ufeff" + t.to_csv(),
}


@pytest.mark.parametrize("how", STACKED)
def test_headers_of_several_lines(how: str, tmp_path: Path, places: np.ndarray) -> None:
    kind, series = read(tmp_path / "m.csv", STACKED[how](stacked(places)))
    assert kind == "pose"
    require_places(series, places)
    assert series.remarks == ()


def test_a_column_that_someone_added_is_left_out(tmp_path: Path, places: np.ndarray) -> None:
    table = stacked(places)
    table["behaviour", "", ""] = 1.0
    for text in (table.to_csv(), table.reset_index().to_csv()):
        kind, series = read(tmp_path / "m.csv", text)
        assert kind == "pose"
        require_places(series, places)
        assert series.remarks == ("Left out, as no part of a point: 'behaviour'.",)


@pytest.mark.parametrize("without", ["", "scorer", "names"])
def test_individuals_in_headers_of_several_lines(
    without: str, tmp_path: Path, places: np.ndarray
) -> None:
    table = stacked(places, individuals=("m1", "m2"))
    if without == "scorer":
        table = table.droplevel("scorer", axis=1)
    elif without == "names":
        table = table.rename_axis(columns=[None] * 4)
    kind, series = read(tmp_path / "m.csv", table.to_csv())
    assert kind == "pose"
    assert series.columns[:2] == ("m1.nose.x", "m1.nose.y")
    np.testing.assert_allclose(series.values[:, :6], places.reshape(FRAMES, -1))
    np.testing.assert_allclose(series.values[:, 6::2] - 100, series.values[:, 0:6:2])


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (("x", "y"), ""),
        (("x", "y", "score"), ""),
        (("x", "y", "likelihood", "x_ens_median", "y_ens_var"), "'x_ens_median', 'y_ens_var'"),
    ],
)
def test_other_parts_of_points(
    parts: tuple[str, ...], said: str, tmp_path: Path, places: np.ndarray
) -> None:
    kind, series = read(tmp_path / "m.csv", stacked(places, parts).to_csv())
    assert kind == "pose"
    require_places(series, places)
    assert said in " ".join(series.remarks)


NAMES: dict[str, Callable[[str, str], str]] = {
    "underscore": lambda point, part: f"{point}_{part}",
    "space": lambda point, part: f"{point} {part}",
    "dot": lambda point, part: f"{point}.{part}",
    "before": lambda point, part: f"{part}_{point}",
    "capital": lambda point, part: f"{point}_{part.upper()}",
    "camel": lambda point, part: f"{point}{part.capitalize()}",
    "scorer": lambda point, part: f"DLC_resnet50_aJan1shuffle1_100000_{point}_{part}",
    "tuple": lambda point, part: str(("DLC", point, part)),
    "unit": lambda point, part: f"{point}_{part} (px)" if part in "xy" else f"{point}_{part}",
    "confidence": lambda point, part: f"{point}_{part.replace('likelihood', 'conf')}",
    "score": lambda point, part: f"{point}_{part.replace('likelihood', 'score')}",
    "run on": lambda point, part: f"{point}{part}",
    "letter": lambda point, part: f"{point}_{part.replace('likelihood', 'p')}",
}


@pytest.mark.parametrize("index", ["frame", "Frame Number", "bodyparts", "", None])
@pytest.mark.parametrize("how", NAMES)
def test_headers_of_one_line(
    how: str, index: str | None, tmp_path: Path, places: np.ndarray
) -> None:
    others = {} if index is None else {index: np.arange(FRAMES) + 30}
    kind, series = read(tmp_path / "m.csv", flat(places, NAMES[how], **others))
    assert kind == "pose"
    require_places(series, places)
    assert series.times[0] == (0.0 if index is None else 1.0)
    assert series.remarks == (
        f"{TAKEN}'nose', 'spine', 'tailbase': if they are signals, say --kind series.",
    )
    kind, series = read(tmp_path / "m.csv", flat(places, NAMES[how], **others), kind="series")
    assert kind == "series"


def test_a_clock_gives_the_times_of_frames(tmp_path: Path, places: np.ndarray) -> None:
    clock = 5 + np.arange(FRAMES) / 25
    table = flat(places, NAMES["underscore"], time=clock, frame=np.arange(FRAMES))
    kind, series = read(tmp_path / "m.csv", table, rate=None)
    assert kind == "pose"
    require_places(series, places)
    np.testing.assert_allclose(series.times, 5 + np.arange(FRAMES + 1) / 25)
    kind, series = read(tmp_path / "m.csv", table.drop(index=[3, 4]), rate=None)
    np.testing.assert_allclose(series.times, 5 + np.arange(FRAMES + 1) / 25)
    between = places[2, 0] + np.array([1, 2])[:, None] / 3 * (places[5, 0] - places[2, 0])
    np.testing.assert_allclose(series.values[3:5, :2], between)


def test_points_without_confidences(tmp_path: Path, places: np.ndarray) -> None:
    table = flat(places, NAMES["underscore"]).filter(regex="_[xy]$")
    kind, series = read(tmp_path / "m.csv", table)
    assert kind == "series"
    points = "'nose', 'spine', 'tailbase'"
    doubt = f"Taken for signals; if {points} are points with x and y, say --kind pose."
    assert series.remarks[-1] == doubt
    kind, series = read(tmp_path / "m.csv", table, kind="pose")
    assert kind == "pose"
    require_places(series, places)
    table.insert(0, "frame", np.arange(FRAMES))
    kind, series = read(tmp_path / "m.csv", table)
    assert kind == "pose"
    require_places(series, places)


def test_anipose(tmp_path: Path, places: np.ndarray) -> None:
    table = flat(places, NAMES["score"])
    for point in POINTS:
        table[f"{point}_z"], table[f"{point}_error"], table[f"{point}_ncams"] = 1.5, 0.2, 3
    for name in ("M_00", "M_01", "center_0"):
        table[name] = 0.0
    table["fnum"] = np.arange(FRAMES) + 3
    kind, series = read(tmp_path / "m.csv", table)
    assert kind == "pose"
    assert series.columns[:3] == ("nose.x", "nose.y", "nose.z")
    assert len(series.columns) == 9
    np.testing.assert_allclose(series.values[:, 3:5], places[:, 1])
    assert series.times[0] == 0.1
    assert len(series.remarks) == 1


def test_numbered_points_and_points_in_the_corner(tmp_path: Path, rng: np.random.Generator) -> None:
    points = rng.uniform(1, 500, size=(FRAMES, 25, 2))
    scores = rng.uniform(0.2, 1, size=(FRAMES, 25))
    points[4, 7], scores[4, 7] = 0, 0
    columns = {f"{axis}{k}": points[:, k, i] for k in range(25) for i, axis in enumerate("xy")}
    columns |= {f"c{k}": scores[:, k] for k in range(25)}
    kind, series = read(tmp_path / "m.csv", pandas.DataFrame(columns))
    assert kind == "pose"
    assert series.columns[14:16] == ("7.x", "7.y")
    np.testing.assert_allclose(series.values[4, 14:16], (points[3, 7] + points[5, 7]) / 2)
    np.testing.assert_allclose(series.values[:, :14], points[:, :7].reshape(FRAMES, -1))


@pytest.mark.parametrize("how", ["simba", "mouse", "tuple", "rows"])
def test_individuals_in_headers_of_one_line(how: str, tmp_path: Path, places: np.ndarray) -> None:
    parts = ("x", "y", "p") if how == "simba" else ("x", "y", "likelihood")
    table = stacked(places, parts, individuals=("mouse1", "mouse2"))
    if how == "rows":
        names = flat(places, NAMES["dot"], track="mouse1", frame=np.arange(FRAMES))
        other = names.assign(track="mouse2", **{f"{p}.x": names[f"{p}.x"] + 100 for p in POINTS})
        table = pandas.concat([names, other])
    else:
        form = {"simba": "{2}_{1[5]}_{3}", "mouse": "{1}_{2}_{3}", "tuple": "{}"}[how]
        table.columns = [form.format(*[key] * (how == "tuple"), *key) for key in table.columns]
    kind, series = read(tmp_path / "m.csv", table)
    assert kind == "pose"
    owner = "1" if how == "simba" else "mouse1"
    assert series.columns[:2] == (f"{owner}.nose.x", f"{owner}.nose.y")
    np.testing.assert_allclose(series.values[:, :6], places.reshape(FRAMES, -1))
    np.testing.assert_allclose(series.values[:, 6], places[:, 0, 0] + 100)


def test_individuals_that_are_points(tmp_path: Path, places: np.ndarray) -> None:
    tables = [
        pandas.DataFrame({"frame": range(FRAMES), "id": i, "X": place[:, 0], "Y": place[:, 1]})
        for i, place in enumerate(places.transpose(1, 0, 2))
    ]
    kind, series = read(tmp_path / "m.csv", pandas.concat(tables).rename(columns={"id": "track"}))
    assert kind == "pose"
    assert series.columns[:2] == ("0.point.x", "0.point.y")
    np.testing.assert_allclose(series.values, places.reshape(FRAMES, -1))
    with pytest.raises(DataError, match="two rows for frame 0: keep one of them, or tell animals"):
        read(tmp_path / "m.csv", pandas.concat(tables).drop(columns="id"), kind="pose")


SENSORS = {
    "one": "ax ay az",
    "two": "acc_x acc_y acc_z gyro_x gyro_y gyro_z",
    "words": "Accelerometer_X Accelerometer_Y Gyroscope_X Gyroscope_Y",
    "places on the body": "back_x back_y back_z thigh_x thigh_y thigh_z",
    "sensors on the body": "left_wrist_acc_x left_wrist_acc_y right_wrist_acc_x right_wrist_acc_y",
    "axes alone": "x y z",
    "gaze": "gaze_1_x gaze_1_y gaze_1_confidence gaze_2_x gaze_2_y gaze_2_confidence",
    "free": "FreeAccX FreeAccY MagX MagY",
    "accuracy": "hand_x hand_y hand_z hand_accuracy foot_x foot_y foot_z foot_accuracy",
    "currents": "x1 y1 c1 x2 y2 c2",
    "cursor": "mouse_x mouse_y",
}


@pytest.mark.parametrize("clock", ["time", "frame"])
@pytest.mark.parametrize("how", SENSORS)
def test_sensors_are_no_points(
    how: str, clock: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    names = SENSORS[how].split()
    if (how, clock) == ("currents", "frame"):
        pytest.skip("points in the plane, by the numbers of frames")
    table = pandas.DataFrame(5 * rng.normal(size=(FRAMES, len(names))), columns=names)
    table.insert(0, clock, np.arange(FRAMES) / (50 if clock == "time" else 1))
    kind, series = read(tmp_path / "log.csv", table, rate=None if clock == "time" else 50.0)
    assert kind == "series"
    assert series.columns == tuple(names)
    doubted = " ".join(series.remarks).count("--kind pose")
    assert doubted == (1 if how == "currents" else 0)


def test_sensors_with_a_header_of_two_lines_are_no_points(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for head in ("acc,acc,acc,gyro,gyro,gyro\nx,y,z,x,y,z\n", "Monday's log\ntime,x,y,z,u,v\n"):
        (tmp_path / "log.csv").write_text(head + "0,1,2,3,4,5\n1,2,3,4,5,6\n")
        assert kind_of(tmp_path / "log.csv") == "series"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("frame,bodypart,x,y\n0,nose,1,2\n0,tail,1,2\n", "has a row for each point: save a row"),
        (
            "frame_idx,inst0.track,inst0.nose.x,inst0.nose.y,inst1.track,inst1.nose.x,inst1.nose.y\n"
            "0,a,1,2,b,3,4\n",
            "has columns for each instance, which may be another animal in each frame",
        ),
        (
            "scorer,D,D,D\nbodyparts,a_b,a_b,a_b\ncoords,length,orientation,likelihood\n0,1,2,.9\n",
            "line 1: begins like DeepLabCut's ('scorer'), but has no line 'bodyparts, coords' with",
        ),
        ("scorer,bodyparts,coords,0,1\nD,nose,x,1,2\nD,nose,y,1,2\n", "begins like DeepLabCut's"),
        (
            "frame,a_x,a_y,a_y,a_likelihood\n0,1,2,2,.9\n",
            "has two columns 'a_y': rename or remove one, or say --kind series",
        ),
        ("bodyparts,nose,tail\n0,1,2\n1,2,3\n", "begins like DeepLabCut's ('bodyparts')"),
    ],
)  # fmt: skip
def test_tables_that_are_refused_by_their_header(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        kind_of(tmp_path / "m.csv")
    assert says in str(caught.value)
    assert kind_of(tmp_path / "m.csv", "series") == "series"


def test_images_that_follow_each_other_are_frames(tmp_path: Path, places: np.ndarray) -> None:
    table = stacked(places)
    table.index = [f"labeled-data/day 1/img{i:04}.png" for i in range(FRAMES)]
    kind, series = read(tmp_path / "m.csv", table.to_csv())
    assert kind == "pose"
    require_places(series, places)
    assert series.remarks == ("The numbers of frames were taken from the names of images.",)
    table.index = [f"labeled-data/day 1/img{i * i:04}.png" for i in range(FRAMES)]
    with pytest.raises(DataError, match="is not a frame number: labelled images are not a recor"):
        read(tmp_path / "m.csv", table.to_csv())


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (np.nan, "Its confidences are all missing, so all of its points count as sure."),
        (90.0, "Its confidences go up to 90, and not to 1: they were taken for percent."),
        (250.0, "Its confidences go up to 250, and not to 1: all of its points count as sure."),
    ],
)
def test_confidences_that_are_none(
    scores: float, said: str, tmp_path: Path, places: np.ndarray
) -> None:
    table = stacked(places)
    table.loc[:, [key[-1] == "likelihood" for key in table.columns]] = scores
    _, series = read(tmp_path / "m.csv", table.to_csv())
    require_places(series, places)
    assert series.remarks == (said,)


def test_no_confidence_at_all_has_a_cure(tmp_path: Path, places: np.ndarray) -> None:
    table = stacked(places - 300)  # some coordinates are negative
    table.loc[:, [key[-1] == "likelihood" for key in table.columns]] = 0.0
    with pytest.raises(
        DataError, match=r"all are missing or below .* 0\.6; --min_confidence 0 take"
    ):
        read(tmp_path / "m.csv", table.to_csv())
    _, series = read(tmp_path / "m.csv", table.to_csv(), min_confidence=0)
    require_places(series, places - 300)


def test_a_point_that_was_asked_for_must_be_seen(tmp_path: Path, places: np.ndarray) -> None:
    table = stacked(places)
    table[("DLC_net", "spine", "likelihood")] = 0.1
    with pytest.raises(DataError, match="holds no place of 'spine', which was asked for"):
        read(tmp_path / "m.csv", table.to_csv(), columns=["nose", "spine"])


@pytest.mark.parametrize("how", ["plain", "stacked"])
def test_parquet(how: str, tmp_path: Path, places: np.ndarray) -> None:
    pytest.importorskip("pyarrow")
    table = stacked(places) if how == "stacked" else flat(places, NAMES["underscore"])
    table.to_parquet(tmp_path / "m.parquet")
    kind, series = SeriesExtractor(SeriesSettings(rate=30.0)).read(tmp_path / "m.parquet")
    assert kind == "pose"
    require_places(series, places)


@pytest.mark.parametrize("form", ["table", "fixed"])
@pytest.mark.parametrize("how", ["key", "no scorer", "no names", "index with a name", "flat"])
def test_hdf5_that_pandas_saved_again(
    how: str, form: str, tmp_path: Path, places: np.ndarray
) -> None:
    pytest.importorskip("tables")
    table = stacked(places)
    if how == "no scorer":
        table = table.droplevel("scorer", axis=1)
    elif how == "no names":
        table = table.rename_axis(columns=[None] * 3)
    elif how == "index with a name":
        table = table.rename_axis("frame")
    elif how == "flat":
        table = flat(places, NAMES["underscore"])
    table.to_hdf(tmp_path / "m.h5", key="deep/poses", format=form, mode="w")
    require_places(read_pose(tmp_path / "m.h5", rate=30), places)


def write_nwb(path: Path, places: np.ndarray, times: np.ndarray | None, late: float = 0.0) -> None:
    """What ndx-pose writes, as far as it matters."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.8.0"
        group = file.create_group("processing/behavior/PoseEstimation")
        group.attrs["neurodata_type"] = "PoseEstimation"
        group["source_software"] = "DeepLabCut"
        for i, point in enumerate(POINTS):
            series = group.create_group(f"PoseEstimationSeries{point}")
            series.attrs["neurodata_type"] = "PoseEstimationSeries"
            series["data"], series["confidence"] = places[:, i], np.full(FRAMES, 0.9)
            if times is None:
                series["starting_time"] = 2.5
                series["starting_time"].attrs["rate"] = 30.0
            elif i and not late:
                series["timestamps"] = h5py.SoftLink(
                    f"{group.name}/PoseEstimationSeriesnose/timestamps"
                )
            else:
                series["timestamps"] = times + i * late


def test_nwb(tmp_path: Path, places: np.ndarray, rng: np.random.Generator) -> None:
    path = tmp_path / "m.nwb"
    write_nwb(path, places, None)
    assert kind_of(path) == "pose"
    poses = read_pose(path, rate=None)
    require_places(poses, places)
    np.testing.assert_allclose(poses.times, 2.5 + np.arange(FRAMES + 1) / 30)
    times = np.cumsum(rng.uniform(0.1, 0.3, size=FRAMES))
    write_nwb(path, places, times)
    poses = read_pose(path, rate=None)
    require_places(poses, places)
    np.testing.assert_array_equal(poses.times[:-1], times)
    write_nwb(path, places, times, late=1.0)
    with pytest.raises(DataError, match="at different times: export it as CSV"):
        read_pose(path, rate=None)
    write_nwb(path, places, times[::-1])
    with pytest.raises(DataError, match="times that do not rise"):
        read_pose(path, rate=None)


def test_nwb_without_poses(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.8.0"
    with pytest.raises(DataError, match="holds no poses"):
        read_pose(tmp_path / "m.nwb", rate=None)


def test_kinds_that_a_file_cannot_be(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    for name, kind in (("a.npy", "pose"), ("a.h5", "series")):
        with pytest.raises(DataError, match=f"leave out --kind {kind}"):
            kind_of(tmp_path / name, kind)


def test_few_points_in_space_are_not_doubted() -> None:
    assert doubt([f"{point}_{axis}" for point in "abcd" for axis in "xyz"]) == ""
    many = doubt([f"{point}_{axis}" for point in "abcde" for axis in "xyz"])
    assert many.startswith("Taken for signals; if 'a', 'b', 'c', 'd', 'e' are points")
    assert "'likelihood 1' may be of a tracker" in doubt(["left", "likelihood 1"])

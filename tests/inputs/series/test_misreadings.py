"""Tables that were once read wrongly without a word, each with the right values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from asot.errors import DataError
from asot.inputs.poses.read import find_poses, read_pose
from asot.inputs.series.signals import Series
from asot.inputs.series.tables import read_series

pytest.importorskip("pandas")

N = 60
NOON = datetime(2024, 5, 31, 12)
X = [f"{np.sin(row / 5):.4f}" for row in range(N)]


def dates(form: str, step: float, since: datetime = NOON) -> list[str]:
    return [(since + timedelta(seconds=step * row)).strftime(form) for row in range(N)]


def write(path: Path, head: str, *columns: Sequence[object], separator: str = ",") -> Path:
    lines = [separator.join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([*filter(None, [head]), *lines, ""]))
    return path


def said(series: Series) -> str:
    return " ".join(series.remarks)


@pytest.mark.parametrize(
    ("form", "step"),
    [
        ("%Y%m%d", 86400),
        ("%Y%m%d%H", 3600),
        ("%Y%m%d%H%M", 60),
        ("%Y%m%d%H%M", 600),
        ("%y%m%d%H%M%S", 1),
    ],
)
def test_dates_in_digits_are_no_counts(form: str, step: float, tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "time,x", dates(form, step), X)
    series = read_series(path)
    np.testing.assert_allclose(series.times, np.arange(N + 1) * step)
    start = "2024-05-31T00:00:00+00:00" if step == 86400 else "2024-05-31T12:00:00+00:00"
    assert series.start == start
    assert "were read as dates" in said(series)


def test_counts_that_begin_like_a_date_are_none(tmp_path: Path) -> None:
    for step in (10, 10_000):  # ms, and us, since the logger started
        counts = [20240501 + step * row for row in range(N)]
        series = read_series(write(tmp_path / "log.csv", "time,x", counts, X))
        assert series.rate == pytest.approx(100)
        assert "--time_unit" in said(series)


def test_times_of_hours_and_minutes_in_digits(tmp_path: Path) -> None:
    times = [int(one) for one in dates("%H%M", 300, NOON.replace(hour=8))]
    series = read_series(write(tmp_path / "log.csv", "time,x", times, X))
    np.testing.assert_allclose(np.diff(series.times), 300)
    assert "(HHMM)" in said(series)


@pytest.mark.parametrize("hours", [3, 6, 8, 12])
def test_rows_hours_apart_do_not_pass_midnight_each_time(hours: int, tmp_path: Path) -> None:
    times = dates("%Y-%m-%d %H:%M:%S", 3600 * hours)
    series = read_series(write(tmp_path / "log.csv", "time,x", times, X))
    np.testing.assert_allclose(series.times, np.arange(N + 1) * 3600 * hours)
    assert series.remarks == ()


def test_years_of_two_digits_come_last(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "time,x", dates("%d.%m.%y %H:%M:%S", 1), X)
    assert read_series(path).start == "2024-05-31T12:00:00+00:00"


@pytest.mark.parametrize("mark", [":", "."])
def test_milliseconds_without_their_zeros(mark: str, tmp_path: Path) -> None:
    times = [f"12:00:{row * 50 // 1000:02d}{mark}{row * 50 % 1000}" for row in range(N)]
    series = read_series(write(tmp_path / "log.csv", "time,x", times, X))
    np.testing.assert_allclose(np.diff(series.times), 0.05)
    assert "milliseconds" in said(series)


def test_fractions_of_several_lengths_stay_fractions(tmp_path: Path) -> None:
    parts = ["0", "25", "500", "75"]
    times = [f"12:00:{row // 4:02d}.{parts[row % 4]}" for row in range(N)]
    series = read_series(write(tmp_path / "log.csv", "time,x", times, X))
    np.testing.assert_allclose(np.diff(series.times), 0.25)


def test_the_rate_of_rounded_times(tmp_path: Path) -> None:
    times = [f"{row / 30:.2f}" for row in range(N)]
    assert read_series(write(tmp_path / "log.csv", "time,x", times, X)).rate == pytest.approx(
        30, rel=0.005
    )


@pytest.mark.parametrize(
    ("head", "times", "step"),
    [
        ("Recording timestamp [ms],x", [20 * row for row in range(N)], 0.02),
        ("gaze_timestamp,x", [f"{2345 + row / 100:.2f}" for row in range(N)], 0.01),
        ("Trial time,x", [f"{row / 25:.2f}" for row in range(N)], 0.04),
        ("attr_time,x", [1435988259000 + 20 * row for row in range(N)], 0.02),
        ("min,x", [f"{row / 6000:.8f}" for row in range(N)], 0.01),
        ("MESS_DATUM,x", dates("%Y%m%d%H%M", 600), 600),
    ],
)
def test_a_column_that_rises_and_is_called_like_times(
    head: str, times: list[str], step: float, tmp_path: Path
) -> None:
    series = read_series(write(tmp_path / "log.csv", head, times, X))
    np.testing.assert_allclose(np.diff(series.times), step, rtol=1e-3)
    assert series.columns == ("x",)
    assert "was taken for the times of the rows" in said(series)


@pytest.mark.parametrize(
    "head",
    ["reaction_time,x", "onset_time,x", "Time (1/100 s),x", "time_days,x", "SampleTimeFine,x"],
)
def test_others_that_rise_are_no_clock(head: str, tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", head, [10 * row for row in range(N)], X)
    with pytest.raises(DataError, match="does not say when its rows were measured"):
        read_series(path)


def test_seconds_and_their_fractions_in_two_columns(tmp_path: Path) -> None:
    seconds = [1717156800 + row * 2 // 5 for row in range(N)]
    fractions = [row * 400 % 1000 for row in range(N)]
    for head, unit in (("header.stamp.secs,header.stamp.nsecs,x", 10**6), ("time,Millis,x", 1)):
        path = write(tmp_path / "log.csv", head, seconds, [unit * one for one in fractions], X)
        series = read_series(path)
        np.testing.assert_allclose(np.diff(series.times), 0.4, rtol=1e-5)
        assert series.columns == ("x",)
        assert "fractions of the seconds" in said(series)


def test_clocks_side_by_side_are_told_apart(tmp_path: Path) -> None:
    slow, fast = ([f"{row / rate:.3f}" for row in range(N)] for rate in (10, 100))
    path = write(tmp_path / "log.csv", "Time (s),x,Time (s),y", slow, X, fast, X)
    with pytest.raises(DataError, match="two clocks"):
        read_series(path)
    runs = write(tmp_path / "runs.csv", "Run 1: Time (s),x,Run 2: Time (s),y", slow, X, fast, X)
    with pytest.raises(DataError, match="does not say when"):
        read_series(runs)
    head = "EMG time,x,ACC time,y"
    with pytest.raises(DataError, match="does not say when"):
        read_series(write(tmp_path / "kinds.csv", head, slow, X, fast, X))
    same = write(tmp_path / "same.csv", "Time (s),x,Time (s),y", slow, X, slow, X)
    assert read_series(same).columns == ("x", "y")


@pytest.mark.parametrize("form", ["%H:%M:%S.%f", "%Y-%m-%d,%H:%M:%S.%f"])
def test_times_without_a_header(form: str, tmp_path: Path) -> None:
    series = read_series(write(tmp_path / "log.csv", "", dates(form, 0.1), X))
    assert series.rate == pytest.approx(10)
    assert len(series.columns) == 1


@pytest.mark.parametrize("mark", [-999, -9999, 65535, 32767, "9.9e+37"])
def test_a_mark_of_missing_values_is_no_value(mark: object, tmp_path: Path) -> None:
    values = [mark if 20 < row < 25 else 20 + row % 3 for row in range(N)]
    times = [row / 10 for row in range(N)]
    series = read_series(write(tmp_path / "log.csv", "time,x,y", times, values, X))
    assert series.values[:, 0].max() == 22
    assert series.values[:, 0].min() == 20
    assert f"{mark} in column 'x', in 4 rows, was taken for missing" in said(series)


@pytest.mark.parametrize(("mark", "others"), [(9999, 9000), (32767, 30000), (5000, 1)])
def test_values_that_are_no_such_mark_stay(mark: int, others: int, tmp_path: Path) -> None:
    values = [mark if 20 < row < 25 else others + row * 7 % 300 for row in range(N)]
    times = [row / 10 for row in range(N)]
    series = read_series(write(tmp_path / "log.csv", "time,x", times, values))
    assert series.values.max() == mark
    assert series.remarks == ()


def test_a_number_that_tells_sensors_apart_is_said(tmp_path: Path) -> None:
    times = [row / 10 for row in range(N)]
    path = write(tmp_path / "log.csv", "time,node,x", times, [1 + row % 2 for row in range(N)], X)
    assert "Column 'node' changes from row to row between '1', '2'" in said(read_series(path))


def test_labels_among_columns_without_names_are_said(tmp_path: Path) -> None:
    labels = [row // 60 for row in range(180)]
    values = [f"{np.sin(row):.4f}" for row in range(180)]
    series = read_series(write(tmp_path / "log.csv", "", values, values, labels), rate=50)
    assert "may hold labels or states: '3'" in said(series)


def test_columns_of_which_one_is_on_are_said(tmp_path: Path) -> None:
    on = [row // 30 for row in range(N)]
    columns = [row / 10 for row in range(N)], X, on, [1 - one for one in on]
    series = read_series(write(tmp_path / "log.csv", "time,x,walking,sitting", *columns))
    assert "may hold labels or states: 'walking', 'sitting'" in said(series)


@pytest.mark.parametrize("name", ["Label_Left", "label:SITTING", "gt", "y_true"])
def test_labels_by_other_names(name: str, tmp_path: Path) -> None:
    times = [row / 10 for row in range(N)]
    path = write(tmp_path / "log.csv", f"time,{name},x", times, [row // 30 for row in range(N)], X)
    assert read_series(path).columns == ("x",)


def test_short_counters_are_left_out(tmp_path: Path) -> None:
    head = "Frame,Sub Frame,take no,x"
    columns = [row // 5 for row in range(N)], [row % 5 for row in range(N)], [2] * N, X
    series = read_series(write(tmp_path / "log.csv", head, *columns), rate=100)
    assert series.columns == ("x",)


@pytest.mark.parametrize("head", ["time,y,x", "time,x,y,z", "t,force,angle", "time,Fx,Fy"])
def test_another_header_further_down_is_refused(head: str, tmp_path: Path) -> None:
    columns = [row / 10 for row in range(N)], X, X
    path = write(tmp_path / "log.csv", "time,x,y", *columns)
    later = write(tmp_path / "later.csv", head, *columns)
    path.write_text(path.read_text() + later.read_text())
    with pytest.raises(DataError, match=f"line {N + 2}: is the header of another table"):
        read_series(path)


def test_words_at_the_end_and_repeated_units_are_no_other_table(tmp_path: Path) -> None:
    times = [row / 10 for row in range(N)]
    path = write(tmp_path / "log.csv", "Time,force,angle\n(s),(N),(deg)", times, X, X)
    later = write(tmp_path / "later.csv", "(s),(N),(deg)", [6 + one for one in times], X, X)
    path.write_text(path.read_text() + later.read_text() + "checked,by,Jane\n")
    series = read_series(path)
    assert len(series.values) == 2 * N
    assert "2 lines" in said(series) or "1 line after it" in said(series)


def test_a_line_of_several_rows_is_named(tmp_path: Path) -> None:
    rows = [f"33,Jogging,{row},{x},{x},{x};" for row, x in enumerate(X)]
    path = tmp_path / "log.txt"
    path.write_text("\n".join(rows))
    series = read_series(path, rate=20)
    np.testing.assert_array_equal(series.values[:, -1], np.array(X, dtype=float))
    rows[30:33] = ["".join(rows[30:33])]
    path.write_text("\n".join(rows))
    with pytest.raises(DataError, match="line 31"):
        read_series(path, rate=20)


def test_lines_beneath_the_names_are_no_names(tmp_path: Path) -> None:
    units = "ms\tm/(s^2)\tm/(s^2)\tuS\t"
    head = f"stamp\tAccel X\tAccel Y\tGSR\t\n{units}"
    times = [1717156800000 + 20 * row for row in range(N)]
    columns = times, X, X, X, [""] * N
    path = write(tmp_path / "log.csv", head, *columns, separator="\t")
    assert read_series(path).columns == ("Accel X", "Accel Y", "GSR")
    head = "time,elapsed_time,lap,speed\nunix time,s,,m/s\n,,,gps"
    path = write(tmp_path / "car.csv", head, [one / 1000 for one in times], range(N), [1] * N, X)
    assert read_series(path).columns == ("speed",)


def test_pauses_and_uneven_rows_are_said(tmp_path: Path) -> None:
    times = np.arange(N) / 50 + np.arange(N) // 20 * 0.4
    series = read_series(write(tmp_path / "log.csv", "time,x", times.round(2), X))
    assert "No rows for 0.42 s" in said(series)
    times = np.cumsum(np.where(np.arange(N) < 30, 0.02, 0.1))
    series = read_series(write(tmp_path / "log.csv", "time,x", times.round(2), X))
    assert "come unevenly, 0.02 to 0.1 s apart" in said(series)


def test_points_that_may_divide_thousands_in_all_cells_are_said(tmp_path: Path) -> None:
    values = [f"{15 + row % 7}.{100 + row * 13 % 900}" for row in range(N)]
    path = write(tmp_path / "log.csv", "time_s;x", range(N), values, separator=";")
    assert "It is in doubt whether '15.100'" in said(read_series(path))
    times = [f"{row / 10:.1f}" for row in range(N)]
    path = write(tmp_path / "sure.csv", "time_s;x", times, values, separator=";")
    assert read_series(path).remarks == ()


def test_points_in_the_corner_were_not_seen(tmp_path: Path) -> None:
    nose = [0 if 20 < row < 25 else 100 + row for row in range(N)]
    head = "frame,nose_x,nose_y,tail_x,tail_y"
    path = write(tmp_path / "pose.csv", head, range(N), nose, nose, range(5, N + 5), range(N))
    poses = read_pose(path, rate=25)
    np.testing.assert_allclose(poses.values[:, 0], np.arange(N) + 100)
    np.testing.assert_allclose(poses.values[:, 3], np.arange(N))  # 0 in one direction alone
    assert "'nose' at 0 were taken for points not seen" in " ".join(poses.remarks)


def test_rows_of_points_or_of_people_are_refused(tmp_path: Path) -> None:
    head = "frame,landmark_id,x,y,visibility"
    points = [row // 3 for row in range(N)], [row % 3 for row in range(N)], X, X, [1] * N
    with pytest.raises(DataError, match="a row for each point"):
        find_poses(write(tmp_path / "points.csv", head, *points))
    head = "image_id,idx,nose_x,nose_y,nose_score,hip_x,hip_y,hip_score"
    images = [f"{row // 2:04d}.jpg" for row in range(N)]
    columns = images, [1 + row % 2 for row in range(N)], X, X, [0.9] * N, X, X, [0.9] * N
    with pytest.raises(DataError, match="two rows for frame 0"):
        read_pose(write(tmp_path / "people.csv", head, *columns), rate=25)

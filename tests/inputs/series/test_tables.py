"""Tables as people have them: the libraries that wrote them are the oracle."""

from __future__ import annotations

import csv
import datetime
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import DataError, MissingExtraError
from asot.inputs.series.clocks import find_time_column, time_unit
from asot.inputs.series.signals import Series
from asot.inputs.series.tables import read_series

pandas = pytest.importorskip("pandas")


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@st.composite
def layouts(draw: st.DrawFn) -> tuple[bytes, np.ndarray, list[str]]:
    """A table in some dialect, with the values and the names that are in it."""
    separator, decimal = draw(st.sampled_from([(",", "."), ("\t", "."), ("\t", ","), (";", ",")]))
    n_rows, n_columns = draw(st.integers(2, 40)), draw(st.integers(1, 4))
    tenths = st.integers(-10_000, 10_000).map(lambda value: value / 16)
    flat = draw(st.lists(tenths, min_size=n_rows * n_columns, max_size=n_rows * n_columns))
    values = np.array(flat).reshape(n_rows, n_columns)
    names = [f"signal {i} (°/s)" for i in range(n_columns)]
    buffer = io.StringIO()
    if draw(st.booleans()):
        buffer.write("# made by a logger, version 2; see the manual\n")
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(buffer, delimiter=separator, lineterminator=ends)
    writer.writerow(["time_s", *names])
    for i, row in enumerate(values):
        writer.writerow([str(cell).replace(".", decimal) for cell in (i / 32, *row)])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]))
    return buffer.getvalue().encode(encoding), values, names


@given(layout=layouts())
def test_any_dialect_gives_the_same_table(layout: tuple[bytes, np.ndarray, list[str]]) -> None:
    content, values, names = layout
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        path.write_bytes(content)
        series = read_series(path)
    assert series.columns == tuple(names)
    np.testing.assert_array_equal(series.values, values)
    np.testing.assert_allclose(series.times, np.arange(len(values) + 1) / 32, atol=1e-12)
    assert series.rate == 32
    assert series.remarks == ()


@pytest.mark.parametrize("write_it", ["csv", "tsv", "parquet"])
def test_what_pandas_writes_is_read(
    write_it: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    frame = pandas.DataFrame(
        {
            "timestamp": pandas.date_range("2024-05-31T12:00:00Z", periods=50, freq="20ms"),
            "ax": rng.normal(size=50),
            "on": rng.random(50) < 0.5,
            "count": rng.integers(0, 1000, size=50),
            "note": "x",
        }
    )
    path = tmp_path / f"log.{write_it}"
    if write_it == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, sep="," if write_it == "csv" else "\t")  # with pandas' index
    series = read_series(path)
    assert series.columns == ("ax", "on", "count")
    np.testing.assert_allclose(series.values, frame[["ax", "on", "count"]].to_numpy(float))
    np.testing.assert_allclose(series.times, np.arange(51) / 50, atol=1e-9)
    assert series.start is not None
    assert series.start.startswith("2024-05-31T12:00:00")
    assert any("'note' left out: it is text" in remark for remark in series.remarks)


def test_a_parquet_index_of_times_is_found(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    index = pandas.to_timedelta(np.arange(5) * 0.5, unit="s").rename("time")
    pandas.DataFrame({"x": np.arange(5) ** 2}, index=index).to_parquet(tmp_path / "log.parquet")
    series = read_series(tmp_path / "log.parquet")
    assert series.columns == ("x",)
    assert series.rate == 2


@pytest.mark.parametrize(
    ("header", "cells", "step"),
    [
        ("Time (s)", ["3.0", "3.5", "4.0"], 0.5),
        ("time_ms", ["0", "20", "40"], 0.02),
        ("t", ["0", "0.1", "0.2"], 0.1),
        ("seconds_elapsed", ["0", "0.1", "0.2"], 0.1),
        ("timestamp", ["1717156800000", "1717156800020", "1717156800040"], 0.02),
        ("time", ["1717156800000000001", "1717156800000001001", "1717156800000002001"], 1e-6),
        ("datetime", ["2024-05-31 12:00", "2024-05-31 12:01", "2024-05-31 12:02"], 60),
        ("time", ["12:00:00.25", "12:00:00.50", "12:00:00.75"], 0.25),
    ],
)
def test_times_are_recognised(header: str, cells: list[str], step: float, tmp_path: Path) -> None:
    text = f"value,{header}\n" + "".join(f"{i * i},{cell}\n" for i, cell in enumerate(cells))
    series = read_series(write(tmp_path / "log.csv", text))
    assert series.columns == ("value",)
    np.testing.assert_allclose(np.diff(series.times), step, rtol=1e-9)


def test_a_file_that_starts_late_starts_late(tmp_path: Path) -> None:
    series = read_series(write(tmp_path / "log.csv", "time,x\n0.54,1\n0.64,2\n"))
    np.testing.assert_allclose(series.times, [0.54, 0.64, 0.74])


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("Time [ms]", 1e-3), ("T", 0.0), ("time_us", 1e-6), ("ms", 1e-3), ("elapsed (s)", 1.0)),
        *(("Time in seconds", 1.0), ("Zeit [ms]", 1e-3), ("Zeit in Sekunden", 1.0)),
        *(("Messzeit (Stunden)", 3600.0), ("Temps (ms)", 1e-3), ("temps en secondes", 1.0)),
        *(("Tiempo [s]", 1.0), ("Tiempo (milisegundos)", 1e-3), ("Marca de tiempo", 0.0)),
        *(("Tempo (secondi)", 1.0), ("tempo_ms", 1e-3), ("Tempo em minutos", 60.0)),
        *(("Tijd [ms]", 1e-3), ("tijd (seconden)", 1.0), ("Czas [s]", 1.0), ("Czas w sek", 1.0)),
        *(("時間（秒）", 1.0), ("経過時間 (ms)", 1e-3), ("时间 (毫秒)", 1e-3), ("Время, с", 1.0)),
        *(("Sekunden", 1.0), ("Horodatage", 0.0)),
    ],
)
def test_units_of_times(name: str, unit: float) -> None:
    assert time_unit(name) == unit


@pytest.mark.parametrize(
    "name",
    ["temperature", "min", "ax", "steps", "h", "", "times two", "Tempo [bpm]", "T (°C)", "temps"],
)
def test_other_names_are_no_times(name: str) -> None:
    assert time_unit(name) is None


def test_a_clock_beside_a_date_is_the_clock() -> None:
    assert find_time_column(["date", "time", "x"]) == 1


@pytest.mark.parametrize(
    ("names", "clock"),
    [
        (["T", "timestamp"], "timestamp"),
        (["t", "time"], "time"),
        (["s", "time"], "time"),
        (["ms", "x", "Time"], "Time"),
        (["T (s)", "time"], "time"),
        (["t", "time_ms"], "time_ms"),
        (["T", "date"], "date"),
        (["s", "T"], "s"),
        (["t", "s", "v"], "t"),
        (["t", "ms"], "ms"),
        (["T", "seconds"], "seconds"),
        (["time", "seconds"], "seconds"),
        (["timestamp", "time"], "timestamp"),
        (["T", "x"], "T"),
    ],
)
def test_a_full_name_wins_over_a_letter(names: list[str], clock: str) -> None:
    assert find_time_column(names) == names.index(clock)


def test_a_temperature_before_the_clock_is_a_signal(tmp_path: Path) -> None:
    rows = "".join(f"{20 + i % 3},{1717156800 + i},{i * i}\n" for i in range(5))
    series = read_series(write(tmp_path / "log.csv", "T,timestamp,x\n" + rows))
    assert series.columns == ("T", "x")
    assert series.rate == 1
    assert series.start is not None


def test_a_date_is_the_clock_unless_it_is_the_day_alone(tmp_path: Path) -> None:
    rows = "".join(f"2024-05-31 12:0{i},{20 - i}\n" for i in range(5))
    series = read_series(write(tmp_path / "a.csv", "date,T\n" + rows))
    assert (series.columns, series.rate) == (("T",), pytest.approx(1 / 60))
    rows = "".join(f"2024-05-31,{i / 2},{i * i}\n" for i in range(5))
    series = read_series(write(tmp_path / "b.csv", "date,t,x\n" + rows))
    assert (series.columns, series.rate) == (("x",), 2)


@pytest.mark.parametrize(
    ("options", "columns", "rate"),
    [
        ({"rate": 50}, ("x", "frame"), 50),
        ({"rate": 50, "time_column": "frame"}, ("time", "x"), 1),
        ({"time_column": "frame", "columns": ["x"]}, ("x",), 1),
        ({"rate": 50, "time_column": "absent"}, ("x", "frame"), 50),
    ],
)
def test_what_is_asked_for_goes_before_what_is_recognised(
    options: dict, columns: tuple[str, ...], rate: float, tmp_path: Path
) -> None:
    path = write(tmp_path / "log.csv", "time,x,frame\n0,5,10\n10,6,11\n30,8,12\n")
    series = read_series(path, **options)
    assert series.rate == rate
    assert set(series.columns) <= set(columns)
    assert "x" in series.columns


def test_labels_counters_and_text_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "frame,x,label,who\n1,5,0,me\n2,6,1,me\n3,9,1,me\n")
    series = read_series(path, rate=10)
    assert series.columns == ("x",)
    assert len(series.remarks) == 3
    assert read_series(path, rate=10, columns=["label", "x"]).columns == ("label", "x")
    with pytest.raises(DataError, match=r"line 2: 'me' in column 'who' is not a number"):
        read_series(path, rate=10, columns=["who"])


def test_gaps_are_filled_and_counted(tmp_path: Path) -> None:
    text = "time,a,b,c\n0,1,,x\n1,,2,y\n2,3,err,\n3,4,8,z\n" + "".join(
        f"{i},0,0,z\n" for i in range(4, 20)
    )
    series = read_series(write(tmp_path / "log.csv", text))
    assert series.columns == ("a", "b")
    np.testing.assert_allclose(series.values[:4], [[1, 2], [2, 2], [3, 5], [4, 8]])
    assert any("first 'err' in line 4" in remark for remark in series.remarks)
    assert read_series(tmp_path / "log.csv", columns=["b"]).values[2, 0] == 5
    assert any("3 values" in remark and "b 2, a 1" in remark for remark in series.remarks), (
        series.remarks
    )


def test_an_empty_column_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "time,a,gps\n0,1,\n1,3,\n")
    series = read_series(path)
    assert series.columns == ("a",)
    assert "Left out for holding no value: 'gps'." in series.remarks
    with pytest.raises(DataError, match="no value in column 'gps'"):
        read_series(path, columns=["gps"])


def test_a_pause_is_told(tmp_path: Path) -> None:
    rows = "".join(f"{i / 10},{i % 3}\n" for i in range(100) if not 20 < i < 60)
    series = read_series(write(tmp_path / "log.csv", "time,x\n" + rows))
    assert any("No rows for 4.0 s after 2.0 s" in remark for remark in series.remarks)


def test_no_header_and_a_header_in_a_comment(tmp_path: Path) -> None:
    bare = read_series(write(tmp_path / "a.csv", "5,1\n6,2\n8,4\n"), rate=1)
    assert bare.columns == ("1", "2")
    path = tmp_path / "b.csv"
    np.savetxt(path, np.array([[0.0, 5], [0.5, 6]]), delimiter=",", header="time,x")
    assert read_series(path).columns == ("x",)
    excel = write(tmp_path / "c.csv", "sep=;\ntime;x;\n0;5;\n1;6;\n")
    assert read_series(excel).columns == ("x",)


def test_arrays(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.normal(size=(20, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    series = read_series(tmp_path / "a.npy", rate=4)
    np.testing.assert_array_equal(series.values, values.astype(np.float64))
    assert series.columns == ("1", "2", "3")
    assert series.duration == 5
    picked = read_series(tmp_path / "a.npy", rate=4, columns=["3", "1"])
    np.testing.assert_array_equal(picked.values, values[:, [2, 0]])
    np.save(tmp_path / "b.npy", values[:, 0])
    assert read_series(tmp_path / "b.npy", rate=4).values.shape == (20, 1)


def refused(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read_series(path, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("time,x\n", "holds 0 rows"),
        ("time,x\n0,1\n", "holds 1 rows"),
        ("x,y\n1,2\n3,4\n", r"--rate.*--time_column.*'x', 'y'"),
        ("time,x\n0,1\n0,3\n0,7\n", "line 3: .*'time' never changes"),
        ("time,x\n0,1\n2,2\n4,5\n1,3\n3,9\n", "line 5: .*'time', 1 s, is before.*--rate"),
        ("# by a logger\n\ntime,x\n4,1\n\n5,2\n6,4\n1,3\n2,3\n", "line 8: "),
        ("time,x\n0,1\n,2\n1,3\n", "line 3: the time in column 'time' is missing"),
        ("time,x\n0,1\nnoon,2\n1,3\n", "line 3: 'noon' in column 'time'"),
        ("time,x\n31/31/2024 12:00,1\n31/31/2024 12:01,2\n", "line 2: .*nor a date, such as"),
        ("time,x\n0,1\n1,2,3\n", "line 3: has more than 2 cells"),
        ("time,x\n0,1,2\n1,2,3\n", "line 2: has more than 2 cells"),
        ("time,x\n0,1,2,3,4\n1,2\n", "line 2: has more than 2 cells"),
        ("time,x\n0,1\n1,2,,,3\n", "line 3: has more than 2 cells"),
        ("time,x\n0,a\n1,b\n", "no column of numbers"),
        ("time,x\n0,\n1,\n", "holds no values"),
        ("time,x\n0,\1\2\3\n1,2\n", "not a text file"),
    ],
)
def test_broken_tables_are_refused_with_the_line(text: str, says: str, tmp_path: Path) -> None:
    import re

    assert re.search(says, refused(write(tmp_path / "log.csv", text)))


def test_other_refusals(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "absent.csv")
    assert "not a table of signals" in refused(write(tmp_path / "a.xlsx", "x"))
    path = write(tmp_path / "log.csv", "time,x\n0,1\n1,2\n")
    assert "no column 'y', only 'time', 'x'" in refused(path, columns=["y"])
    assert "no column 'clock'" in refused(path, time_column="clock")
    np.save(tmp_path / "a.npy", np.zeros((4, 2)))
    assert "--rate" in refused(tmp_path / "a.npy")
    assert "'1' to '2'" in refused(tmp_path / "a.npy", rate=1, columns=["x"])
    np.save(tmp_path / "b.npy", np.zeros((4, 2, 3)))
    assert "(4, 2, 3)" in refused(tmp_path / "b.npy", rate=1)
    np.save(tmp_path / "c.npy", np.array([None, 1]), allow_pickle=True)
    assert "not an .npy file of numbers" in refused(tmp_path / "c.npy", rate=1)
    np.savez(tmp_path / "d.npz", a=np.zeros(3))
    (tmp_path / "d.npz").rename(tmp_path / "d.npy")
    assert "not an .npy file of numbers" in refused(tmp_path / "d.npy", rate=1)
    pytest.importorskip("pyarrow")
    assert "Parquet" in refused(write(tmp_path / "e.parquet", "x" * 100))


def test_a_missing_pandas_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"'pandas'.*asot\[series\]"):
        read_series(write(tmp_path / "log.csv", "time,x\n0,1\n1,2\n"))


@given(
    start=st.datetimes(datetime.datetime(2000, 1, 2), datetime.datetime(2039, 12, 31)),
    # None a thousand times as long as the others, at which a clock is doubted.
    steps=st.lists(st.integers(40, 1_999), min_size=1, max_size=20),
)
def test_dates_and_epochs_agree(start: datetime.datetime, steps: list[int]) -> None:
    start = start.replace(tzinfo=datetime.timezone.utc)
    offsets = np.cumsum([0, *steps])
    dates = [start + datetime.timedelta(milliseconds=int(ms)) for ms in offsets]
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    first = (start - epoch) // datetime.timedelta(microseconds=1)
    readings: list[Series] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, cells in (
            ("datetime", [date.isoformat() for date in dates]),
            ("timestamp", [str(first + 1000 * int(ms)) for ms in offsets]),
        ):
            rows = "".join(f"{cell},{i % 2}\n" for i, cell in enumerate(cells))
            readings.append(read_series(write(Path(folder) / "log.csv", f"{name},x\n{rows}")))
    for series in readings:
        np.testing.assert_allclose(series.times[:-1], offsets / 1000, atol=1e-6)
    assert readings[0].start is not None
    assert readings[1].start is not None
    assert readings[0].start[:19] == readings[1].start[:19]

"""The clocks of loggers, phones and spreadsheets: the same half minute, written in their ways."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from asot.errors import DataError
from asot.inputs.extract import extract
from asot.inputs.find import find_inputs
from asot.inputs.series.signals import Series
from asot.inputs.series.tables import read_series
from asot.inputs.settings import SeriesSettings, VideoSettings

pytest.importorskip("pandas")

N, RATE = 600, 50
MS = np.arange(N) * 20
DAY = 86_400_000
NOON = 1_717_156_800  # 2024-05-31 12:00:00, in seconds since 1970
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, rng: np.random.Generator) -> Write:
    """Write a table of a clock and a signal, whose values are their row's number, shuffled."""

    def write(
        cells: Sequence[object], name: str = "timestamp", order: Sequence[int] | None = None
    ) -> Path:
        rows = [f'"{cell}",{number(row)}' for row, cell in enumerate(cells)]
        rows = rows if order is None else [rows[row] for row in order]
        path = tmp_path / "log.csv"
        names = ",".join(f'"{part}"' for part in name.split(","))
        path.write_text("\n".join([f"{names},x", *rows]) + "\n", encoding="utf-8")
        return path

    return write


def number(row: int) -> int:
    """Give a row a value that no other has, and that does not count."""
    return row * 257 % 601


def is_half_a_minute(series: Series, rows: Sequence[int] = range(N), within: float = 1e-6) -> None:
    """Check the times of rows at 50 Hz, from the first on, and that each kept its value."""
    assert series.values[:, 0].tolist() == [number(row) for row in rows]
    np.testing.assert_allclose(
        series.times[:-1] - series.times[0], (np.array(rows) - rows[0]) / RATE, atol=within
    )


def dates(form: str, start: datetime.datetime, cut: int | None = None) -> list[str]:
    steps = [datetime.timedelta(milliseconds=int(ms)) for ms in MS]
    return [(start + step).strftime(form)[:cut] for step in steps]


@pytest.mark.parametrize("up", [0, 60_000, 600_000, 1_500_000, 3_600_000, DAY, 6 * DAY, 7 * DAY])
@pytest.mark.parametrize(("unit", "scale"), [("nano", 10**6), ("micro", 10**3), ("milli", 1)])
def test_a_clock_since_the_start_has_the_unit_that_is_plausible(
    unit: str, scale: int, up: int, write: Write
) -> None:
    series = read_series(write([(up + int(ms)) * scale for ms in MS]))
    is_half_a_minute(series)
    assert series.start is None
    assert len(series.remarks) == 1
    assert f"taken for {unit}seconds, which makes 50 rows" in series.remarks[0]
    assert "--time_unit" in series.remarks[0]


def test_jitter_does_not_change_the_unit(write: Write, rng: np.random.Generator) -> None:
    ns = 3_600_000_000_000 + MS * 1_000_000 + rng.integers(-3_000_000, 3_000_000, N)
    np.testing.assert_allclose(read_series(write(ns)).times[:-1], ns / 1e9)


@pytest.mark.parametrize(
    ("cells", "since", "within"),
    [
        ([f"{NOON + ms / 1000:.3f}" for ms in MS], None, 1e-6),
        ([1000 * NOON + ms for ms in MS], None, 1e-6),
        ([10**9 * NOON + ms * 10**6 for ms in MS], None, 1e-6),
        ([10**7 * (NOON + 11_644_473_600) + ms * 10**4 for ms in MS], "1601", 1e-6),
        ([10**7 * (NOON + 62_135_596_800) + ms * 10**4 for ms in MS], "the year 1", 1e-6),
        ([f"{NOON - 978_307_200 + ms / 1000:.3f}" for ms in MS], "2001", 1e-6),
        ([f"{NOON + 2_082_844_800 + ms / 1000:.3f}" for ms in MS], "1904", 1e-6),
        ([f"{25569 + (NOON + ms / 1000) / 86400:.10f}" for ms in MS], "1900", 1e-4),
        ([f"{719529 + (NOON + ms / 1000) / 86400:.10f}" for ms in MS], "the year 0", 1e-4),
        ([f"{2440587.5 + (NOON + ms / 1000) / 86400:.10f}" for ms in MS], "-4713", 1e-4),
        ([f"{40587 + (NOON + ms / 1000) / 86400:.10f}" for ms in MS], "1858", 1e-4),
        (dates("%Y%m%d%H%M%S%f", datetime.datetime(2024, 5, 31, 12), 17), None, 1e-6),
    ],
)
def test_numbers_that_count_from_a_date(
    cells: list[object], since: str | None, within: float, write: Write
) -> None:
    series = read_series(write(cells))
    is_half_a_minute(series, within=within)
    assert series.start is not None
    assert series.start.startswith("2024-05-31T12:00:00")
    assert [since] == [remark.split("since ")[1].split(",")[0] for remark in series.remarks] or (
        since is None and not series.remarks
    )


@pytest.mark.parametrize(
    ("step", "name", "rate"),
    [(20, "time", 50), (1, "time", 1), (60, "time", 1 / 60), (5, "time", 0.2), (5, "stamp", 200)],
)
def test_whole_numbers_are_read_with_a_remark(
    step: int, name: str, rate: float, write: Write
) -> None:
    series = read_series(write(np.arange(N) * step, name), time_column=name)
    assert series.rate == pytest.approx(rate)
    assert "--time_unit" in series.remarks[0]


@pytest.mark.parametrize(("unit", "of"), [("ms", 1e-3), ("us", 1e-6), ("100ns", 1e-7), ("d", DAY)])
def test_the_unit_that_is_asked_for_is_used(unit: str, of: float, write: Write) -> None:
    seconds = {"d": 86400.0}.get(unit, of)
    series = read_series(write(np.arange(N) * 7), time_unit=unit)
    np.testing.assert_allclose(series.times[:-1], np.arange(N) * 7 * seconds)
    assert series.remarks == ()


def test_a_unit_that_cannot_be_told_is_asked_for(write: Write) -> None:
    path = write([f"{0.5 + ms / DAY:.10f}" for ms in MS], "time")
    with pytest.raises(DataError, match=r"unit that cannot be told.*--time_unit.*--rate"):
        read_series(path)
    is_half_a_minute(read_series(path, time_unit="d"), within=1e-4)


def test_a_name_does_not_make_a_date_of_the_year_50000(write: Write) -> None:
    series = read_series(write([1000 * NOON + ms for ms in MS], "Time (s)"))
    is_half_a_minute(series)
    assert "milliseconds since 1970" in series.remarks[0]


LATE = datetime.datetime(2020, 1, 2, 23, 59, 55)


@pytest.mark.parametrize(
    "form",
    [
        *("%d.%m.%Y %H:%M:%S.%f", "%d.%m.%y %H:%M:%S,%f", "%m/%d/%Y %H:%M:%S.%f"),
        *("%d/%m/%Y %H:%M:%S.%f", "%m/%d/%Y, %I:%M:%S.%f %p", "%Y-%m-%d %H:%M:%S,%f"),
        *("%Y-%m-%dT%H:%M:%S.%fZ", "%Y/%m/%d %H:%M:%S.%f+02:00", "%d-%b-%Y %H:%M:%S.%f"),
        *("%b %d, %Y %I:%M:%S.%f %p", "%Y-%m-%d_%H-%M-%S.%f", "%Y%m%dT%H%M%S.%f"),
    ],
)
def test_dates_over_midnight(form: str, write: Write) -> None:
    series = read_series(write(dates(form, LATE)))
    is_half_a_minute(series)
    assert series.remarks == ()
    assert series.start is not None
    assert series.start.startswith(f"2020-01-02T{21 if '+' in form else 23}:59:55")


@pytest.mark.parametrize(
    ("form", "cut", "start", "says"),
    [
        ("%H:%M:%S.%f", None, LATE, "midnight"),
        ("%I:%M:%S.%f %p", None, LATE, "midnight"),
        ("%H:%M:%S:%f", -3, LATE, "midnight"),
        ("%I:%M:%S.%f", None, datetime.datetime(2020, 1, 2, 12, 59, 55), "twelve hours"),
        ("%M:%S.%f", None, LATE, "after 3600 s"),
        ("%S.%f", None, LATE, "after 60 s"),
        ("%H%M%S.%f", None, datetime.datetime(2020, 1, 2, 11, 59, 55), "HHMMSS"),
    ],
)
def test_times_of_the_day_go_on(
    form: str, cut: int | None, start: datetime.datetime, says: str, write: Write
) -> None:
    cells = dates(form, start, cut)
    series = read_series(write(cells, "time_s" if form == "%S.%f" else "time"))
    is_half_a_minute(series)
    assert any(says in remark for remark in series.remarks)


@pytest.mark.parametrize("names", ["Date,Time", "Datum,Uhrzeit", "Time,Date"])
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d"])
def test_date_and_time_in_two_columns(names: str, form: str, write: Write) -> None:
    day, time = dates(form, LATE), dates("%H:%M:%S.%f", LATE)
    pairs = zip(time, day, strict=True) if names[0] == "T" else zip(day, time, strict=True)
    series = read_series(write(['","'.join(pair) for pair in pairs], names))
    is_half_a_minute(series)
    assert series.columns == ("x",)
    assert series.start is not None
    assert series.start.startswith("2020-01-02T23:59:55")
    constant = read_series(write([f'2020-01-02","{cell}' for cell in time], "Date,Time"))
    is_half_a_minute(constant)
    assert "midnight" in constant.remarks[0]


@pytest.mark.parametrize(("by", "says"), [(-3600, "set back"), (3600, "set ahead")])
def test_the_hour_of_summer_is_no_pause(by: int, says: str, write: Write) -> None:
    start = datetime.datetime(2024, 10, 27, 2, 59, 55)
    if by > 0:
        start = datetime.datetime(2024, 3, 31, 1, 59, 55)
    changed = datetime.timedelta(seconds=by)
    cells = dates("%Y-%m-%d %H:%M:%S.%f", start)[:250]
    cells += dates("%Y-%m-%d %H:%M:%S.%f", start + changed)[250:]
    series = read_series(write(cells))
    is_half_a_minute(series)
    assert f"The clock is {says} by an hour in line 252" in series.remarks[0]


@pytest.mark.parametrize(
    ("first", "full", "name"),
    [(2**32 - 5000, 2**32, "timestamp"), (60_000, 2**16, "time_ms"), (0, 1000, "ms")],
)
def test_a_counter_that_is_full_goes_on(first: int, full: int, name: str, write: Write) -> None:
    series = read_series(write([(first + int(ms)) % full for ms in MS], name))
    is_half_a_minute(series)
    assert any("starts over" in remark for remark in series.remarks)


def unix() -> list[str]:
    return [f"{NOON + ms / 1000:.3f}" for ms in MS]


@pytest.mark.parametrize("row", [0, 300, N - 1])
@pytest.mark.parametrize("wild", ["0", "-1", "946684800", str(NOON + 10**8), str(NOON + 200)])
def test_a_row_with_a_wild_time_is_left_out(row: int, wild: str, write: Write) -> None:
    cells = unix()
    cells[row] = wild
    if row == N - 1 and wild == str(NOON + 200):
        cells[row] = str(NOON + 2000)  # sooner, it may be a pause
    series = read_series(write(cells))
    is_half_a_minute(series, [one for one in range(N) if one != row])
    assert f"1 row was left out, line {row + 2}" in series.remarks[0]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([f"{ms / 1000}" for ms in MS[:100]] + unix()[100:], r"line 102: .*jumps by [\d,.]+ days"),
        ([f"{NOON + ms / 1000 + 3 * 86400 * (ms > 6000)}" for ms in MS], "jumps by 3.0 days"),
        ([f"{NOON + ms / 1000 - 5 * (ms > 6000)}" for ms in MS], "line 303: .*before that of"),
        ([f"{ms / 1000 % 6}" for ms in MS], "is before that of the row before"),
        ([f"{ms // 50 * 10 + 3600 * (ms // 400)}" for ms in MS], "and 29 pauses last"),
    ],
)
def test_jumps_are_refused_with_a_cure(cells: list[str], says: str, write: Write) -> None:
    path = write(cells, "time_s")
    with pytest.raises(DataError, match=rf"{says}.*--rate"):
        read_series(path)
    is_half_a_minute(read_series(path, rate=50))


def test_other_recordings_are_made(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    write(unix()).rename(folder / "good.csv")
    cells = [f"{NOON + ms / 1000 + 10**9 * (ms > 6000)}" for ms in MS]
    write(cells).rename(folder / "late.csv")
    write(unix()).rename(folder / "large.csv")

    def read(path: Path, **options: object) -> Series:
        if path.name == "large.csv":
            raise MemoryError
        return read_series(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("asot.inputs.series.extraction.read_series", read)
    inputs, out = find_inputs([folder]), tmp_path / "out"
    made = extract(inputs, out, VideoSettings(), SeriesSettings(), lambda *_, **__: None)
    assert made.made == ["good"]
    assert "jumps by" in made.failed["late"]
    assert "more memory than there is" in made.failed["large"]


SECONDS = [f"{ms / 1000:.3f}" for ms in MS]
ROWS = list(range(N))


@pytest.mark.parametrize(
    "order",
    [
        [*ROWS[:300], 299, *ROWS[300:]],
        [row for row in ROWS for _ in range(2)],
        ROWS + ROWS,
        [*ROWS[:400], *ROWS[300:320], *ROWS[400:]],
        [*ROWS[:300], 301, 300, *ROWS[302:]],
        [row ^ 1 for row in ROWS],
        [*ROWS[:300], *ROWS[320:340], *ROWS[300:320], *ROWS[340:]],
        ROWS[::-1],
        sorted(ROWS, key=str),
    ],
)
def test_rows_in_another_order_or_twice(order: list[int], write: Write) -> None:
    series = read_series(write(SECONDS, "time", order))
    is_half_a_minute(series)
    assert len(series.remarks) == 1


@pytest.mark.parametrize(
    ("cells", "rows"),
    [
        ([f"{int((ms + 660) / 1000)}" for ms in MS], range(N)),
        ([f"{ms // 100 / 10}" for ms in MS], range(N)),
        ([f"{row // 12 * 0.24:.2f}" for row in ROWS], range(N)),
        ([f"{int((ms + 660) / 1000)}" for ms in MS][::-1], range(N)),
        ([SECONDS[row - (row % 100 == 7)] for row in ROWS], range(N)),
    ],
)
def test_rows_that_share_a_time_are_spread(
    cells: list[str], rows: Sequence[int], write: Write
) -> None:
    order = ROWS[::-1] if float(cells[0]) > float(cells[-1]) else ROWS
    path = write(cells[::-1] if order != ROWS else cells, "time_s", order)
    series = read_series(path)
    is_half_a_minute(series, rows)
    assert "were spread over the time until the next" in series.remarks[-1]


def test_a_pause_of_a_coarse_clock_stays(write: Write) -> None:
    cells = [int(ms / 1000 + 40 * (ms >= 6000)) for ms in MS]
    series = read_series(write(cells, "time_s"))
    steps = np.diff(series.times)
    assert steps.max() == pytest.approx(40.02)
    np.testing.assert_allclose(np.delete(steps, steps.argmax()), 0.02)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["12:00"] * 300 + ["12:01"] * 300, "too coarse: its 600 rows have 2 different times"),
        (["3"] * N, "never changes"),
        ([SECONDS[row] if row % 5 else "" for row in ROWS], "is missing"),
        ([f"{np.sin(row):.6f}" for row in ROWS], "is before that of the row before"),
    ],
)
def test_what_is_no_clock_is_refused(cells: list[str], says: str, write: Write) -> None:
    with pytest.raises(DataError, match=rf"{says}.*--rate"):
        read_series(write(cells, "time"))


@pytest.mark.parametrize(("cell", "says"), [("", "time'"), ("ERR", "'ERR'"), ("time", "'time'")])
def test_single_rows_without_a_time_are_left_out(cell: str, says: str, write: Write) -> None:
    cells = [*SECONDS[:9], cell, *SECONDS[10:]]
    series = read_series(write(cells, "time"))
    is_half_a_minute(series, [row for row in ROWS if row != 9])
    assert "1 row without a time in column 'time'" in series.remarks[0]
    assert says in series.remarks[0]
    assert "line 11" in series.remarks[0]


def test_a_letter_that_does_not_rise_is_no_clock(write: Write) -> None:
    cells = [f"{20 + np.sin(row):.2f}" for row in ROWS]
    with pytest.raises(DataError, match=r"column 'T' does not rise.*--time_column.*--rate"):
        read_series(write(cells, "T"))
    assert read_series(write(cells, "T"), rate=50).columns == ("T", "x")


@pytest.mark.parametrize("name", ["device", "sensor_id"])
def test_sensors_that_take_turns_are_refused(name: str, tmp_path: Path) -> None:
    rows = "".join(f"{row // 2 / 50},{row % 2},{number(row)}\n" for row in ROWS)
    (tmp_path / "log.csv").write_text(f"time,{name},x\n" + rows)
    with pytest.raises(DataError, match=rf"2 rows for each time, one for each .*{name}"):
        read_series(tmp_path / "log.csv")


def test_dates_in_two_orders_are_decided_over_the_column(write: Write) -> None:
    # The day is first: from the sixth of June to the seventh it is one midnight.
    start = datetime.datetime(2024, 6, 6, 23, 59, 55)
    series = read_series(write(dates("%d/%m/%Y %H:%M:%S.%f", start)))
    is_half_a_minute(series)
    assert series.start is not None
    assert series.start.startswith("2024-06-06")
    assert not series.remarks
    alone = read_series(write(dates("%m/%d/%Y %H:%M:%S.%f", datetime.datetime(2024, 5, 6))))
    is_half_a_minute(alone)
    assert "more than one order; they were taken for month first" in alone.remarks[0]

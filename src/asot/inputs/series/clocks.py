"""The clock of a table: which column it is, and the time of each row."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.inputs.series.counts import read_counts
from asot.inputs.series.dates import ClockError, Moments, read_dates, require_pandas
from asot.inputs.series.order import go_on, put_in_order
from asot.text import plural, quote, were

# Names of columns of times.
_BASES = {
    *("clock", "date_time", "datetime", "elapsed", "elapsed_time", "epoch", "relative_time"),
    *("sample_time", "time", "time_elapsed", "time_stamp", "times", "timestamp", "timestamps"),
    *("unix", "unix_time", "unix_timestamp", "unixtime", "utc", "utc_time", "date", "t"),
    *("gps_time", "local_time", "uhrzeit", "zeit", "zeitpunkt", "zeitstempel", "messzeit"),
    *("horodatage", "temps_écoulé", "temps_ecoule", "tiempo", "tiempo_transcurrido"),
    *("marca_de_tiempo", "tempo_trascorso", "tempo_decorrido", "marca_temporal", "tijd"),
    *("tijdstempel", "czas", "czas_pomiaru", "aika", "čas", "zaman", "время", "時間", "時刻"),
    *("経過時間", "タイムスタンプ", "时间", "时间戳"),
}
# Words for time that are also others: with a unit they are sure.
_MAYBE = {"temps", "tempo", "tid"}
_SPELT = {
    1.0: "s sec secs second seconds sek sekunde sekunden seconde secondes segundo segundos secondo "
    "secondi seconden sekunda sekundy sekund sekunder с сек секунды 秒",
    1e-3: "ms msec millis millisecond milliseconds millisekunde millisekunden milliseconde "
    "millisecondes milisegundo milisegundos millisecondo millisecondi milliseconden milisekundy "
    "milisekund millisekunder мс ミリ秒 毫秒",
    1e-6: "us usec usecs micros microsecond microseconds µs μs mikrosekunden microsecondes "
    "microsegundos microsecondi microseconden mikrosekundy マイクロ秒 微秒",
    1e-9: "ns nsec nsecs nanosec nanos nanosecond nanoseconds nanosekunden nanosecondes "
    "nanosegundos nanosecondi nanoseconden nanosekundy",
    60.0: "min mins minute minutes minuten minuto minutos minuti minuty minut 分",
    3600.0: "h hour hours std stunde stunden heure heures hora horas ora ore uur uren godziny",
}
_UNITS = {name: seconds for seconds, names in _SPELT.items() for name in names.split()}
_LONE_UNITS = {
    *("s", "sec", "secs", "seconds", "ms", "millis", "milliseconds", "秒", "ミリ秒", "毫秒"),
    *("microseconds", "micros", "nanoseconds", "sekunden", "millisekunden", "secondes"),
    *("millisecondes", "segundos", "milisegundos", "secondi", "millisecondi", "seconden"),
    *("milliseconden", "sekundy", "milisekundy"),
}
# Names of columns that tell sensors, or people, from each other.
_WHOSE = re.compile(r"(^|_)(id|device|sensor|node|tag|imu|subject|person|user|side|name)(_|$)")
# Names that may be of times, which is told by values that rise; but not of events.
_LIKE_TIMES = re.compile(
    r"min|(.*_)?(time|timestamp|stamp|datetime|datum|zeit|temps|tempo|tid)(_(unix|utc|local|cal))*"
    rf"(_({'|'.join(_UNITS)}))?"
)
_EVENTS = re.compile(
    r"start|begin|onset|end|stop|offset|reaction|response|exposure|lap|duration|birth"
)
_DAYS = re.compile(r"(^|_)(date|dates|day|datum|fecha)(_|$)")


@dataclass(frozen=True)
class Clock:
    """The times of the rows of a table, which rise."""

    columns: tuple[int, ...]  # that the times are from
    rows: NDArray[np.intp]  # of the table, that are kept, in their order
    seconds: NDArray[np.float64]
    start: str | None  # the date of second 0, in ISO 8601
    remarks: tuple[str, ...]


def time_unit(name: str) -> float | None:
    """Return the seconds of the unit that the name of a column of times gives.

    The result is 0 for times without a unit, and None for a name that does not stand for times.

    Examples
    --------
    >>> time_unit("Time [ms]"), time_unit("seconds_elapsed"), time_unit("timestampMs")
    (0.001, 1.0, 0.001)
    >>> time_unit("Zeit in ms"), time_unit("Tiempo (segundos)"), time_unit("Tempo [bpm]") is None
    (0.001, 1.0, True)
    >>> time_unit("timestamp"), time_unit("ax") is None
    (0.0, True)
    """
    words = words_of(name)
    if words in _BASES:
        return 0.0
    if words in _LONE_UNITS:
        return _UNITS[words]
    found = re.fullmatch(r"(.+?)(?:_(?:in|en|em|w))?_([^_]+)", words)
    if found and found[1] in _BASES | _MAYBE and found[2] in _UNITS:
        return _UNITS[found[2]]
    unit, _, rest = words.partition("_")
    return _UNITS[unit] if unit in _UNITS and rest in ("elapsed", "since_start") else None


def find_time_column(names: Sequence[str], frame: Any = None) -> int | None:
    """Find the column that holds times by its name.

    A name with a unit comes before a name without, and a word before a letter, as ``T`` may be a
    temperature. A ``date`` stands between, but comes last if the numbered columns of ``frame`` show
    that it holds the day alone.

    Examples
    --------
    >>> find_time_column(["timestamp", "ax", "time_ms"]), find_time_column(["T", "ax", "timestamp"])
    (2, 2)
    """

    def rank(position: int) -> float:
        words, unit = words_of(names[position]), time_unit(names[position])
        if words == "date":
            days = frame is not None and (frame[position].iloc[:2].nunique() < 2)
            return 5 if days else 2
        if words in _LONE_UNITS and 0 < (unit or 0) < 1 and frame is not None:
            cells = frame[position]
            if cells.dtype.kind in "iuf" and (cells.diff() < 0).any():  # of the second
                return 3
        if words in ("t", "s"):
            return 4.5 if names[position].strip().isupper() else 4
        return 3 if words == "ms" or words.startswith("t_") else 0 if unit else 1

    named = [position for position, name in enumerate(names) if time_unit(name) is not None]
    if named or frame is None:
        return min(named, key=rank, default=None)
    alike: dict[int, NDArray[np.float64]] = {}
    for i, words in enumerate(map(words_of, names)):
        if _LIKE_TIMES.fullmatch(words) and not _EVENTS.search(words):
            seconds = _rising(names[i], frame[i])
            alike |= {} if seconds is None else {i: seconds}
    if not alike:
        return None
    # Clocks that differ are of recordings side by side.
    (first, seconds), *others = alike.items()
    span = float(np.nanmax(seconds))
    same = all(np.nanmax(np.abs(one - seconds)) <= 0.05 * span for _, one in others)
    stems = {re.sub(r"\d+", "", names[i]) for i in alike}
    return first if same and len(stems) == len(alike) else None


def _rising(name: str, values: Any) -> NDArray[np.float64] | None:
    """Read numbers, of a unit beyond doubt, or dates that rise as times do, from 0 on."""
    pandas = require_pandas()
    try:
        made = _read_numbers(pandas, name, values, None) or read_dates(name, values)
    except ClockError:
        return None
    if made is None or any("--time_unit" in one for one in made.remarks):
        return None
    there = made.seconds[np.isfinite(made.seconds)]
    steps = np.diff(there)
    rises = len(steps) > 1 and bool((steps >= 0).all() and (steps > 0).any())
    return made.seconds - there[0] if rises else None


def is_whose(name: str) -> bool:
    """Tell a column that may tell sensors, or people, from each other, also without a name."""
    return name.isdecimal() or _WHOSE.search(words_of(name)) is not None


def words_of(name: str) -> str:
    """Write the words of a name in small letters, with ``_`` between them."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1_\2", name.strip())
    return re.sub(r"[^\w]+|_+", "_", parted.lower()).strip("_")


def read_clock(
    names: Sequence[str],
    frame: Any,
    position: int,
    unit: str | None,
    place: Callable[[int], str],
) -> Clock:
    """Read the times of the rows from the column at ``position`` of a table.

    Numbers are in the ``unit``, a key of :data:`asot.inputs.series.counts.UNITS`, if it is given,
    else in that of the column's name, else in the one that gives a plausible date and number of
    rows a second. Text is dates or times of the day, whose date may be in a column of its own.
    Dates and clocks start at 0. What cannot be read for certain is a ClockError.
    """
    pandas = require_pandas()
    name, values = names[position], frame[position]
    used = [position]
    made = _read_numbers(pandas, name, values, unit) or read_dates(name, values)
    if made is None:
        raise _unreadable(pandas, name, values)
    if made.of_day:
        titles = (i for i, title in enumerate(names) if i != position)
        day = next((i for i in titles if _DAYS.search(words_of(names[i]))), None)
        dated = None if day is None else read_dates(names[day], frame[day])
        if day is not None and dated is not None and dated.zero is not None:
            seconds, remarks = dated.seconds + made.seconds, (*dated.remarks, *made.remarks)
            made = replace(dated, seconds=seconds, local=True, remarks=remarks)
            used.append(day)
    split = None if unit else _parts(names, frame, position, made.seconds)
    if split is not None:
        used.append(split[0])
        made = replace(made, seconds=split[1])
    notes = list(made.remarks)
    if split is not None:
        notes = [f"The fractions of the seconds in column {name!r} are from {names[split[0]]!r}."]
    wrong = ~np.isfinite(made.seconds)
    if wrong.sum() * 10 > len(wrong):
        row = int(wrong.argmax())
        if values.isna().iloc[row]:
            cure = "give the rows a second (--rate)"
            raise ClockError(f"the time in column {name!r} is missing: {cure}", row)
        raise _unreadable(pandas, name, values)
    if wrong.any():
        row = int(wrong.argmax())
        cell = "" if values.isna().iloc[row] else f", such as {quote(str(values.iloc[row]))},"
        count = int(wrong.sum())
        notes.append(
            f"{plural(count, 'row')} without a time in column {name!r}{cell} {were(count)} "
            f"left out, first {place(row)}."
        )
    there = np.flatnonzero(~wrong)
    made = replace(made, seconds=made.seconds[there])

    def at(row: int) -> str:
        return place(int(there[row]))

    try:
        _require_one_recording(names, frame, used, made.seconds, there)
        seconds, gone_on = go_on(made, at)
        rows, seconds, moved = put_in_order(name, seconds, lambda: _same_rows(frame)[there], at)
    except ClockError as error:
        row_of = None if error.row is None else int(there[error.row])
        raise ClockError(str(error), row_of) from error
    start = None
    if made.zero is not None:
        start = str((made.zero + pandas.Timedelta(round(seconds[0] * 1e6), "us")).isoformat())
        seconds = seconds - seconds[0] if seconds[0] else seconds
    return Clock(tuple(used), there[rows], seconds, start, (*notes, *gone_on, *moved))


def _read_numbers(pandas: Any, name: str, values: Any, unit: str | None) -> Moments | None:
    """Read a column of numbers; None if most cells are none."""
    types = pandas.api.types
    if types.is_datetime64_any_dtype(values) or types.is_timedelta64_dtype(values):
        return None
    numbers = pandas.to_numeric(values, errors="coerce")
    if not numbers.notna().any() and types.is_string_dtype(values):
        commas = values.astype("string").str.replace(",", ".", regex=False)
        numbers = pandas.to_numeric(commas, errors="coerce")
    if numbers.notna().sum() < 0.9 * values.notna().sum() or not numbers.notna().any():
        return None
    named = time_unit(name)
    if named is None:
        named = _UNITS.get(words_of(name).rpartition("_")[2])
    return read_counts(name, numbers, named, unit)


def _parts(
    names: Sequence[str], frame: Any, position: int, seconds: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64]] | None:
    """Find the column of the fractions of whole seconds, as ``stamp.secs`` and ``stamp.nsecs``."""
    there = np.isfinite(seconds)
    stem, _, unit = words_of(names[position]).rpartition("_")
    for i, name in enumerate(names if (seconds[there] % 1 == 0).all() else ()):
        words = words_of(name)
        other, _, finer = words.rpartition("_")
        named = words in _UNITS or (other == stem and _UNITS.get(unit) == 1)
        if (
            i == position
            or not named
            or _UNITS.get(finer, 1) >= 1
            or frame[i].dtype.kind not in "iu"
        ):
            continue
        fraction = frame[i].to_numpy(dtype=np.float64) * _UNITS[finer]
        total = seconds + fraction
        rises = (np.diff(total[there]) >= 0).all() and (np.diff(fraction) < 0).any()
        if rises and fraction.min() >= 0 and fraction.max() < 1:
            return i, total
    return None


def _require_one_recording(
    names: Sequence[str],
    frame: Any,
    used: Sequence[int],
    seconds: NDArray[np.float64],
    there: NDArray[np.intp],
) -> None:
    """Refuse several recordings, as of several sensors, whose rows take turns."""
    pandas = require_pandas()
    each = len(seconds) / max(1, len(np.unique(seconds)))
    for position in range(len(names)) if each > 1.8 else ():
        kinds = frame[position].iloc[there].astype("string").to_numpy()
        count = len(pandas.unique(kinds))
        text = not pandas.api.types.is_numeric_dtype(frame[position])
        if position in used or not (2 <= count <= 20 and 0.9 * count < each <= count):
            continue
        pairs = pandas.DataFrame({"time": seconds, "kind": kinds})
        if (text or _WHOSE.search(words_of(names[position]))) and not pairs.duplicated().any():
            raise ClockError(
                f"holds {count} rows for each time, one for each value of column "
                f"{names[position]!r}: write a file for each of them"
            )


def _unreadable(pandas: Any, name: str, values: Any) -> ClockError:
    """Name the first cell that is neither a number nor a date."""
    odd = (pandas.to_numeric(values, errors="coerce").isna() & values.notna()).to_numpy()
    dates = read_dates(name, values[odd])
    row = int(odd.argmax())
    if dates is not None:
        row = int(np.flatnonzero(odd)[np.isnan(dates.seconds).argmax()])
    return ClockError(
        f"{quote(str(values.iloc[row]))} in column {name!r} is neither a number, a time of the "
        "day nor a date, such as 2024-05-31 12:00:00.5, 31.05.2024 12:00 or 5/31/2024 1:00 PM",
        row,
    )


def _same_rows(frame: Any) -> NDArray[np.bool_]:
    """Tell the rows that are there before, in all columns."""
    try:
        return np.asarray(frame.duplicated())
    except TypeError:  # cells that are lists
        return np.zeros(len(frame), dtype=bool)

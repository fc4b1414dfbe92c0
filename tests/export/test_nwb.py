"""Bouts in NWB files, read by pynwb and by this library."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from asot.errors import DataError
from asot.export import export, read
from asot.timeline.segments import Interval
from tests.export.timelines import HOSTILE, timeline

h5py = pytest.importorskip("h5py", reason="h5py is not installed")
pynwb = pytest.importorskip("pynwb", reason="pynwb, the library of NWB, is not installed")
pytest.importorskip("ndx_ethogram", reason="ndx-ethogram, its table of bouts, is not installed")


def test_pynwb_reads_every_bout(tmp_path: Path) -> None:
    one = timeline("ab-b", times=[0.54, 1, 2.5, 3, 4], actions={"a": HOSTILE[0], "b": HOSTILE[9]})
    rows = (replace(one.rows[0], checked=1.0, note="slow"), *one.rows[1:])
    labels = {HOSTILE[9]: 4, HOSTILE[0]: 2}
    [path, blank] = export(
        [replace(one, rows=rows, labels=labels), timeline("--", "nothing")], "nwb", tmp_path
    )
    with pynwb.NWBHDF5IO(path, "r") as file:
        session = file.read()
        assert session.identifier == "tea"
        bouts = session.processing["behavior"]["actions"]
        assert (bouts.neurodata_type, bouts.labeling_method) == ("EthogramBouts", "curated")
        table = bouts.to_dataframe()
        assert [*zip(table.start_time, table.stop_time, table.label, strict=True)] == [
            (row.start_s, row.end_s, row.action) for row in one.rows
        ]
        assert table.note.tolist() == ["slow", "", ""]
        assert table.confidence.tolist() == [row.confidence for row in one.rows]
        kinds = bouts.ethogram.to_dataframe()
        assert dict(zip(kinds.behavior, kinds.native_code, strict=True)) == labels
    assert pynwb.validate(path=path) in ([], ([], 0))
    assert read(path) == [replace(one.intervals[0], note="slow"), *one.intervals[1:]]
    assert read(blank) == []


def test_other_tables_of_intervals_and_other_files(tmp_path: Path) -> None:
    session = pynwb.NWBFile(
        session_description="x",
        identifier="tea_2024",
        session_start_time=datetime(2024, 1, 1, tzinfo=timezone.utc),
    )
    for name, label in (("trials", None), ("rater A", "behavior"), ("rater B", "behavior")):
        table = pynwb.epoch.TimeIntervals(name=name, description="of a person")
        if label:
            table.add_column(name=label, description="what")
        table.add_row(start_time=0.5, stop_time=2.0, **({label: name} if label else {}))
        session.add_time_intervals(table)
    path = tmp_path / "tea.nwb"
    with pynwb.NWBHDF5IO(path, "w") as file:
        file.write(session)
    assert read(path, tier="rater B", times={"tea": [0, 1]}) == [Interval("tea", 0.5, 2, "rater B")]
    with pytest.raises(DataError, match="with --tier, of 'rater A', 'rater B'"):
        read(path)
    whole = path.read_bytes()
    for damaged in (b"no HDF5", whole.replace(b"SNOD", b"SNAD"), whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"is not an (NWB|HDF5) file"):
            read(path)
    with h5py.File(path, "w") as file:
        file["identifier"] = "tea"
        for name, values in (("start_time", 0.0), ("stop_time", 1.0), ("label", b"a")):
            file[f"trials/{name}"] = [[values]]
    with pytest.raises(DataError, match=r"is not an (NWB|HDF5) file"):
        read(path)

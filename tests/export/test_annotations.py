"""Labels in time as other tools and people save them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from asot.errors import DataError
from asot.export import read
from asot.timeline.segments import Interval, even_times

KNOWN = {"tea": even_times(100, 10.0), "egg": even_times(100, 10.0)}
BOIL, POUR = Interval("tea", 0.5, 2.0, "boil"), Interval("tea", 2.0, 3.25, "pour")

# BORIS names its columns so: events, aggregated events, and events as version 7 and older export.
EVENTS = "Observation id\tObservation date\tDescription\tObservation duration\tTime offset (s)\t"
EVENTS += "FPS (frame/s)\tSubject\tBehavior\tBehavioral category\tBehavior type\tTime\t"
EVENTS += "Media file name\tImage index\tComment\n"
AGGREGATED = "Observation id,Observation date,Media duration (s),FPS (frame/s),Subject,"
AGGREGATED += "Observation duration by subject by observation,Behavior,Behavioral category,"
AGGREGATED += "Behavior type,Start (s),Stop (s),Duration (s),Media file name,Comment stop\n"
OLD = "Observation id\ttea\n\nMedia file(s)\nPlayer #1\t/videos/tea.mp4\n\n"
OLD += "Observation date\t2017-05-01 10:00:00\nDescription\t\nTime offset (s)\t0.000\n\n"
OLD += "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\t"
OLD += "Modifiers\tComment\tStatus\n"


def event(code: str, kind: str, time: float, subject: str = "", name: str = "tea") -> str:
    cells = (name, "2024-01-01", "", "10", "0", "25", subject, code, "", kind, time, "", "", "")
    return "\t".join(map(str, cells)) + "\n"


def aggregated(code: str, kind: str, start: object, stop: object, media: str = "") -> str:
    name = "visit 3" if media else "tea"
    return f"{name},2024-01-01,10,25,No focal subject,10,{code},,{kind},{start},{stop},1,{media},\n"


def old(time: float, code: str, status: str) -> str:
    return f"{time}\t/videos/tea.mp4\t10\t25\t\t{code}\t\t\t\t{status}\n"


TABLES = {
    "clock": "start,end,label\n0:00:00.5,00:00:02.000,boil\n00:02,0:03.25,pour\n",
    "subtitles' clock": 'start;end;label\n00:00:00,500;00:00:02,000;boil\n"00:02";00:03,25;pour\n',
    "milliseconds": "begin_ms,end_ms,action\n500,2000,boil\n2000,3250,pour\n",
    "milliseconds in brackets": "Start [ms]\tEnd [ms]\tLabel\n500\t2000\tboil\n2000\t3250\tpour\n",
    "minutes": "start (min),end (sec),event\n0.00833333333333,2,boil\n0.03333333333333,3.25,pour\n",
    "decimal commas": "Beginn;begin;end;code\nx;0,5;2;boil\ny;2,0;3,25;pour\n",
    "decimal commas in quotes": 'onset,offset,value\n"0,5",2,boil\n2,"3,25",pour\n',
    "bars": "recording|from|to|activity\ntea|0.5|2|boil\ntea|2|3.25|pour\n",
    "BIDS events": "onset\tduration\ttrial_type\n0.5\t1.5\tboil\n2\t1.25\tpour\n",
    "ELAN's text": "Tier\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - hh:mm:ss.ms\t"
    "Duration - ss.msec\tAnnotation\n"
    "actions\t00:00:00.500\t0.5\t00:00:02.000\t1.5\tboil\n"
    "actions\t00:00:02.000\t2\t00:00:03.250\t1.25\tpour\n",
    "lines above": 'Coded by;"A. Smith"\n\nversion;3\nstart;end;label\n0.5;2;boil\n2;3.25;pour\n',
    "file names": "video,start,end,label\nC:\\clips\\tea.mp4,0.5,2,boil\ntea,2,3.25,pour\n",
    "line breaks in cells": 'start,end,"la\nbel"\n'.replace('"la\nbel"', "label")
    + '0.5,2,"\nboil\r\n"\n2,3.25,"pour"\n',
    "BORIS events": EVENTS
    + event("boil", "START", 0.5)
    + event("boil", "STOP", 2)
    + event("pour", "START", 2)
    + event("pour", "STOP", 3.25),
    "BORIS aggregated events": AGGREGATED
    + aggregated("boil", "STATE", 0.5, 2)
    + aggregated("pour", "STATE", 2, 3.25),
    "BORIS, named by the video": AGGREGATED
    + aggregated("boil", "STATE", 0.5, 2, "videos/tea.mp4")
    + aggregated("pour", "STATE", 2, 3.25, "videos/tea.mp4"),
    "BORIS' old export": OLD
    + old(0.5, "boil", "START")
    + old(2, "boil", "STOP")
    + old(2, "pour", "START")
    + old(3.25, "pour", "STOP"),
    "Datavyu": "trial.ordinal,trial.onset,trial.offset,trial.code01\n"
    "1,500,2000,boil\n2,00:00:02:000,3250,pour\n",
    "Datavyu, one column": "ordinal,onset,offset,code01\n1,500,2000,boil\n2,2000,3250,pour\n",
    "Datavyu without codes": "boil.ordinal,boil.onset,boil.offset,pour.onset,pour.offset\n"
    "1,500,2000,2000,3250\n",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_tables_of_tools_and_people(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "tea.csv"
    path.write_bytes(text.encode(encoding))
    found = sorted(read(path, times=KNOWN), key=lambda one: one.start_s)
    for one, expected in zip(found, [BOIL, POUR], strict=True):
        assert (one.recording, one.action) == (expected.recording, expected.action)
        assert (one.start_s, one.end_s) == pytest.approx((expected.start_s, expected.end_s))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (EVENTS + event("boil", "START", 1), ("line 2", "'boil' of tea starts at 1 s and never")),
        (EVENTS + event("boil", "STOP", 1), ("line 2", "stops without a start")),
        (EVENTS + event("boil", "NA", 1), ("line 2", "has the status 'NA'")),
        (EVENTS + event("a", "START", 1, "Ann") + event("a", "STOP", 2, "Ann")
         + event("b", "START", 1, "Bob") + event("b", "STOP", 2, "Bob"),
         ("several tiers", "--tier, of 'Ann', 'Bob'")),
        ("start,end,label,annotator\n0,1,a,Ann\n2,3,b,\n", ("--tier, of 'Ann', 'without a name'",)),
        ("a.ordinal,a.onset,a.offset,a.x,a.y\n1,0,900,p,q\n", ("--tier, of 'a.x', 'a.y'",)),
        ("a.onset,a.offset,a.x\n0.5,900,p\n", ("line 2", "must be milliseconds, but one is '0.5'")),
        ('start,end,label\n"1,234","2,345",a\n', ("'1,234' may be a thousand times as much",)),
        ("start;end;label\n0,5;1.234;a\n", ("line 2", "end is '1.234', which may be a thousand")),
        ("start,end,label\n00:00:01:12,00:00:02:00,a\n", ("line 2", "start must be seconds, or a")),
        ("start,end,label\n0:75,0:80,a\n", ("line 2", "sixty or more minutes or seconds")),
        ("start,end,label\n9:00 AM,9:01 AM,a\n", ("line 2", "start must be seconds, or a time")),
        ("start,end,label\n0,1,\u200b\n", ("line 2", "the action is empty")),
        ("start,end,label\n0,1,be\x07ll\n", ("line 2", "without control characters")),
    ],
)  # fmt: skip
def test_tables_that_are_refused(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    path = tmp_path / "tea.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read(path, times=KNOWN)
    assert all(part in str(caught.value) for part in (*parts, "tea.csv")), caught.value


@pytest.mark.parametrize(
    ("text", "tier", "actions"),
    [
        (EVENTS + event("a", "START", 1, "Ann") + event("b", "START", 1, "Bob")
         + event("a", "STOP", 2, "Ann") + event("b", "STOP", 2, "Bob"), "Bob", ["b"]),
        ("start,end,label,annotator\n0,1,a,Ann\n2,3,b,Bob\n", "Ann", ["a"]),
        ("a.ordinal,a.onset,a.offset,a.x,a.y\n1,0,900,p,q\n", "a.y", ["q"]),
        ("a.onset,a.offset,a.x,b.onset,b.offset,b.x\n0,900,p,0,100,q\n,,,100,200,r\n", "b",
         ["q", "r"]),
    ],
)  # fmt: skip
def test_the_advised_tier_is_read(tmp_path: Path, text: str, tier: str, actions: list[str]) -> None:
    path = tmp_path / "tea.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="--tier"):
        read(path)
    assert [one.action for one in read(path, tier=tier)] == actions
    with pytest.raises(DataError, match="has no tier 'Cid', its tiers are"):
        read(path, tier="Cid")


@pytest.mark.parametrize(
    "text",
    [
        EVENTS
        + event("boil", "START", 0.5)
        + event("knock", "POINT", 1)
        + event("boil", "STOP", 2),
        AGGREGATED + aggregated("boil", "STATE", 0.5, 2) + aggregated("knock", "POINT", 1, "NA"),
        AGGREGATED + aggregated("boil", "STATE", 0.5, 2) + aggregated("knock", "POINT", 1, 1),
        "a.onset,a.offset,a.x\n500,2000,boil\n1000,1000,knock\n",
    ],
)
def test_events_of_a_moment_are_left_out_and_said(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tea.csv"
    path.write_text(text)
    assert read(path) == [BOIL]
    assert "has 1 event that last no time, such as 'knock' at 1.0 s" in caplog.text


def test_an_offset_of_times_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "tea.tsv"
    table = OLD.replace("(s)\t0.000", "(s)\t12.5")
    path.write_text(table + old(0.5, "boil", "START") + old(2, "boil", "STOP"))
    assert read(path) == [BOIL]
    assert "has a time offset of 12.5" in caplog.text


def test_frames_are_those_of_the_features(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "tea.csv"
    path.write_text("Start Frame,End Frame,Label\n5,20,boil\n")
    assert read(path, times=KNOWN) == [BOIL]
    assert "counts frames: they are taken for those of the features" in caplog.text


LABELS = {
    "a line break": "pour\nmilk",
    "Windows' line break": "pour\r\nmilk",
    "a lone return": "pour\rmilk",
    "a vertical tab": "pour\vmilk",
    "a form feed": "pour\fmilk",
    "a line separator": "pour\u2028milk",
    "a paragraph separator": "pour\u2029milk",
    "a next line": "pour\u0085milk",
    "a tab": "pour\tmilk",
    "blanks around it": "  pour milk \u3000",
    "a no-break blank": "pour\u00a0milk",
    "a mark": "\ufeffpour milk",
    "a blank without width": "pour\u200b milk",
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_a_label_is_that_on_one_line(tmp_path: Path, label: str) -> None:
    rows = f'start,end,label\n0,1,"{label}"\n1,2,pour milk\n'
    table, tasks, project = (tmp_path / f"tea{end}" for end in (".csv", ".json", ".boris"))
    table.write_bytes(rows.encode())
    regions = [
        {
            "type": "timelinelabels",
            "value": {"ranges": [{"start": i + 1, "end": i + 1}], "timelinelabels": [one]},
        }
        for i, one in enumerate([label, "pour milk"])
    ]
    data = {"recording": "tea", "framerate": 1}
    tasks.write_text(json.dumps([{"data": data, "annotations": [{"result": regions}]}]))
    events = [
        [i + j, "", one, "", ""] for i, one in enumerate([label, "pour milk"]) for j in (0, 1)
    ]
    project.write_text(json.dumps({"observations": {"tea": {"events": events}}}))
    for path in (table, tasks, project):
        assert {one.action for one in read(path)} == {"pour milk"}, path


@pytest.mark.parametrize(
    "label",
    ["nan", "NA", "null", "None", "background", "0", "1.5", "-1", "=1+1", "+x", "a;b", "a,b",
     'say "hi"', "x" * 100_000, "茶" * 500, "true", "'quoted'"],
)  # fmt: skip
def test_labels_stay_what_they_are(tmp_path: Path, label: str) -> None:
    quoted = label.replace('"', '""')
    path = tmp_path / "tea.csv"
    path.write_text(f'start,end,label\n0.5,2,"{quoted}"\n', encoding="utf-8")
    assert read(path) == [Interval("tea", 0.5, 2.0, label)]


def test_composed_and_decomposed_letters_are_one_label(tmp_path: Path) -> None:
    path = tmp_path / "tea.csv"
    path.write_text("start,end,label\n0,1,ru\u0308hren\n1,2,r\u00fchren\n", encoding="utf-8")
    assert {one.action for one in read(path)} == {"rühren"}


def test_windows_encoding_is_read_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tea.csv"
    text = "start,end,label\n0.5,2,rühren – „heiß“\n"
    path.write_bytes(text.encode("cp1252"))
    assert read(path) == [Interval("tea", 0.5, 2.0, "rühren – „heiß“")]
    assert "read as Windows-1252, with 'rühren', " in caplog.text
    for other in ("cp1251", "gbk", "shift-jis", "euc-kr"):
        word = {"cp1251": "наливать", "gbk": "倒牛奶", "shift-jis": "注ぐ茶", "euc-kr": "따르다"}[
            other
        ]
        path.write_bytes(f"start,end,label\n0.5,2,{word}\n".encode(other))
        with pytest.raises(DataError, match="line 2: is not UTF-8 text: save it as UTF-8"):
            read(path)


def opf(path: Path, *lines: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("db", "\n".join(("#4", *lines, "")))
        archive.writestr("project", "!project\n")
    return path


def test_spreadsheets_of_datavyu(tmp_path: Path) -> None:
    cells = "00:00:00:500,00:00:02:000,(boil)", "00:00:02:000,00:00:03:250,(pour)"
    path = opf(tmp_path / "tea.opf", "trial (MATRIX,true,)-code01|NOMINAL", *cells)
    assert read(path) == [BOIL, POUR]
    two = "look (MATRIX,false,)-where|NOMINAL,how|NOMINAL", r"00:00:00:000,00:00:01:000,(a\, b,far)"
    opf(path, "trial (MATRIX,true,)-code01|NOMINAL", *cells, *two)
    with pytest.raises(DataError, match=r"--tier, of 'trial.code01', 'trial', 'look.where'"):
        read(path)
    assert read(path, tier="trial") == [BOIL, POUR]
    assert [one.action for one in read(path, tier="look.where")] == ["a, b"]
    for content in (b"", b"PK\x03\x04", b"no zip"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a file of Datavyu, or is damaged"):
            read(path)
    with pytest.raises(DataError, match="'x' is neither a column nor a cell"):
        read(opf(path, "x"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("db", "x" * 1000)
    content = bytearray(path.read_bytes())
    content[32:36] = b"\xff" * 4  # of what is compressed
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a file of Datavyu, or is damaged"):
        read(path)


def project(path: Path, observations: dict[str, object]) -> Path:
    conf = {
        "0": {"type": "State event", "code": "boil"},
        "1": {"type": "Point event", "code": "knock"},
    }
    path.write_text(json.dumps({"behaviors_conf": conf, "observations": observations}))
    return path


def test_projects_of_boris(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    events = [[2.0, "", "boil", "", ""], [1, "", "knock", "", ""], [0.5, "", "boil", "", "", 12]]
    media = {"file": {"1": ["/videos/tea.mp4"], "2": []}, "events": events, "time offset": 0.0}
    path = project(tmp_path / "p.boris", {"visit 3": media})
    assert read(path, times=KNOWN) == [BOIL]
    assert "1 event that last no time, such as 'knock'" in caplog.text
    project(path, {"visit 3": media, "visit 4": media})
    with pytest.raises(DataError, match="--tier, of 'visit 3', 'visit 4'"):
        read(path, times=KNOWN)
    assert read(path, times=KNOWN, tier="visit 4") == [BOIL]
    project(path, {"tea": {"events": events[:1]}})
    with pytest.raises(DataError, match=r"'boil' of tea starts at 2 s and never stops"):
        read(path)
    project(path, {"tea": {"events": events, "time offset": 5.0}})
    assert read(path) == [BOIL]
    assert "tea has a time offset of 5.0 s" in caplog.text
    for broken in ({"tea": []}, {"tea": {"events": [["x"]]}}, {"tea": {"events": [[]]}}):
        with pytest.raises(DataError, match=r"p\.boris"):
            read(project(path, broken))


def test_annotators_of_label_studio(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "export.json"
    made = [
        {
            "completed_by": who,
            "result": [
                {
                    "type": "timeserieslabels",
                    "value": {"start": 0.5, "end": 2, "timeserieslabels": [label]},
                }
            ],
        }
        for who, label in ((1, "boil"), ({"id": 2, "email": "b@x.org"}, "pour"))
    ]
    task = {"data": {"csv": "/data/upload/3/0a1b2c3d-tea.csv"}, "annotations": made}
    path.write_text(json.dumps([task]))
    assert read(path, times=KNOWN) == [Interval("tea", 0.5, 2.0, "pour")]
    assert "task 1 has annotations by '1', '2', 'b@x.org'" in caplog.text
    assert read(path, times=KNOWN, tier="1") == [BOIL]
    with pytest.raises(DataError, match=r"has no annotation by 'c', but by '1', '2', 'b@x.org'"):
        read(path, tier="c")

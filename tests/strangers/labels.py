"""Labels of other tools, names, corrections and groups as strangers may write them."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np

from tests.strangers.room import Room, each, kind
from tests.strangers.tables import Evil, bomb


def eaf(body: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<ANNOTATION_DOCUMENT>{body}</ANNOTATION_DOCUMENT>'


def slots(*values: object) -> str:
    times = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="t{i}" TIME_VALUE="{one}"/>' for i, one in enumerate(values)
    )
    spans = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i}" TIME_SLOT_REF1="t{i}" TIME_SLOT_REF2="t{i + 1}">'
        "<ANNOTATION_VALUE>pour</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for i in range(0, len(values) - 1, 2)
    )
    return f'<TIME_ORDER>{times}</TIME_ORDER><TIER TIER_ID="actions">{spans}</TIER>'


LOL = "<!DOCTYPE z [<!ENTITY a 'lol'>" + "".join(
    f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(12)
) + "]>"  # fmt: skip
GRID = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 9\ntiers? <exists>\nsize = {}\nitem []:\n'
TIER = '    item [1]:\n        class = "IntervalTier"\n        name = "actions"\n        xmin = 0\n        xmax = 9\n        intervals: size = {}\n'
ONE = '        intervals [1]:\n            xmin = {}\n            xmax = {}\n            text = "{}"\n'

LABELS: dict[str, str | bytes] = {
    "r0.eaf:lol": eaf("<A>&m;</A>", LOL), "r0.eaf:lol_value": eaf('<TIER TIER_ID="&m;"/>', LOL),
    "r0.eaf:file": eaf("<A>&x;</A>", "<!DOCTYPE z [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"),
    "r0.eaf:remote": eaf("", "<!DOCTYPE z SYSTEM 'http://127.0.0.1/z.dtd'>"), "r0.eaf:deep": eaf("<A>" * 200_000),
    "r0.eaf:nan": eaf(slots("nan", 5)), "r0.eaf:long": eaf(slots("9" * 5000, 5)), "r0.eaf:far": eaf(slots(0, 10**15)),
    "r0.eaf:negative": eaf(slots(-5000, 5)), "r0.eaf:back": eaf(slots(5000, 5)), "r0.eaf:cut": eaf("")[:30], "r0.eaf:empty": b"",
    "r0.eaf:zero": b"\0" * 9000, "r0.eaf:entity_quadratic": eaf("<A>" + "&x;" * 3000 + "</A>", f"<!DOCTYPE z [<!ENTITY x '{'y' * 99_999}'>]>"),
    "r0.eaf:encoding": '<?xml version="1.0" encoding="utf-7"?><ANNOTATION_DOCUMENT/>',
    "r0.eaf:loop": eaf('<TIER TIER_ID="a"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a" ANNOTATION_REF="a"/></ANNOTATION></TIER>'),
    "r0.TextGrid:claims": GRID.format(1) + TIER.format(10**12), "r0.TextGrid:tiers": GRID.format(10**12), "r0.TextGrid:noise": bytes(range(256)) * 99,
    "r0.TextGrid:quote": GRID.format(1) + TIER.format(1) + '"' * 100_001, "r0.TextGrid:long": GRID.format(1) + TIER.format(1) + ONE.format("9" * 5000, 5, "a"),
    "r0.TextGrid:nan": GRID.format(1) + TIER.format(1) + ONE.format("nan", "inf", "a"), "r0.TextGrid:empty": b"",
    "p.boris:deep": "[" * 100_000, "p.boris:long": '{"observations": {"r0": {"events": [[' + "9" * 5000 + ', "", "a"], [5, "", "a"]]}}}',
    "p.boris:inf": '{"observations": {"r0": {"events": [[0, "", "a"], [1e999, "", "a"]]}}}', "p.boris:events": '{"observations": {"r0": {"events": {"a": 1}}}}',
    "p.boris:file": '{"observations": {"/etc/passwd": {"file": {"1": ["/dev/zero"]}, "events": [[0, "", "a"], [1, "", "a"]]}}}',
    "p.boris:behaviours": '{"behaviors_conf": [1], "observations": []}', "p.boris:null": "null", "p.boris:empty": "",
    "l.json:deep": "[" * 100_000, "l.json:task": '[{"data": {"recording": "r0", "framerate": 10}, "annotations": [{"result": 7}]}]',
    "l.json:range": json.dumps([{"data": {"recording": "r0", "framerate": 10}, "annotations": [{"result": [{"type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 10**18}], "timelinelabels": ["a"]}}]}]}]),
    "l.json:rate": json.dumps([{"data": {"recording": "r0", "framerate": 1e-300}, "annotations": [{"result": [{"type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 5}], "timelinelabels": ["a"]}}]}]}]),
    "l.json:video": json.dumps([{"data": {"video": "http://[broken/x?d=\0"}, "annotations": [{"result": [{"type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 5}], "timelinelabels": ["a"]}}]}]}]),
    "l.json:anet": json.dumps({"database": {"r0": {"annotations": [{"segment": [0, 1e308], "label": "a"}]}}}), "l.json:vidat": json.dumps({"version": "2.0.0", "annotation": {"actionAnnotationList": 7, "video": {}}}),
    "l.json:vidat_huge": json.dumps({"version": "2.0.0", "annotation": {"actionAnnotationList": [{"start": 0, "end": 10**30, "action": 1}], "video": {"src": "r0.mp4"}}, "config": {"actionLabelData": [{"id": 1, "name": "a"}]}}),
    "l.json:twice": '{"a": 1, "a": 2}', "l.json:surrogate": '{"\\ud800": 1}', "l.json:number": "9" * 5000, "l.json:empty": "", "l.json:nan": "[NaN]",
    "l.csv:far": "recording,start_s,end_s,action\nr0,0,1e308,a\n", "l.csv:back": "recording,start_s,end_s,action\nr0,5,1,a\n",
    "l.csv:many": "recording,start_s,end_s,action\n" + "r0,0,1,a\nr0,0,1,b\n" * 50_000, "l.csv:wide": "recording,start_s,end_s,action\nr0,0,1," + "a" * 5_000_000 + "\n",
    "l.csv:unknown": "recording,start_s,end_s,action\n" + "".join(f"x{i},0,1,a\n" for i in range(50_000)), "l.csv:nul": "recording,start_s,end_s,action\nr0,0,1,\0\n",
    "l.csv:quote": 'recording,start_s,end_s,action\nr0,0,1,"' + "a\n" * 50_000, "l.csv:names": "recording,start_s,end_s,action\n../../r0,0,1,a\n/etc/passwd,0,1,b\n",
    "l.csv:head": "a" * 1_000_000 + "\n", "l.csv:overlap": "recording,start_s,end_s,action\nr0,0,3,a\nr0,1,2,b\n", "l.csv:empty": "", "l.csv:noise": bytes(range(256)) * 99,
    "l.csv:long": f"recording,start_s,end_s,action\nr0,0,{'9' * 5000},a\n", "l.csv:frames": f"recording,start_frame,end_frame,action\nr0,0,{10**17},a\n",
    "r0.txt:long": "a\n" * 5_000_000, "r0.txt:nul": "\0\n" * 99, "r0.txt:empty": "", "r0.txt:line": "a" * 5_000_000,
    "r0.vtt:far": "WEBVTT\n\n999999999999:00:00.000 --> 999999999999:00:01.000\na\n", "r0.vtt:noise": b"WEBVTT\n" + bytes(range(256)) * 9, "r0.vtt:empty": "WEBVTT\n",
    "l.xlsx:bomb": bomb("xl/worksheets/sheet1.xml", b"<worksheet/>"), "l.xlsx:zip": bomb("x", b"", 10), "l.xlsx:noise": b"PK\x03\x04" + bytes(900), "l.xlsx:empty": b"",
    "l.parquet:noise": b"PAR1" + bytes(900) + b"PAR1", "l.parquet:empty": b"", "r0.nwb:noise": b"\x89HDF\r\n\x1a\n" + bytes(9000), "r0.nc:noise": b"CDF\x01" + bytes(900),
    "r0.nc:hdf5": b"\x89HDF\r\n\x1a\n" + bytes(9000), "l.opf:noise": bytes(range(256)), "l.opf:bomb": bomb("db", b"", 3000), "l.pkl:evil": pickle.dumps(Evil()), "l.npy:evil": pickle.dumps(Evil()), "l.mat:noise": bytes(500),
}  # fmt: skip


@each(
    "labels",
    {key.replace(":", "_"): (key.partition(":")[0], one) for key, one in LABELS.items()},
    2,
)
def labels(room: Room, given: tuple[str, str | bytes]) -> list[object]:
    """Labels of a tool, to compare with."""
    return ["evaluate", room.results(), "--truth", room.write(*given)]


IMPORTED = ("far", "lol", "claims", "range", "names", "many", "wide", "deep", "bomb")


@each(
    "import",
    {
        key.replace(":", "_"): (key.partition(":")[0], one)
        for key, one in LABELS.items()
        if key.partition(":")[2] in IMPORTED
    },
    0,
    2,
)
def imported(room: Room, given: tuple[str, str | bytes]) -> list[object]:
    """The same as corrections."""
    return ["import", room.results(), room.write(*given), "--as", "corrections"]


def sheet(room: Room, how: str) -> Any:
    import openpyxl

    book = openpyxl.Workbook()
    page: Any = book.active
    page.append(["recording", "start_s", "end_s", "action"])
    page.append(
        [
            "r0",
            {"formula": "=1+1", "error": "#REF!", "word": "x"}.get(how, 0),
            10**300 if how == "far" else 1,
            "a",
        ]
    )
    if how == "distant":
        page.cell(1_048_576, 16_384, "x")
    path = room.data / "l.xlsx"
    book.save(path)
    if how in ("dimension", "entity"):
        import zipfile

        with zipfile.ZipFile(path) as old:
            parts = {one: old.read(one) for one in old.namelist()}
        name = "xl/worksheets/sheet1.xml"
        text = parts[name].decode()
        if how == "dimension":
            text = text.replace('ref="A1:D2"', 'ref="A1:XFD1048576"')
        else:
            text = LOL + text.replace("<sheetData>", "<sheetData><!-- &m; -->").replace(
                "</sheetData>", "&m;</sheetData>"
            )
        parts[name] = text.encode()
        with zipfile.ZipFile(path, "w") as new:
            for one, content in parts.items():
                new.writestr(one, content)
    return path


@each(
    "sheet",
    {how: how for how in ("formula", "error", "word", "far", "distant", "dimension", "entity")},
    0,
    2,
)
def sheets(room: Room, how: str) -> list[object]:
    """Spreadsheets with cells that are no times, or claims of many."""
    return ["evaluate", room.results(), "--truth", sheet(room, how)]


@each(
    "table",
    {
        "list": lambda pa: pa.table(
            {"recording": ["r0"], "start_s": [[1.0]], "end_s": [2.0], "action": ["a"]}
        ),
        "repeated": lambda pa: pa.table(
            {
                "recording": pa.DictionaryArray.from_arrays(
                    pa.array(np.zeros(30_000_000, "i4")), ["r0"]
                ),
                "start_s": np.zeros(30_000_000, "f4"),
                "end_s": np.ones(30_000_000, "f4"),
                "action": pa.DictionaryArray.from_arrays(
                    pa.array(np.zeros(30_000_000, "i4")), ["a"]
                ),
            }
        ),
        "nan": lambda pa: pa.table(
            {"recording": ["r0"], "start_s": [float("nan")], "end_s": [2.0], "action": ["a"]}
        ),
        "lerobot": lambda pa: pa.table(
            {
                "subtask_index": [10**18] * 9,
                "frame_index": list(range(9)),
                "episode_index": [0] * 9,
                "timestamp": [0.0] * 9,
            }
        ),
    },
    2,
)
def table(room: Room, make: Any) -> list[object]:  # fmt: skip
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(make(pa), room.data / "l.parquet")
    return ["evaluate", room.results(), "--truth", room.data / "l.parquet"]


NAMES: dict[str, str | bytes] = {
    "deep": "[" * 100_000, "deep_maps": '{"names":' * 50_000, "long_int": '{"format": 1, "names": {"' + "9" * 5000 + '": "a"}}', "list": "[]", "null": "null",
    "many": json.dumps({str(i): "a" for i in range(500_000)}), "long": json.dumps({"0": "x" * 5_000_000}), "control": '{"0": "a\\u0000\\u0007b"}',
    "direction": '{"0": "\\u202e\\u2066evil"}', "formula": '{"0": "=HYPERLINK(1)", "1": "@x", "2": "+1"}', "markup": '{"0": "</script><img src=x onerror=alert(1)>"}',
    "surrogate": '{"0": "\\ud800"}', "empty_name": '{"0": " \\u200b "}', "added": '{"format": 1, "names": {}, "added": 1000000000}',
    "loop": '{"format": 1, "names": {}, "merged": {"0": 1, "1": 0}}', "climbs": '{"format": 1, "names": {}, "recordings": {"../../up": {"frames": 5, "segments": []}}}',
    "absolute": '{"format": 1, "names": {}, "recordings": {"/tmp/pwned": {"frames": 5, "segments": [{"start": 0, "end": 5, "action": 0}]}}}',
    "frames": '{"format": 1, "names": {}, "recordings": {"r0": {"frames": 1000000000, "segments": [{"start": 0, "end": 1000000000, "action": 0}]}}}',
    "overlap": '{"format": 1, "names": {}, "recordings": {"r0": {"frames": 60, "segments": [{"start": 0, "end": 9, "action": 0}, {"start": 3, "end": 5, "action": 0}]}}}',
    "by": json.dumps({"format": 1, "names": {"0": "a"}, "by": "../" * 50_000, "recordings": {}}), "nan": '{"0": NaN}', "empty": "", "noise": bytes(range(256)), "utf16": '{"0": "a"}'.encode("utf-16")[:-1],
    "path": '{"0": "../../../etc/passwd", "1": "/etc/passwd", "2": "CON"}',
}  # fmt: skip


@each("names", NAMES, 0, 2)
def names(room: Room, content: str | bytes) -> list[object]:
    return ["relabel", room.results(), room.write("names.json", content)]


@each(
    "corrections",
    {
        name: NAMES[name]
        for name in ("markup", "climbs", "absolute", "path", "control", "frames", "many")
    },
    0,
    2,
)
def corrections(room: Room, content: str | bytes) -> list[object]:
    """Corrections of which every format is written."""
    return [
        "export",
        room.results(),
        "--to",
        "all",
        "--out",
        room.out,
        "--corrections",
        room.write("c.json", content),
    ]


GROUPS: dict[str, str | bytes] = {
    "empty": "", "head": "recording,group\n", "twice": "recording,group\nr0,a\nr0,b\n", "unknown": "recording,group\n../../x,a\n/etc/passwd,b\n", "nul": "recording,group\nr0,\0\n",
    "formula": "recording,group\nr0,=1+1\nr1,@x\nr2,=1+1\n", "wide": "recording,group\nr0," + "g" * 5_000_000 + "\nr1,b\nr2,b\n", "many": "recording,group\n" + "".join(f"x{i},g{i}\n" for i in range(200_000)),
    "columns": "recording,group," + ",".join(f"c{i}" for i in range(50_000)) + "\nr0,a\n", "quote": 'recording,group\nr0,"' + "a\n" * 50_000, "noise": bytes(range(256)) * 99, "no_column": "a,b\n1,2\n",
    "path": "recording,group\nr0,../../up\nr1,/tmp/pwned\nr2,CON\n", "markup": "recording,group\nr0,<script>\nr1,a\nr2,a\n", "ragged": "recording,group\nr0,a,b,c\nr1\n",
}  # fmt: skip


@each("groups", GROUPS, 0, 2)
def groups(room: Room, content: str | bytes) -> list[object]:
    return [
        "stats",
        room.results(),
        "--groups",
        room.write("groups.csv", content),
        "--out",
        room.out,
        "--figures",
        "0",
    ]


@kind(2)
def sparse_labels(room: Room) -> list[object]:
    with room.write("r0.txt", "a\n").open("r+b") as stream:
        stream.truncate(50 * 10**9)
    return ["evaluate", room.results(), "--truth", room.data / "r0.txt"]


@kind(2)
def sparse_names(room: Room) -> list[object]:
    with room.write("names.json", '{"0": "a"}').open("r+b") as stream:
        stream.truncate(50 * 10**9)
    return ["relabel", room.results(), room.data / "names.json"]


@kind(2)
def sparse_groups(room: Room) -> list[object]:
    with room.write("groups.csv", "recording,group\nr0,a\n").open("r+b") as stream:
        stream.truncate(50 * 10**9)
    return ["stats", room.results(), "--groups", room.data / "groups.csv", "--out", room.out]

"""Files that are whole, and hold what no tool writes: each format's own corners."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.strangers.labels import eaf, slots
from tests.strangers.room import Room, each
from tests.strangers.tables import HEAD, ROWS, rows, saved

HEADER = "recording,start_s,end_s,action\n"
SLOTS = '<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t0" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="900"/></TIME_ORDER>'
VALUE = "<ANNOTATION_VALUE>{}</ANNOTATION_VALUE>"
SPAN = (
    '<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{}" TIME_SLOT_REF1="{}" TIME_SLOT_REF2="{}">'
    + VALUE
    + "</ALIGNABLE_ANNOTATION></ANNOTATION>"
)
TIER_OF = '<TIER TIER_ID="{}" PARENT_REF="{}" LINGUISTIC_TYPE_REF="q">{}</TIER>'


def task(**value: Any) -> str:
    result = {
        "type": "timelinelabels",
        "value": {"ranges": [{"start": 1, "end": 5}], "timelinelabels": ["a"], **value},
    }
    return json.dumps([{"data": {"recording": "r0", "framerate": 10}, "annotations": [{"result": [result]}]}])  # fmt: skip


def boris(*events: Any, **more: Any) -> str:
    return json.dumps({"observations": {"r0": {"events": list(events), **more}}})


TRUTHS: dict[str, str | bytes] = {
    "r0.eaf:slot_missing": eaf(SLOTS + TIER_OF.format("a", "", SPAN.format("x", "t0", "t9", "pour"))),
    "r0.eaf:slot_twice": eaf(SLOTS * 2 + TIER_OF.format("a", "", SPAN.format("x", "t0", "t1", "pour"))),
    "r0.eaf:parents_loop": eaf(SLOTS + TIER_OF.format("a", "b", "") + TIER_OF.format("b", "a", SPAN.format("x", "t0", "t1", "p"))),
    "r0.eaf:parent_itself": eaf(SLOTS + TIER_OF.format("a", "a", SPAN.format("x", "t0", "t1", "p"))),
    "r0.eaf:tiers_twins": eaf(SLOTS + TIER_OF.format("a", "", SPAN.format("x", "t0", "t1", "p")) * 2),
    "r0.eaf:tiers_many": eaf(SLOTS + "".join(TIER_OF.format(f"a{i}", "", "") for i in range(50_000))),
    "r0.eaf:value_long": eaf(SLOTS + TIER_OF.format("a", "", SPAN.format("x", "t0", "t1", "p" * 3_000_000))),
    "r0.eaf:value_odd": eaf(SLOTS + TIER_OF.format("a", "", SPAN.format("x", "t0", "t1", "&#x202e;&#9;&#x85;"))),
    "r0.eaf:value_none": eaf(SLOTS + TIER_OF.format("a", "", SPAN.format("x", "t0", "t1", "").replace(VALUE.format(""), ""))),
    "r0.eaf:references": eaf(SLOTS + TIER_OF.format("a", "", "".join(f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="x{i}" ANNOTATION_REF="x{i + 1}">{VALUE.format("p")}</REF_ANNOTATION></ANNOTATION>' for i in range(20_000)))),
    "r0.eaf:untimed": eaf("<TIME_ORDER>" + "".join(f'<TIME_SLOT TIME_SLOT_ID="t{i}"/>' for i in range(3000)) + "</TIME_ORDER>" + TIER_OF.format("a", "", SPAN.format("x", "t0", "t2999", "p"))),
    "r0.eaf:unit": eaf('<HEADER TIME_UNITS="fortnights"/>' + slots(0, 900)), "r0.eaf:media": eaf('<HEADER MEDIA_FILE="/dev/zero"><MEDIA_DESCRIPTOR MEDIA_URL="file:///dev/zero" TIME_ORIGIN="999999999999999"/></HEADER>' + slots(0, 900)),
    "r0.eaf:fraction": eaf(slots("0.5", "1e3")), "r0.eaf:digits": eaf(slots("\u0661", "\u0669")), "r0.eaf:utf16": eaf(slots(0, 900)).encode("utf-16"), "r0.eaf:namespace": eaf(slots(0, 900)).replace("<ANNOTATION_DOCUMENT", '<ANNOTATION_DOCUMENT xmlns="x:y"'),
    "p.boris:backwards": boris([9, "", "a"], [1, "", "a"]), "p.boris:odd": boris([0, "", "a"]), "p.boris:short": boris([0]), "p.boris:types": boris([{}, [], None]), "p.boris:time": boris(["x", "", "a"], [True, "", "a"]),
    "p.boris:many": boris(*([i / 100, "", f"a{i % 300}"] for i in range(100_000))), "p.boris:offset": boris([0, "", "a"], [1, "", "a"], **{"time offset": "1e308"}), "p.boris:code": boris([0, "", {"a": 1}], [1, "", {"a": 1}]),
    "p.boris:media": boris([0, "", "a"], [1, "", "a"], media_info={"fps": {"x": 0}, "length": {"x": -1}}, file=7), "p.boris:observations": '{"observations": {"": {"events": []}, "..": {"events": []}}}',
    "l.json:start_text": task(ranges=[{"start": "1", "end": "x"}]), "l.json:labels_none": task(timelinelabels=[]), "l.json:labels_number": task(timelinelabels=[7]), "l.json:ranges_none": task(ranges=None), "l.json:range_back": task(ranges=[{"start": 9, "end": 1}]),
    "l.json:frame_0": task(ranges=[{"start": 0, "end": 0}]), "l.json:label_long": task(timelinelabels=["x" * 3_000_000]), "l.json:half": task(ranges=[{"start": 1.5, "end": 2.5}]), "l.json:true": "true", "l.json:text": '"text"', "l.json:bom": "\ufeff" + task(),
    "l.json:anet_times": json.dumps({"database": {"r0": {"annotations": [{"segment": [5], "label": "a"}]}}}), "l.json:anet_none": json.dumps({"database": {"r0": {"annotations": None}}}), "l.json:anet_many": json.dumps({"database": {f"v{i}": {"annotations": []} for i in range(100_000)}}),
    "l.json:anet_label": json.dumps({"database": {"r0": {"annotations": [{"segment": [0, 1], "label": ["a"]}]}}}), "l.csv:both": "recording,start_s,end_s,start_frame,end_frame,action\nr0,0,1,5,3,a\n", "l.csv:twins": "recording,start_s,start_s,end_s,action\nr0,0,1,2,a\n",
    "l.csv:no_action": HEADER + "r0,0,1,\n", "l.csv:actions_many": HEADER + "".join(f"r0,{i / 1e4},{(i + 1) / 1e4},a{i}\n" for i in range(30_000)), "l.csv:zero": HEADER + "r0,1,1,a\n", "l.csv:inf": HEADER + "r0,0,inf,a\n", "l.csv:comma": "recording;start_s;end_s;action\nr0;0,5;1,5;a\n",
    "l.csv:clock": HEADER + "r0,00:00:00,99:99:99,a\n", "l.csv:short_row": HEADER + "r0,0\n", "l.csv:utf16": (HEADER + "r0,0,1,a\n").encode("utf-16-be"), "l.csv:mac": (HEADER + "r0,0,1,a\n").replace("\n", "\r"), "l.csv:head_only": HEADER, "l.csv:spaces": HEADER.replace(",", " , ") + " r0 , 0 , 1 , a \n",
    "r0.txt:numbers": "0\n" * 60, "r0.txt:blank": "a\n\n" * 60, "r0.txt:tabs": "\t\n" * 60, "r0.txt:utf16": ("a\n" * 60).encode("utf-16"), "r0.txt:separators": "a\u2028" * 60, "r0.txt:own": "".join(f"a{i}\n" for i in range(60)),
    "r0.vtt:back": "WEBVTT\n\n00:00:05.000 --> 00:00:01.000\na\n", "r0.vtt:minutes": "WEBVTT\n\n00:99:99.999 --> 01:99:99.999\na\n", "r0.vtt:many": "WEBVTT\n\n" + "".join(f"00:00:{i % 60:02}.000 --> 00:00:{i % 60:02}.500\na\n\n" for i in range(60_000)), "r0.srt:numbers": "x\n00:00:00,000 --> 00:00:01,000\na\n",
    "r0.TextGrid:back": 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n9\n0\n<exists>\n1\n"IntervalTier"\n"a"\n9\n0\n1\n9\n0\n"p"\n', "r0.TextGrid:tiers_0": 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n0\n', "r0.TextGrid:points": 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n1\n"TextTier"\n"a"\n0\n9\n1\n5\n"p"\n',
}  # fmt: skip


@each("odd_truth", {key.replace(":", "_"): (key.partition(":")[0], one) for key, one in TRUTHS.items()}, 0, 2)  # fmt: skip
def odd_truth(room: Room, given: tuple[str, str | bytes]) -> list[object]:
    return ["evaluate", room.results(), "--truth", room.write(*given)]


FEATURES: dict[str, dict[str, str | bytes]] = {
    "mapping_twice": {"mapping/mapping.txt": "0 a\n0 b\n"}, "mapping_same": {"mapping/mapping.txt": "0 a\n1 a\n"}, "mapping_negative": {"mapping/mapping.txt": "-1 a\n"}, "mapping_gap": {"mapping/mapping.txt": "0 a\n1000000000000 b\n"},
    "mapping_bom": {"mapping/mapping.txt": b"\xef\xbb\xbf0 a\r\n1 b\r\n"}, "mapping_empty": {"mapping/mapping.txt": ""}, "mapping_no_name": {"mapping/mapping.txt": "0\n1\n"}, "mapping_spaces": {"mapping/mapping.txt": "0 a b c\n1 \u2003\n"}, "mapping_many": {"mapping/mapping.txt": "".join(f"{i} a{i}\n" for i in range(200_000))},
    "truth_unknown": {"mapping/mapping.txt": "0 a\n", "groundTruth/r0": "z\n" * 60}, "truth_utf16": {"groundTruth/r0": ("a\n" * 60).encode("utf-16")}, "truth_two": {"groundTruth/r0": "a\n" * 60, "groundTruth/r0.txt": "b\n" * 60}, "truth_extra": {"groundTruth/other": "a\n" * 60}, "truth_many": {"groundTruth/r0": "".join(f"a{i}\n" for i in range(60))},
    "truth_long": {"groundTruth/r0": "a\n" * 2_000_000}, "times_2d": {"times/r0.npy": saved(np.zeros((61, 2)))}, "times_integer": {"times/r0.npy": saved(np.arange(61))}, "times_complex": {"times/r0.npy": saved(np.arange(61) * 1j)}, "times_text": {"times/r0.npy": saved(np.full(61, "x"))}, "times_inf": {"times/r0.npy": saved(np.full(61, np.inf))}, "times_still": {"times/r0.npy": saved(np.zeros(61))},
    "features_integer": {"features/x.npy": saved(np.ones((60, 4), np.int64) * 2**60)}, "features_bool": {"features/x.npy": saved(np.ones((60, 4), bool))}, "features_half": {"features/x.npy": saved(np.ones((60, 4), np.float16))}, "features_big_endian": {"features/x.npy": saved(np.ones((60, 4), ">f8"))}, "features_fortran": {"features/x.npy": saved(np.asfortranarray(np.ones((60, 4))))},
    "features_huge": {"features/x.npy": saved(np.full((60, 4), 1e300))}, "features_still": {"features/r0.npy": saved(np.zeros((60, 4), np.float32)), "features/r1.npy": saved(np.zeros((60, 4), np.float32)), "features/r2.npy": saved(np.zeros((60, 4), np.float32))}, "features_twins": {"features/r0.txt": "1 2 3 4\n" * 60}, "features_csv": {"features/x.csv": "1,2,3,4\n" * 60}, "features_hidden": {"features/.x.npy": b"", "features/Thumbs.db": b"x"},
}  # fmt: skip


@each("odd_data", FEATURES, 0, 2)
def odd_data(room: Room, files: dict[str, str | bytes]) -> list[object]:
    room.arrays()
    for name, content in files.items():
        room.write(name, content)
    return room.train() if room.rng.random() < 0.5 else ["data", "check", room.data]


LOGS: dict[str, str | bytes] = {
    "hex.csv": HEAD + rows("0x1F"), "booleans.csv": HEAD + rows("true", "false"), "percent.csv": HEAD + rows("5%"), "money.csv": HEAD + rows("$1", "\u20ac2"), "thousands.csv": HEAD.replace(",", ";") + ROWS.replace(",", ";").replace(".", ","), "blanks.csv": HEAD + rows("", "1"), "words.csv": HEAD + rows("1", "n/a", "-", "?"), "unicode_minus.csv": HEAD + rows("\u22125"),
    "dates_1900.csv": HEAD + "".join(f"1900-01-01 00:00:{i % 60:02},1,{i}\n" for i in range(60)), "zone.csv": HEAD + "".join(f"2020-03-29T0{i // 60 + 1}:{i % 60:02}:00+25:99,1,{i}\n" for i in range(120)), "leap.csv": HEAD + "".join(f"2016-12-31T23:59:{i},1,{i}\n" for i in range(62)), "epoch_ns.csv": HEAD + "".join(f"{2**62 + i},1,{i % 3}\n" for i in range(200)),
    "clock_ties.csv": HEAD + "".join(f"{i // 50},{i % 3},2\n" for i in range(200)), "clock_words.csv": HEAD + "".join(f"t{i},{i % 3},2\n" for i in range(200)), "two_clocks.csv": "time,timestamp,a\n" + "".join(f"{i},{-i},{i % 3}\n" for i in range(200)), "nothing_but_clock.csv": "time_s\n" + "".join(f"{i}\n" for i in range(200)), "constant.csv": HEAD + "".join(f"{i},1,1\n" for i in range(200)),
    "comments.csv": "#" * 100_000 + "\n" + HEAD + ROWS, "header_deep.csv": "x\n" * 5000 + HEAD + ROWS, "header_again.csv": (HEAD + ROWS) * 5, "footer.csv": HEAD + ROWS + "total,,\nsum,1,2\n", "quotes_open.csv": HEAD + '"' + ROWS, "quotes_names.csv": '"time_s","a""b","c,d"\n' + ROWS, "crlf_mixed.csv": HEAD + ROWS.replace("\n", "\r\n", 50).replace("\r\n", "\r", 10), "tabs.tsv": "\t" * 10_000 + "\n" + "1\t" * 10_000,
    "nbsp.csv": HEAD + rows("1\u00a0000"), "exponents.csv": HEAD + rows("1e400", "-1e400", "1e-400"), "nan.csv": HEAD + rows("nan"), "pose_far.csv": "scorer,D,D,D\nbodyparts,n,n,n\ncoords,x,y,likelihood\n" + "".join(f"{i},1e308,-1e308,2\n" for i in range(60)), "pose_scores.csv": "scorer,D,D,D\nbodyparts,n,n,n\ncoords,x,y,likelihood\n" + "".join(f"{i},1,2,-5\n" for i in range(60)),
    "pose_twins.csv": "scorer,D,D,D,D\nbodyparts,n,n,n,n\ncoords,x,y,x,y\n" + "".join(f"{i},1,2,3,4\n" for i in range(60)), "pose_frames.csv": "scorer,D,D\nbodyparts,n,n\ncoords,x,y\n" + "".join(f"{-i},1,2\n" for i in range(60)), "pose_blank.csv": "scorer,,\nbodyparts,,\ncoords,x,y\n" + "".join(f"{i},1,2\n" for i in range(60)),
    "floats_16.npy": saved(np.ones((60, 3), np.float16)), "big_endian.npy": saved(np.arange(180.0).reshape(60, 3).astype(">f8")), "bools.npy": saved(np.ones((60, 3), bool)), "one_column.npy": saved(np.arange(60.0)), "huge_values.npy": saved(np.full((60, 3), 1e308)), "inf.npy": saved(np.full((60, 3), np.inf)), "version_3.npy": saved(np.ones((60, 3))).replace(b"NUMPY\x01", b"NUMPY\x03", 1), "transposed.npy": saved(np.ones((3, 60_000))),
}  # fmt: skip


@each("odd_log", {name: (name, one) for name, one in LOGS.items()}, 0, 2)
def odd_log(room: Room, given: tuple[str, str | bytes]) -> list[object]:
    room.write(*given)
    return room.extract("--rate", 30) if given[0].endswith("npy") else room.extract()


def _tracks(file: Any, **more: Any) -> None:
    values = np.random.default_rng(0).normal(size=(1, 2, 2, 50))
    for name, one in {"tracks": values, "node_names": np.array(["n", "m"], dtype="S"), **more}.items():  # fmt: skip
        if one is not None:
            file[name] = one


HDF5S: dict[str, Callable[[Any], Any]] = {
    "complex": lambda f: _tracks(f, tracks=np.ones((1, 2, 2, 50), complex)), "bools": lambda f: _tracks(f, tracks=np.ones((1, 2, 2, 50), bool)), "no_frames": lambda f: _tracks(f, tracks=np.ones((1, 2, 2, 0))), "no_tracks": lambda f: _tracks(f, tracks=np.ones((0, 2, 2, 50))), "five_axes": lambda f: _tracks(f, tracks=np.ones((1, 2, 2, 50, 1))),
    "missing": lambda f: _tracks(f, tracks=np.full((1, 2, 2, 50), np.nan)), "infinite": lambda f: _tracks(f, tracks=np.full((1, 2, 2, 50), np.inf)), "far": lambda f: _tracks(f, tracks=np.full((1, 2, 2, 50), 1e308)), "names_none": lambda f: _tracks(f, node_names=None), "names_numbers": lambda f: _tracks(f, node_names=np.arange(2)), "names_twins": lambda f: _tracks(f, node_names=np.array(["n", "n"], dtype="S")),
    "names_bytes": lambda f: _tracks(f, node_names=np.array([b"\xff\xfe", b"\x80"], dtype="S")), "names_odd": lambda f: _tracks(f, node_names=np.array([b"../x", "\u202e".encode()], dtype="S")), "names_square": lambda f: _tracks(f, node_names=np.array([["n", "m"]], dtype="S")), "edges_far": lambda f: _tracks(f, edge_inds=np.array([[0, 10**9], [-5, 1]])), "edges_text": lambda f: _tracks(f, edge_names=np.array(["x"], dtype="S")),
    "scores": lambda f: _tracks(f, point_scores=np.ones((3, 3))), "many_tracks": lambda f: _tracks(f, tracks=np.ones((2000, 2, 2, 5))), "structured": lambda f: _tracks(f, tracks=np.zeros(9, [("a", "f4")])), "empty": lambda f: None, "attributes": lambda f: f.attrs.update({f"a{i}": "x" * 1000 for i in range(300)}), "deep": lambda f: f.create_group("/".join(["g"] * 3000)),
}  # fmt: skip


@each("odd_hdf5", HDF5S, 0, 2)
def odd_hdf5(room: Room, fill: Callable[[Any], Any]) -> list[object]:
    import h5py

    with h5py.File(room.data / "x.h5", "w") as file:
        fill(file)
    return room.extract("--rate", 30)

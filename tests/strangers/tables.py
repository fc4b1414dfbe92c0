"""Tables, arrays and poses as strangers may leave them: one among sound recordings, or alone."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import Any

import numpy as np

from tests.strangers.room import Room, each, kind

HEAD = "time_s,a,b\n"
ROWS = "".join(f"{i / 10},{i % 7},{i % 5}\n" for i in range(200))
TABLE = HEAD + ROWS


def rows(*cells: str) -> str:
    return "".join(f"{i / 10},{cells[i % len(cells)]},{i % 5}\n" for i in range(200))


TEXTS: dict[str, str | bytes] = {
    "empty": b"",
    "blank": b"\n" * 100_000,
    "nul": b"\0" * 100_000,
    "nul_cells": HEAD + rows("1\0"),
    "noise": bytes(range(256)) * 400,
    "header": HEAD,
    "one_row": HEAD + "0,1,2\n",
    "long_number": TABLE + "20.1," + "9" * 200_000 + ",1\n",
    "long_text": TABLE + "20.1," + "x" * 5_000_000 + ",1\n",
    "quote": TABLE + '20.1,"' + "1,2\n" * 50_000,
    "ragged": HEAD + "".join(f"{i / 10},1,2{',3' * (i % 9)}\n" for i in range(200)),
    "clock_jump": TABLE + "1e12,1,2\n",
    "gap": TABLE + f"{20 * 86400},1,2\n",
    "clock_nan": HEAD + "nan,1,2\n" * 200,
    "clock_still": HEAD + "5,1,2\n" * 200,
    "clock_back": HEAD + "".join(f"{-i},1,2\n" for i in range(200)),
    "clock_endless": HEAD + "".join(f"{i}e300,1,2\n" for i in range(200)),
    "clock_tiny": HEAD + "".join(f"{i}e-12,{i % 7},2\n" for i in range(200)),
    "year_99999": HEAD + "".join(f"99999-01-01T00:00:{i % 60:02},1,2\n" for i in range(200)),
    "inf": HEAD + rows("inf"),
    "huge_values": HEAD + rows("1e308", "-1e308"),
    "beyond_values": HEAD + rows("1e999", "3"),
    "long_name": "time_s," + "n" * 1_000_000 + ",b\n" + ROWS,
    "odd_names": "time_s,\u202eabc\u202c,=1+1\x07\n" + ROWS,
    "same_names": "time_s" + ",a" * 30_000 + "\n" + ("1" + ",1" * 30_000 + "\n") * 3,
    "wide": ",".join(f"c{i}" for i in range(100_000)) + "\n" + (",".join("1" * 100_000) + "\n") * 3,
    "one_line": "1," * 10_000_000,
    "broken_utf16": ("\ufeff" + TABLE).encode("utf-16-le")[:-1],
    "broken_utf8": (TABLE.replace("a", "\xe4")).encode("latin-1") + b"\xff\xfe\x80",
    "other_digits": HEAD + "".join(f"{i},\u0661\u0662,2\n" for i in range(200)),
    "delimiters": TABLE + ROWS.replace(",", ";") + ROWS.replace(",", "\t"),
    "no_time": "a,b\n" + "1,2\n" * 200,
    "dates_mixed": HEAD + "".join(f"{['2020-01-01', '01/02/20', '3'][i % 3]},1,2\n" for i in range(90)),
    "zip": b"PK\x03\x04" + b"\0" * 1000,
    "pose_names": "scorer,D,D\nbodyparts,n,n\ncoords,x\n0,1,2\n1,2,3\n",
    "pose_empty": "scorer,D,D,D\nbodyparts,n,n,n\ncoords,x,y,likelihood\n",
    "pose_missing": "scorer,D,D,D\nbodyparts,n,n,n\ncoords,x,y,likelihood\n" + "0,,,\n" * 20,
    "pose_words": "scorer,D,D,D\nbodyparts,n,n,n\ncoords,x,y,likelihood\n" + "0,a,b,c\n" * 20,
    "pose_many": "\n".join(
        name + "".join(f",{one(i)}" for i in range(6000))
        for name, one in (
            ("scorer", lambda i: "D"), ("individuals", lambda i: f"m{i // 2}"),
            ("bodyparts", lambda i: "n"), ("coords", lambda i: "xy"[i % 2]),
        )
    ) + "\n" + "".join(f"{t}" + ",1" * 6000 + "\n" for t in range(5)),
    "frames_far": "frame,nose_x,nose_y\n" + "".join(f"{i * 10**9},1,2\n" for i in range(100)),
    "frames_huge": "frame,nose_x,nose_y\n" + "".join(f"{10**30 + i},1,2\n" for i in range(100)),
}  # fmt: skip


@each("text", TEXTS, 0, 2)
def text(room: Room, content: str | bytes) -> list[object]:
    """One among two that are sound: it is listed or read, and the others go on."""
    room.logs()
    room.write("x.csv", content)
    return room.extract()


@each(
    "alone",
    {
        name: TEXTS[name]
        for name in TEXTS
        if name
        not in (
            "long_number",
            "long_text",
            "quote",
            "ragged",
            "clock_jump",
            "gap",
            "clock_back",
            "huge_values",
            "clock_tiny",
            "long_name",
            "odd_names",
            "same_names",
            "beyond_values",
            "broken_utf8",
            "other_digits",
            "delimiters",
            "wide",
            "pose_many",
            "broken_utf16",
            "noise",
            "clock_still",
            "nul_cells",
            "inf",
        )
    },
    2,
)
def alone(room: Room, content: str | bytes) -> list[object]:  # fmt: skip
    """A file that is no recording, by itself."""
    return ["segment", room.write("x.csv", content), "--out", room.out]


@each(
    "option",
    {
        "rate": ["--rate", "1e300"],
        "rate_small": ["--rate", "1e-300"],
        "frame_rate": ["--frame_rate", "1e9"],
        "frame_rate_small": ["--frame_rate", "1e-30"],
        "window": ["--window_s", "1e9"],
        "window_nan": ["--window_s", "nan"],
        "smooth": ["--smooth_s", "1e9"],
        "unit": ["--time_unit", "x"],
        "columns": ["--columns", "("],
        "skip": ["--skip_lines", "9" * 30],
        "n_actions": ["--n_actions", "9" * 5000],
        "seed": ["--seed", "9" * 30],
        "seed_negative": ["--seed", "-1"],
        "device": ["--device", "cuda:999"],
        "model": ["--model", "/dev/zero"],
        "skeleton": ["--skeleton", "/dev/zero"],
        "videos": ["--videos", "/dev"],
        "corrected": ["--corrected", "/dev/zero"],
        "recipe": ["--recipe", "/dev/zero"],
        "time": ["--time_column", "x" * 100_000],
        "backbone": ["--backbone", "/dev/zero"],
    },
    0,
    2,
)
def option(room: Room, words: list[str]) -> list[object]:  # fmt: skip
    """Options that nobody can mean."""
    room.logs()
    return room.segment(*words)


def parquet(room: Room, table: Any, metadata: dict[bytes, bytes] | None = None) -> None:
    import pyarrow.parquet as pq

    room.logs()
    pq.write_table(
        table.replace_schema_metadata(metadata) if metadata else table, room.data / "x.parquet"
    )


def columns(n: int = 200) -> dict[str, Any]:
    return {"time_s": np.arange(n) / 10, "a": np.arange(n) % 7.0}


@each(
    "parquet_metadata",
    {
        "odd": b'{"index_columns": [{"kind":"range","name":null,"start":0,"stop":5,"step":0}], "columns":"x"}',
        "text": b"not json {",
        "list": b"[]",
        "deep": b"[" * 50_000,
        "absent": b'{"index_columns": ["nothing"], "columns": [], "column_indexes": []}',
        "types": b'{"index_columns": [], "columns": [{"name":"a","field_name":"a","pandas_type":"object","numpy_type":"x","metadata":null}], "column_indexes": [{"name":"q","pandas_type":"datetimetz","numpy_type":"y","metadata":{"timezone":"Nowhere/X"}}]}',
    },
    0,
    2,
)
def parquet_metadata(room: Room, told: bytes) -> list[object]:  # fmt: skip
    import pyarrow as pa

    parquet(room, pa.table(columns()), {b"pandas": told})
    return room.extract()


@each(
    "parquet",
    {
        "repeated": lambda pa: pa.table(
            {
                "time_s": pa.array(np.zeros(80_000_000, "f4")),
                "a": pa.array(np.zeros(80_000_000, "f4")),
            }
        ),
        "nested": lambda pa: pa.table({**columns(), "n": [{"x": [1, 2]}] * 200}),
        "empty": lambda pa: pa.table(
            {"time_s": pa.array([], pa.float64()), "a": pa.array([], pa.float64())}
        ),
        "no_columns": lambda pa: pa.table({}),
        "words": lambda pa: pa.table({"time_s": ["x"] * 200, "a": ["y" * 1000] * 200}),
        "times": lambda pa: pa.table(
            {
                "time_s": pa.array([2**52 + i for i in range(200)], pa.timestamp("s")),
                "a": np.arange(200.0),
            }
        ),
        "decimals": lambda pa: pa.table(
            {**columns(), "d": pa.array([10**30] * 200, pa.decimal256(70))}
        ),
        "bytes": lambda pa: pa.table({**columns(), "d": pa.array([b"\xff\x00"] * 200)}),
        "nulls": lambda pa: pa.table({"time_s": pa.nulls(200), "a": pa.nulls(200)}),
        "wide": lambda pa: pa.table({f"c{i}": [1.0, 2.0] for i in range(20_000)}),
        "twins": lambda pa: pa.Table.from_arrays(
            [pa.array(np.arange(200) / 10)] * 3, ["time_s", "a", "a"]
        ),
    },
    0,
    2,
)
def parquet_of(room: Room, make: Any) -> list[object]:  # fmt: skip
    import pyarrow as pa

    parquet(room, make(pa))
    return room.extract()


BINARIES: dict[str, Any] = {
    "cut.parquet": lambda b: b["parquet"][: len(b["parquet"]) // 2], "head.parquet": lambda b: b"PAR1" + bytes(5000) + b"PAR1",
    "length.parquet": lambda b: b["parquet"][:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1",
    "cut.h5": lambda b: b["h5"][: len(b["h5"]) // 2], "head.h5": lambda b: b["h5"][:8] + bytes(3000),
    "altered.h5": lambda b: b["h5"][:200] + bytes(200) + b["h5"][400:], "text.h5": lambda b: b"a,b\n1,2\n",
    "head.npy": lambda b: b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 60_000, "long_head.npy": lambda b: b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "deep.npy": lambda b: b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000,
    "code.npy": lambda b: npy("{'descr': __import__('os').system('touch pwned'), 'fortran_order': False, 'shape': (3,)}"),
    "claims.npy": lambda b: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 100)}"),
    "negative.npy": lambda b: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 100)}"),
    "beyond.npy": lambda b: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 400 + ", 2)}"),
    "objects.npy": lambda b: saved(np.array([{"a": 1}, [2]], dtype=object)), "structured.npy": lambda b: saved(np.zeros(9, dtype=[("a", "f4")])),
    "complex.npy": lambda b: saved(np.zeros((9, 2), complex)), "dates.npy": lambda b: saved(np.zeros((9, 2), "M8[s]")),
    "scalar.npy": lambda b: saved(np.float32(1)), "cube.npy": lambda b: saved(np.zeros((9, 2, 2))), "texts.npy": lambda b: saved(np.full((9, 2), "x")),
    "nan.npy": lambda b: saved(np.full((9, 2), np.nan)), "void.npy": lambda b: saved(np.zeros((9, 2), "V1000")),
    "empty_rows.npy": lambda b: saved(np.zeros((0, 2))), "no_columns.npy": lambda b: saved(np.zeros((9, 0))),
    "cut.npy": lambda b: saved(np.zeros((900, 20)))[:-100], "wide.npy": lambda b: saved(np.zeros((2, 300_000), "f4")),
    "bomb.npz": lambda b: bomb("X.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (100000000, 10)}")),
    "zip.npy": lambda b: bomb("X.npy", b""), "zip.csv": lambda b: bomb("X.csv", b"a,b\n"), "zip.mp4": lambda b: bomb("X.mp4", b""),
    "book.xlsx": lambda b: bomb("xl/worksheets/sheet1.xml", b"<worksheet/>"),
    "objects.pkl": lambda b: pickle.dumps(Evil()), "evil.csv": lambda b: pickle.dumps(Evil()),
    "coco.json": lambda b: b'{"images": [], "annotations": [{"keypoints": "x"}], "categories": 7}',
}  # fmt: skip


@each("binary", {name: (name, make) for name, make in BINARIES.items()}, 2)
def binary(room: Room, given: Any) -> list[object]:
    """Files that are not what their ending says, or say that they hold more than they do."""
    name, make = given
    sound = {}
    if "parquet" in name:
        import pyarrow as pa
        import pyarrow.parquet as pq

        stream = io.BytesIO()
        pq.write_table(pa.table(columns()), stream)
        sound["parquet"] = stream.getvalue()
    if name.endswith("h5"):
        sound["h5"] = sleap(room, np.zeros((1, 2, 2, 50)), ["n", "m"]).read_bytes()
        (room.data / "sleap.h5").unlink()
    return ["segment", room.write(name, make(sound)), "--out", room.out]


@each("array", {name: make for name, make in BINARIES.items() if name.endswith(".npy")}, 2)
def array(room: Room, make: Any) -> list[object]:
    """The same as features of a data set."""
    room.arrays()
    room.write("features/r1.npy", make({}))
    return room.train()


def npy(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)


def saved(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def bomb(name: str, head: bytes, megabytes: int = 1000) -> bytes:
    """A small archive of a member that is large."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        member.write(head)
        for _ in range(megabytes // 10):
            member.write(bytes(10**7))
    return stream.getvalue()


class Evil:
    """Makes a file where its pickle is read."""

    def __reduce__(self) -> Any:
        return exec, ("open('pwned', 'w').close()",)


def sleap(room: Room, tracks: Any, nodes: Any, **options: Any) -> Any:
    import h5py

    path = room.data / "sleap.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("tracks", **({"data": tracks} if tracks is not None else {}), **options)
        file["node_names"] = np.array(nodes, dtype="S")
    return path


def hdf5(file: Any, how: str, room: Room) -> None:
    """Fill an HDF5 file in a way that is not sound."""
    import h5py

    nodes = np.array(["n", "m"], dtype="S")
    tracks = np.random.default_rng(0).normal(size=(1, 2, 2, 50))
    if how == "claims":
        file.create_dataset("tracks", shape=(2, 2, 2, 10**9), dtype="f4", chunks=(1, 1, 1, 1000))
    elif how == "bomb":
        data = file.create_dataset(
            "tracks", shape=(1, 2, 2, 10**8), dtype="f8", chunks=(1, 1, 1, 10**6), compression=9
        )
        data[..., :10] = 1.0
    elif how == "many_nodes":
        nodes = np.array([f"n{i}" for i in range(200_000)], dtype="S")
        file["tracks"] = np.zeros((1, 2, 200_000, 3))
    elif how == "few_nodes":
        file["tracks"], nodes = tracks, nodes[:1]
    elif how == "dims":
        file["tracks"] = tracks
        file["tracks"].attrs["dims"] = "[" * 50_000
    elif how == "dims_words":
        file["tracks"] = tracks
        file["tracks"].attrs["dims"] = '["a", "b", 7, null]'
    elif how == "group":
        file.create_group("tracks")
    elif how == "text":
        file["tracks"] = np.array(["x"], dtype="S")
    elif how == "loop":
        file["tracks"] = h5py.SoftLink("/tracks")
    elif how == "external_link":
        other = room.outside / "other.h5"
        with h5py.File(other, "w") as secret:
            secret["tracks"] = tracks
        file["tracks"] = h5py.ExternalLink(str(other), "/tracks")
    elif how == "external_data":
        other = room.outside / "raw.bin"
        other.write_bytes(tracks.tobytes())
        file.create_dataset(
            "tracks", shape=tracks.shape, dtype="f8", external=[(str(other), 0, tracks.nbytes)]
        )
    elif how == "external_zero":
        size = 2 * 2 * 10**9 * 8
        file.create_dataset(
            "tracks", shape=(1, 2, 2, 10**9), dtype="f8", external=[("/dev/zero", 0, size)]
        )
    elif how == "virtual":
        other = room.outside / "other.h5"
        with h5py.File(other, "w") as secret:
            secret["tracks"] = tracks
        layout = h5py.VirtualLayout(shape=tracks.shape, dtype="f8")
        layout[...] = h5py.VirtualSource(str(other), "tracks", shape=tracks.shape)
        file.create_virtual_dataset("tracks", layout)
    elif how.startswith("dlc"):
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = "frame_table"
        kind = {
            "dlc_evil": pickle.dumps(Evil()),
            "dlc_deep": b"(" * 10**6,
            "dlc_long": b"I" + b"9" * 10**5 + b"\n.",
        }
        info = kind.get(how, pickle.dumps({1: {"names": ["scorer", "bodyparts", "coords"]}}, 0))
        if how == "dlc_grows":
            info = b"(lp0\n" + b"(g0\ng0\nlp0\n" * 60 + b"."
        group.attrs["info"] = np.void(info[:60_000])
        table = group.create_dataset(
            "table", data=np.zeros(50, dtype=[("index", "i8"), ("values_block_0", "f8", (2,))])
        )
        table.attrs["values_block_0_kind"] = np.void(info[:60_000])
    elif how.startswith("nwb"):
        file.attrs["nwb_version"] = "2.0"
        series = file.create_group("processing/behavior/Pose/nose")
        series.attrs["neurodata_type"] = "PoseEstimationSeries"
        series["data"] = np.zeros((50, 2))
        start = series.create_dataset("starting_time", data=0.0)
        start.attrs["rate"] = {"nwb_rate": 0.0, "nwb_nan": np.nan, "nwb_huge": 1e300}.get(how, 30.0)
        if how == "nwb_claims":
            del series["data"]
            series.create_dataset("data", shape=(10**9, 2), dtype="f8", chunks=(1000, 2))
    if not how.startswith(("dlc", "nwb")):
        file["node_names"] = nodes


HDF5S = (
    *("claims", "bomb", "many_nodes", "few_nodes", "dims", "dims_words", "group", "text", "loop"),
    *("external_link", "external_data", "external_zero", "virtual", "dlc_evil", "dlc_deep"),
    *("dlc_long", "dlc_grows", "nwb_rate", "nwb_nan", "nwb_huge", "nwb_claims"),
)


@each("hdf5", {how: how for how in HDF5S}, 2)
def hdf5_of(room: Room, how: str) -> list[object]:
    """An HDF5 file that claims, links or nests what it should not."""
    import h5py

    with h5py.File(room.data / "x.h5", "w") as file:
        hdf5(file, how, room)
    return ["segment", room.data / "x.h5", "--rate", "30", "--out", room.out]


@kind(2)
def sparse_table(room: Room) -> list[object]:
    """A table of 100 GB that takes no room on the disk."""
    with room.write("x.csv", TABLE).open("r+b") as stream:
        stream.truncate(100 * 10**9)
    return room.extract()


@kind(2)
def sparse_array(room: Room) -> list[object]:
    """An array of 40 GB that takes no room on the disk, as signals."""
    header = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 10)}")
    with room.write("x.npy", header).open("r+b") as stream:
        stream.truncate(len(header) + 40 * 10**9)
    return room.extract("--rate", "10")


@kind(2)
def sparse_features(room: Room) -> list[object]:
    """Features of 40 GB in a data set, as text: the whole would be parsed."""
    room.arrays()
    with room.write("features/x.txt", "1 2 3 4\n" * 100).open("r+b") as stream:
        stream.truncate(40 * 10**9)
    return room.train()

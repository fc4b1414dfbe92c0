"""Recipes, matrices, data sets and options as strangers may write them."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np

from tests.strangers.room import Room, each, kind
from tests.strangers.tables import Evil, bomb, npy


def aliases() -> str:
    """Ten aliases of ten aliases, ten levels deep: ten thousand million values."""
    levels = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    levels += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join(levels) + "\n"


RECIPES: dict[str, str | bytes] = {
    "deep": "a: " + "[" * 20_000 + "]" * 20_000, "deep_maps": "{a: " * 5000, "aliases": aliases(),
    "aliases_inside": aliases() + "n_actions: *a9\n", "alias_itself": "n_actions: &a [*a]\n",
    "merged": "x: &x {<<: *x}\n", "long_int": f"n_actions: {'9' * 5000}\n", "hex_int": f"n_actions: 0x{'f' * 5000}\n",
    "octal": f"seed: 0o{'7' * 6000}\n", "base_60": "n_actions: " + ":".join(["59"] * 5000) + "\n",
    "python": "n_actions: !!python/object/apply:os.system ['touch pwned']\n", "binary": "name: !!binary aGk=\n",
    "list": "- 1\n- 2\n", "number": "7\n", "empty": b"", "blank": "\n\n", "none": "null\n", "not_text": bytes(range(256)),
    "nul": "name: a\0b\n", "twice": "team: 0\nteam: 1\n", "two": "team: 0\n---\nteam: 1\n", "tab": "team:\t0\n\tx: 1\n",
    "dates": "n_actions: 2020-01-01\n", "keys": "? [1, 2]\n: 3\n", "key_null": "~: 3\n", "nan": "order_prior: .nan\n",
    "inf": "training: {learning_rate: .inf}\n", "words": "team: two\n", "activities": "n_actions: {../../up: 3, /etc: 4}\n",
    "activities_many": "n_actions: {" + ", ".join(f"a{i}: 3" for i in range(50_000)) + "}\n",
    "long_key": f"{'k' * 100_000}: 1\n", "long_value": f"order_prior: {'v' * 1_000_000}\n", "long_name": f"name: {'n' * 10_000}\n",
    "regex": "dataset: {activity_pattern: '((a|a)+)+$'}\n", "regex_bad": "dataset: {activity_pattern: '('}\n",
    "regex_huge": "dataset: {activity_pattern: '(a{65000}){65000}'}\n", "folder": "dataset: {folder: ../outside}\n",
    "folder_absolute": "dataset: {folder: /etc}\n", "mapping": "dataset: {mapping: ../../outside/secret.txt}\n",
    "mapping_zero": "dataset: {mapping: /dev/zero}\n", "rate": "dataset: {frame_rate: 1.0e-300}\n",
    "epsilon": "transport_train: {epsilon: 1.0e-300}\n", "radius": "transport_train: {radius: 1000000000000}\n",
    "wide": "encoder: {hidden: 100000, width: 100000}\n", "alpha": "transport_eval: {alpha: 1.0e+308}\n",
}  # fmt: skip


@each("recipe", RECIPES, 0, 2)
def recipe(room: Room, content: str | bytes) -> list[object]:
    room.arrays()
    return [
        "train",
        room.write("r.yaml", content),
        "--data",
        room.data,
        "--out",
        room.out,
        "--team",
        0,
        "--training.epochs",
        1,
        "--figures",
        0,
    ]


HUGE = (
    "n_actions", "team", "training.epochs", "training.batch_size", "training.frames_per_recording", "training.kmeans_restarts",
    "encoder.hidden", "encoder.width", "transport_train.max_iterations", "transport_eval.max_iterations",
    "transport_eval.radius", "transport_train.inner_iterations", "training.validate_every", "seed", "devices",
)  # fmt: skip


@each("huge", {name: name for name in HUGE}, 0, 2)
def huge(room: Room, name: str) -> list[object]:
    """Numbers of a milliard: what memory cannot hold is refused before any work."""
    room.arrays()
    return room.train(f"--{name}", 10**9)


@each(
    "data",
    {
        "mapping_long": {"mapping/mapping.txt": "9" * 5000 + " a\n"},
        "mapping_lines": {"mapping/mapping.txt": "x\n" * 100_000},
        "mapping_words": {"mapping/mapping.txt": "0 " + "w" * 1_000_000 + "\n"},
        "mapping_folder": {"mapping/mapping.txt/x": "0 a\n"},
        "truth_words": {"groundTruth/r0": ("x" * 189_000 + "\n") * 60},
        "truth_short": {"groundTruth/r0": "a\n"},
        "truth_empty": {"groundTruth/r0": b""},
        "truth_noise": {"groundTruth/r0": bytes(range(256)) * 9},
        "text_words": {"features/r0.txt": "a b c d\n" * 60},
        "text_long": {"features/x.txt": "9" * 5_000_000},
        "text_ragged": {"features/x.txt": "1 2 3 4\n1 2 3\n"},
        "text_inf": {"features/x.txt": "1 2 3 1e999\n" * 60},
        "width": {"features/x.npy": np.zeros((60, 5), np.float32)},
        "one_frame": {"features/x.npy": np.zeros((1, 4), np.float32)},
        "times_nan": {"times/r0.npy": np.full(61, np.nan)},
        "times_short": {"times/r0.npy": np.arange(9.0)},
        "times_back": {"times/r0.npy": -np.arange(61.0)},
        "times_huge": {"times/r0.npy": np.arange(61.0) * 1e306},
        "names_odd": {"features/a\x07b.npy": np.zeros((60, 4), np.float32)},
        "names_twins": {
            "features/A.npy": np.ones((60, 4), np.float32),
            "features/a.npy": np.ones((60, 4), np.float32),
        },
        "origin": {"origins/r0.json": "[" * 100_000},
        "origin_video": {
            "origins/r0.json": json.dumps(
                {"kind": "video", "path": "/dev/zero", "fingerprint": "x", "extractor": {}}
            )
        },
    },
    0,
    2,
)
def data(room: Room, files: dict[str, str | bytes]) -> list[object]:  # fmt: skip
    """A data set with a file that is not as it should be."""
    room.arrays()
    for name, content in files.items():
        room.write(name, content)
    return room.train()


@each(
    "check",
    {
        "claims": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 100)}"),
        "objects": pickle.dumps(Evil()),
        "empty": b"",
    },
    2,
)
def check(room: Room, content: bytes) -> list[object]:  # fmt: skip
    room.arrays()
    room.write("features/x.npy", content)
    return ["data", "check", room.data]


@each(
    "matrix",
    {
        "claims": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 100)}"),
        "text": b"1 2 3\n" * 9,
        "objects": pickle.dumps(Evil()),
        "deep": npy("(" * 9000),
        "zip": bomb("X.npy", b"", 10),
        "empty": b"",
    },
    2,
)
def matrix(room: Room, content: bytes) -> list[object]:  # fmt: skip
    return ["decode", room.write("m.npy", content), "--affinity", "--out", room.out]


@each(
    "transitions",
    {
        "long": "9" * 5000 + " 1\n",
        "many": "0 1\n" * 300_000 + "x\n",
        "noise": bytes(range(256)),
        "negative": "-1 0\n",
        "empty": b"",
    },
    2,
)
def transitions(room: Room, content: str | bytes) -> list[object]:  # fmt: skip
    room.write("m.npy", np.abs(room.rng.normal(size=(60, 4))).astype(np.float32))
    path = room.write("t.txt", content)
    return [
        "decode",
        room.data / "m.npy",
        "--affinity",
        "--transitions",
        path,
        "--decoder",
        "semi_markov",
        "--out",
        room.out,
    ]


def archive(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@each(
    "simulate",
    {
        "bomb.npz": bomb(
            "X.npy", npy("{'descr': '<i8', 'fortran_order': False, 'shape': (100000000, 10)}"), 4000
        ),
        "evil.npz": pickle.dumps(Evil()),
        "objects.npz": archive(a=np.array([{"a": 1}], dtype=object)),
        "floats.npz": archive(a=np.ones(9)),
        "deep.json": "[" * 100_000,
        "long.json": '{"a": [[0, ' + "9" * 5000 + "]]}",
        "runs.json": '{"a": [[0, 1000000000000]]}',
        "runs_many.json": '{"a": [[0, 1000000000], [1, 1000000000]]}',
        "climbs.json": '{"../../up": [[0, 90], [1, 90]]}',
        "absolute.json": '{"/tmp/x": [[0, 90], [1, 90]]}',
        "negative.json": '{"a": [[0, -5]]}',
        "words.json": '{"a": "b"}',
        "empty.json": "{}",
        "nul.json": '{"a\\u0000b": [[0, 90], [1, 90]]}',
        "device.json": '{"CON": [[0, 90], [1, 90]]}',
    },
    0,
    2,
)
def simulate(room: Room, content: str | bytes) -> list[object]:  # fmt: skip
    """Labels to simulate, from a file."""
    ending = "npz" if isinstance(content, bytes) else "json"
    return [
        "data",
        "simulate",
        "--like",
        "breakfast",
        "--labels",
        room.write(f"l.{ending}", content),
        "--out",
        room.out,
    ]


@each(
    "simulate_option",
    {
        "recordings": ["--recordings", 10**9],
        "width": ["--width", 10**9],
        "frames": ["--generate.mean_length", 10**12],
        "actions": ["--generate.n_actions", 10**9],
        "like": ["--like", "../../etc/passwd"],
    },
    2,
)
def simulate_option(room: Room, words: list[object]) -> list[object]:  # fmt: skip
    return ["data", "simulate", "--like", "breakfast", "--out", room.out, *words]


@each(
    "skeleton",
    {
        "aliases": aliases(),
        "deep": "[" * 20_000,
        "words": "nose",
        "python": "!!python/object/apply:os.system ['touch pwned']",
        "long": f"[[a, {'b' * 1_000_000}]]",
        "config": "skeleton: 7\nbodyparts: {}\n",
        "empty": "",
    },
    2,
)
def skeleton(room: Room, content: str) -> list[object]:  # fmt: skip
    """Which points to join, in a file."""
    room.write(
        "p.csv",
        "scorer,D,D,D,D\nbodyparts,n,n,m,m\ncoords,x,y,x,y\n" + "0,1,2,3,4\n1,2,3,4,5\n" * 40,
    )
    path = room.root / "s.yaml"
    path.write_text(content)
    return room.segment("--skeleton", path, "--rate", "30")


@each(
    "onnx",
    {
        "noise": bytes(range(256)) * 50,
        "empty": b"",
        "text": b"onnx",
        "external": b"external",
        "table": b"a,b\n1,2\n" * 99,
    },
    2,
)
def onnx(room: Room, content: bytes) -> list[object]:  # fmt: skip
    """A network for videos, one of which has its weights in a file elsewhere."""
    from tests.strangers.videos import clip

    clip(room.data / "x.mkv")
    path = room.root / "net.onnx"
    path.write_bytes(external(room) if content == b"external" else content)
    return room.extract("--backbone", path)


def external(room: Room) -> bytes:
    """A network whose weights are said to lie in somebody's file."""
    from onnx import TensorProto, helper

    secret = room.outside / "secret.txt"
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 3, 1, 1])
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (
        ("location", f"../outside/{secret.name}"),
        ("offset", "0"),
        ("length", "12"),
    ):
        weights.external_data.add(key=key, value=value)
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    pictures = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])
    found = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1, 32, 32])
    graph = helper.make_graph([node], "g", [pictures], [found], [weights])
    return helper.make_model(graph).SerializeToString()


@kind(2)
def yaml_sparse(room: Room) -> list[object]:
    """A recipe of ten gigabytes."""
    room.arrays()
    with room.write("r.yaml", "team: 0\n").open("r+b") as stream:
        stream.truncate(10 * 10**9)
    return ["train", room.data / "r.yaml", "--data", room.data, "--out", room.out]

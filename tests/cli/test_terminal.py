"""asot as a process: in a terminal, in a pipe, and when somebody presses Ctrl-C."""

from __future__ import annotations

import os
import re
import select
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

# Windows has none of them.
fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BARS = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


def in_terminal(words: list[str], environment: dict[str, str], columns: int = 80) -> str:
    """What a command writes to a terminal, both streams as they come."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, stdin=theirs, env=environment)
    os.close(theirs)
    written = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if not select.select([ours], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not data:
            break
        written += data
    os.close(ours)
    assert process.wait(60) == 0, written.decode()
    return written.decode()


def lines(written: str) -> list[str]:
    """The lines that stay on the screen, without colours."""
    return [CONTROL.sub("", line).rstrip("\r") for line in written.split("\n")]


def test_in_a_terminal(
    command: list[str], environment: dict[str, str], trained: Path, tmp_path: Path, toys: Path
) -> None:
    words = ["predict", str(trained), "--data", str(toys), "--out", str(tmp_path / "out")]
    written = in_terminal([*command, *words], {**environment, **BARS})
    assert COLOUR.search(written), "bars have colours"
    shown = lines(written)
    assert any("%" in line and "Loading the libraries" in line for line in shown), "one bar"
    assert any("100% done in" in line for line in shown)
    below = [line for line in shown if not line.startswith(str(tmp_path))]
    assert max(len(line.split("\r")[-1]) for line in below) <= 80
    assert any("mIoU" in line for line in shown)


def test_no_colours_where_nobody_wants_them(
    command: list[str], environment: dict[str, str], toys: Path
) -> None:
    words = [*command, "data", "check", str(toys)]
    assert COLOUR.search(in_terminal(words, {**environment, **BARS}))
    assert not COLOUR.search(in_terminal(words, {**environment, **BARS, "NO_COLOR": "1"}))


def test_bars_stay_out_of_files(
    command: list[str], environment: dict[str, str], toys: Path
) -> None:
    done = subprocess.run(
        [*command, "data", "check", str(toys)], capture_output=True, env={**environment, **BARS}
    )
    assert done.returncode == 0
    assert done.stderr == b"", "there is a line every half minute alone"
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["train", "default", "--print_config"], ["check"]]
)
def test_the_reader_leaves(
    command: list[str], environment: dict[str, str], toys: Path, words: list[str]
) -> None:
    words = ["data", "check", str(toys)] if words == ["check"] else words
    ours, theirs = os.pipe()
    os.close(ours)
    process = subprocess.run([*command, *words], stdout=theirs, stderr=-1, env=environment)
    os.close(theirs)
    assert process.stderr == b""
    assert process.returncode == 0


def test_ctrl_c_in_training(
    command: list[str], environment: dict[str, str], toys: Path, tmp_path: Path
) -> None:
    words = ["train", "default", "--n_actions", "4", "--training.epochs", "100000"]
    words += [
        "--team",
        "0",
        "--data",
        str(toys),
        "--out",
        str(tmp_path / "run"),
        "--logger",
        "none",
    ]
    checkpoint = tmp_path / "run" / "models" / "all.ckpt"
    process = subprocess.Popen([*command, *words], stdout=-1, stderr=-1, env=environment, text=True)
    until = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == "asot: Interrupted. The same command goes on from here.\n"
    assert checkpoint.is_file()
    assert not list((tmp_path / "run").rglob(".*")), "nothing half-written is left"

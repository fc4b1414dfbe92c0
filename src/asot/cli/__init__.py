"""The command line: one command a file, each a function that calls and prints."""

from __future__ import annotations

import errno
import keyword
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from types import FrameType, ModuleType

from asot.cli.outputs import sturdy_outputs
from asot.signals import ending_signals, is_importing, send_to_main
from asot.text import short

# A command's module is imported when the command is used, so that help answers at once.
COMMANDS = {
    "demo": "Segment real recordings: smart-watch signals, or a video clip",
    "segment": "Find the actions in your own videos, sensor logs or poses, in one go",
    "extract": "Make features of videos, sensor logs or poses",
    "page": "Write the page of a segmentation: timelines, videos, names",
    "relabel": "Give the actions the names from the page",
    "import": "Read labels of ELAN, BORIS and others, as truth or as corrections",
    "export": "Write segments for ELAN, BORIS, Label Studio and others",
    "stats": "Measure the actions, and compare groups of recordings, for a paper",
    "decode": "Cut recordings by affinity or cost matrices that you already have",
    "train": "Train a recipe on a folder of features, and segment it",
    "recipes": "List the recipes: their data, and the published figures",
    "predict": "Segment a folder of features with a trained run",
    "evaluate": "Compare predictions with ground truth",
    "benchmark": "Compare methods on many seeds, and make the tables of a paper",
    "data check": "List what a folder of features holds, and all that is wrong in it",
    "data describe": "Measure what makes the actions in a folder easy or hard to find",
    "data simulate": "Make a folder of features, of real or generated labels",
}
# The extra that brings each optional library.
EXTRAS = {
    **dict.fromkeys(("sklearn", "torchmetrics"), "learn"),
    **dict.fromkeys(("av", "onnx", "onnxruntime"), "video"),
    **dict.fromkeys(("pandas", "h5py"), "series"),
    **{"hmmlearn": "hmm", "matplotlib": "plot", "transformers": "hf"},
    **{"pyarrow": "parquet", "pympi": "elan", "pynwb": "nwb", "openpyxl": "excel"},
}
# Commands that go on where they stopped when they are given again.
RESUMABLE = ("demo", "segment", "extract", "train", "benchmark", "data simulate")

USAGE = """\
asot finds the actions in recordings without labels.

usage: asot COMMAND [options]

{}

Files and folders may be URLs, such as s3://bucket/videos, gs:// and https://.

asot COMMAND --help shows a command's options, asot --version the version.
Start with: asot demo
"""

OK, FAILED, REFUSED = 0, 1, 2
LATER_S = 0.05  # after which a signal comes again that found no place for an exception


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, from the process's arguments unless others are given; return its exit code.

    The code is 0 when done; 2 when refused, as options or files break a rule; 1 when failed, as a
    library, memory or room on the disk was missing; 130 when interrupted; 143 and 129 when stopped
    by SIGTERM and SIGHUP. All but 0 come after a sentence on standard error. Where nobody reads the
    output any more, as behind ``| head``, the command still does all it was asked for, and ends
    with 0.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with sturdy_outputs() as output:
        status = _guarded(words, ends=arguments is None)
        sys.stdout.flush()
        if output.error is not None:
            reason = output.error.strerror or output.error
            return _complain(f"The output could not be written: {reason}.", status or FAILED)
        return status


@contextmanager
def _stopped_by_signals(ends: bool, came: list[int]) -> Iterator[None]:
    """Take SIGTERM and SIGHUP for Ctrl-C, unless others decided on them, as ``nohup`` does.

    Those that ``came`` are noted: a library may raise an interrupt of its own for them. None comes
    within an import, but after it, and again where Python drops exceptions: in finalisers, and in
    what libraries in C call. Where all is done and the process ``ends``, which takes a while,
    nothing stops it any more.
    """

    def come_again(number: int) -> None:
        again = threading.Timer(LATER_S, send_to_main, [number])
        again.daemon = True
        again.start()

    def stop(number: int, frame: FrameType | None) -> None:
        if is_importing(frame, _guarded.__code__):
            come_again(number)
            return
        came.append(number)
        raise KeyboardInterrupt

    def hear_dropped(dropped: sys.UnraisableHookArgs) -> None:
        if came and dropped.exc_type is KeyboardInterrupt:
            come_again(came[-1])
        else:
            hook(dropped)

    hook, sys.unraisablehook = sys.unraisablehook, hear_dropped
    usual = (signal.SIG_DFL, signal.default_int_handler)
    before = {one: signal.getsignal(one) for one in ending_signals()}
    taken = {one: handler for one, handler in before.items() if handler in usual}
    for one in taken:
        signal.signal(one, stop)
    try:
        yield
        if ends:
            for one in taken:
                signal.signal(one, signal.SIG_IGN)
            taken = {}
    finally:
        sys.unraisablehook = hook
        for one, handler in taken.items():
            signal.signal(one, handler)


def _guarded(words: list[str], ends: bool) -> int:
    """Run a command, and tell of its errors in sentences."""
    from asot.errors import AsotError, MissingExtraError, UnfinishedError

    came: list[int] = []
    try:
        with _stopped_by_signals(ends, came):
            status = _run(words)
            sys.stdout.flush()
        return status
    except AsotError as error:
        failed = isinstance(error, (MissingExtraError, UnfinishedError))
        return _complain(str(error), FAILED if failed else REFUSED)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        missing = MissingExtraError(error.name, EXTRAS[error.name], f"asot {words[0]}")
        return _complain(str(missing), FAILED)
    except KeyboardInterrupt:
        number = signal.Signals(came[0] if came else signal.SIGINT)
        how = "Interrupted" if number == signal.SIGINT else f"Stopped by {number.name}"
        goes_on = {words[0], " ".join(words[:2])} & set(RESUMABLE)
        more = " The same command goes on from here." if goes_on else ""
        return _complain(f"{how}.{more}", 128 + number)
    except SystemExit as stop:  # the parser exits after its help or its complaint
        return stop.code if isinstance(stop.code, int) else OK
    except OSError as error:
        from asot.files import FULL

        reason = error.strerror or str(error)
        full = error.errno in FULL  # of what is copied, the copy has no room
        place = (error.filename2 if full else None) or error.filename
        place = place or "A file could not be read or written"
        # No room on the disk will help that.
        refused = error.errno == errno.ENAMETOOLONG
        return _complain(short(f"{place}: {reason}."), REFUSED if refused else FAILED)
    except MemoryError as error:
        return _complain(f"There is not enough memory: {error}", FAILED)


def _run(words: list[str]) -> int:
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words[:1] in (["-V"], ["--version"]):
        from asot import __version__

        sys.stdout.write(f"asot {__version__}\n")
        return OK
    if not words or words[0] in ("-h", "--help"):
        listed = "\n".join(f"  {name:<13} {summary}" for name, summary in COMMANDS.items())
        sys.stdout.write(USAGE.format(listed))
        return OK if words else REFUSED
    split = 2 if words[0] == "data" else 1
    command = " ".join(words[:split])
    if command not in COMMANDS:
        close = get_close_matches(command, COMMANDS, 1)
        meant = (
            f"is {close[0]} meant? (asot --help)" if close else f"use one of {', '.join(COMMANDS)}."
        )
        return _complain(f"There is no command {command!r}: {meant}", REFUSED)
    WARNINGS.said.clear()
    logging.getLogger("asot").addHandler(WARNINGS)
    from asot.cli.parsing import run_command

    # Python keeps some words to itself.
    module = module_of(words[0])
    name = words[1] if split == 2 else "run"
    if command == "benchmark" and any(one.partition("=")[0] == "--table" for one in words):
        name = "show_again"
    run_command(command, getattr(module, name), words[split:])
    return OK


def module_of(word: str) -> ModuleType:
    """Import the module of a command; that of a word which Python keeps to itself ends in _."""
    return import_module(f"asot.cli.{word}{'_' * keyword.iskeyword(word)}")


class _Sentences(logging.Handler):
    """Handler that writes the library's warnings to standard error, in the form of errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a warning, once in a command."""
        sentence = short(record.getMessage())
        if sentence not in self.said:
            self.said.add(sentence)
            _complain(sentence, OK)


WARNINGS = _Sentences()


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(f"asot: {sentence}\n")
    return status

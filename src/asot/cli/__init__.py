"""The command line: one command a file, each of which parses, calls and prints."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

# A command's module is imported when the command is used, so that help answers at once.
COMMANDS = {
    "demo": "Segment real smart-watch recordings, with scores and pictures",
    "decode": "Cut recordings by affinity or cost matrices that you already have",
    "train": "Train a recipe on a folder of features, and segment it",
    "predict": "Segment a folder of features with a trained run",
    "evaluate": "Compare predictions with ground truth",
    "data": "Look at a folder of features (asot data check)",
}

USAGE = """\
asot finds the actions in recordings without labels.

usage: asot COMMAND [options]

{commands}

asot COMMAND --help shows a command's options, asot --version the version.
Start with: asot demo"""

OK, FAILED, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``asot``; those of this process unless given.

    Returns
    -------
    int
        0 done; 1 refused or failed, after one sentence on standard error; 2 the words make no
        command; 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        listed = "\n".join(f"  {name:<10} {summary}" for name, summary in COMMANDS.items())
        sys.stdout.write(USAGE.format(commands=listed) + "\n")
        return OK if words else USAGE_ERROR
    if words[0] == "--version":
        from asot import __version__

        sys.stdout.write(f"asot {__version__}\n")
        return OK
    if words[0] not in COMMANDS:
        _complain(f"There is no command {words[0]!r}: use one of {', '.join(COMMANDS)}.")
        return USAGE_ERROR
    logging.basicConfig(format="asot: %(message)s", level=logging.WARNING)
    from asot.errors import AsotError

    try:
        import_module(f"asot.cli.{words[0]}").run(words[1:])
    except AsotError as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        _complain("Interrupted. The same command goes on from here.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as head, has what it wants; keep Python from complaining on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        _complain(f"{error.filename or 'A file'}: {error.strerror or error}.")
        return FAILED
    except SystemExit as stop:  # the parser's, after its help or its complaint
        return stop.code if isinstance(stop.code, int) else USAGE_ERROR
    return OK


def _complain(sentence: str) -> None:
    sys.stderr.write(f"asot: {sentence}\n")

"""``python -m asot``: the command line."""

from __future__ import annotations

import sys

from asot.cli import main

if __name__ == "__main__":
    sys.exit(main())

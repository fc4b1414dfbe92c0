"""What people leave in the folder of a prediction: names, corrected segments, corrected labels."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from asot.files import atomic_path, remove
from asot.remote import fetch
from asot.timeline.corrections import Corrected, write_corrected
from asot.timeline.names import ActionNames, read_names, write_names

logger = logging.getLogger(__name__)

DISAGREEMENTS = "disagreements.csv"
PEOPLE = ("names/*.json", "corrected/*.json", DISAGREEMENTS)


class EditedFolder:
    """The part of a prediction's folder that people make."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def forget_copies(self, other: EditedFolder, models: Sequence[str]) -> None:
        """Remove names that another prediction has as well, which nobody gave here."""
        for path, twin in ((self._names(one), other._names(one)) for one in models):
            if path.is_file() and twin.is_file() and path.read_bytes() == twin.read_bytes():
                remove(path)

    def earlier(self) -> Path:
        """Return a folder, yet to be made, for what people made before."""
        places = (self.root / "earlier" / str(number) for number in count(1))
        return next(one for one in places if not one.exists())

    def set_aside(self, paths: Sequence[Path], why: str) -> None:
        """Move files that people made, which are in the folder, below ``earlier``, and say why."""
        place = self.earlier()
        for path in paths:
            kept = place / path.relative_to(self.root)
            # Not renamed, as a loss of power might leave it in neither place.
            with atomic_path(kept) as temporary:
                fetch(path)
                # Not its rights, as a file that nobody may write cannot be brought to the disk.
                shutil.copyfile(path, temporary)
                status = path.stat()
                os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
            remove(path)
        if paths:
            message = (
                "What people named and corrected before is no longer used, but kept in %s: %s."
            )
            logger.warning(message, place, why)

    def named(self, model: str) -> bool:
        """Tell whether people gave names to a model's actions."""
        return self._names(model).is_file()

    def names(self, model: str, n_actions: int) -> ActionNames:
        """Read the names of a model's K actions, which are empty where nobody gave any."""
        path = self._names(model)
        return read_names(path, n_actions) if path.is_file() else ActionNames()

    def write_names(self, model: str, names: ActionNames) -> None:
        """Write the names of a model's actions, for a segment table that is yet to be written."""
        write_names(self._names(model), names)

    def write_corrected(self, name: str, corrected: Corrected) -> None:
        """Write a recording's corrected segments, for a segment table that is yet to be written."""
        path = self.corrected_path(name)
        if corrected.segments:
            write_corrected(path, corrected)
        else:
            remove(path)

    def corrected_path(self, name: str) -> Path:
        """Return the file of a recording's corrected segments, which need not exist."""
        return self.root / "corrected" / f"{name}.json"

    def truth_path(self, name: str) -> Path:
        """Return the file of a recording's corrected labels, which need not exist."""
        return self.root / "truth" / name

    def has_truth(self, name: str) -> bool:
        """Tell whether people gave labels for a recording."""
        return self.truth_path(name).is_file()

    def _names(self, model: str) -> Path:
        return self.root / "names" / f"{model}.json"

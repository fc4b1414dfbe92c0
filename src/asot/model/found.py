"""Settings that were found, kept with what they were found from, so that none is sought twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from asot import __version__
from asot.discover.prototypes import PlainEvidence
from asot.files import write_json
from asot.folders import in_turn
from asot.model.features import PreparedFeatures
from asot.schema import convert, read_json

Kind = TypeVar("Kind", bound=PlainEvidence)


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found, and a hash of what from."""

    source: str
    value: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A file of evidence by name, or none, where nothing is kept."""

    path: Path | None = None

    def look(self, kind: type[Kind], name: str, features: PreparedFeatures, *rest: Any) -> Any:
        """Return what was found from these features and ``rest``, the arguments; else None."""
        if self.path is None or not self.path.is_file():
            return None
        kept = self._kept().get(name)
        if kept is None or kept.source != source_of(features, *rest):
            return None
        return convert(self.path, kept.value, kind)

    def get(
        self,
        find: Callable[[], Kind],
        kind: type[Kind],
        name: str,
        features: PreparedFeatures,
        *rest: Any,
    ) -> Kind:
        """Return what was found before, or find it and keep it; of shards, one does."""
        found: Kind | None = self.look(kind, name, features, *rest)
        if found is not None or self.path is None:
            return find() if found is None else found
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with in_turn(self.path.with_name(f"{self.path.name}.search")):
            found = self.look(kind, name, features, *rest)  # by a shard that was waited for
            if found is None:
                found = find()
                one = _Kept(source_of(features, *rest), found.to_dict())
                with in_turn(self.path):
                    kept = {} if not self.path.is_file() else self._kept()
                    write_json(self.path, msgspec.to_builtins({**kept, name: one}))
        return found

    def _kept(self) -> dict[str, _Kept]:
        assert self.path is not None
        return read_json(self.path, dict[str, _Kept], "remove it")


def source_of(features: PreparedFeatures, *rest: Any) -> str:
    """Return a text that changes with features, the version of asot, and the values in ``rest``."""
    parts = json.dumps([__version__, features.identity, *rest])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]

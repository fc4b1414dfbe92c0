"""A model alone in a file, as ``ActionSegmenter.save`` leaves it, used as a run is."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from asot.runs.run import WHOLE, Run, RunDescription


class LoneModel(Run):
    """A checkpoint that stands for a run with one model and no predictions."""

    finished = True

    def checkpoint(self, activity: str) -> Path:
        """Return the file."""
        return self.root

    def description(self) -> RunDescription:
        """Describe the model as a run would; of its features the file says only how many."""
        return self._description

    @cached_property
    def _description(self) -> RunDescription:
        from asot.model.checkpoint import load_model

        model = load_model(self.root)
        return RunDescription(model.recipe.to_dict(), 0, "", {WHOLE: model.n_actions}, None)


def open_run(root: Path) -> Run:
    """Open a run's folder, or a model's file."""
    return LoneModel(root) if root.is_file() else Run(root)

"""A fitted segmenter in files: the checkpoint that the command line writes too, and ONNX."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asot.errors import ArgumentError
from asot.model.recipe import AUTO, Recipe
from asot.model.segmenter import RecipeSegmenter

if TYPE_CHECKING:
    from asot.model.parts import Parts

logger = logging.getLogger(__name__)


class StoredSegmenter(RecipeSegmenter):
    """A segmenter that can be stored in a file, and read from one."""

    _parameters: Callable[[Any], dict[str, Any]]  # those that made a model

    def save(self, path: str | Path) -> None:
        """Write the fitted model into a file, as the command line writes its own.

        ``asot predict FILE`` and ``asot segment --model FILE`` take it. Of ``evidence_`` the file
        holds what was found of a team's result, not how settings were found. It holds neither
        ``labels_`` nor ``confidence_``, which are the recordings'. Nothing in it is ever executed.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        """
        from asot.model.checkpoint import save

        self._require_fitted()
        names = getattr(self, "feature_names_in_", None)
        kind = "team" if hasattr(self.model_, "learners") else "network"
        parts: dict[str, Any] = {
            kind: self.model_,
            "columns": None if names is None else names.tolist(),
        }
        save(Path(path), **parts)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto", **parts: Any) -> Any:
        """Read a fitted segmenter from a file of ``save``, or from a model of the command line.

        It predicts what the one that was saved did, to the last bit. Its parameters are those of
        the model, with what was found in place of "auto". The command line's models lie in
        ``run/models``; they have their own numbers of actions, which ``numbers.json`` translates.
        Of their recipe, ``mode``, ``max_iterations``, ``inner_iterations`` and ``lambda_frames``
        of the transports are no parameters: predictions and ``partial_fit`` keep them, but a new
        ``fit`` takes the defaults; a warning is logged where these differ. An encoder or a cost of
        one's own is given again as ``parts``: the file holds their weights alone, and fixed
        ``actions`` themselves.

        Raises
        ------
        FileError
            If the file is not a model, or was altered.
        ArgumentError
            If ``actions`` are others than the model's, or a team is given parts of one's own.

        Examples
        --------
        >>> import tempfile
        >>> from asot import ActionSegmenter
        >>> from asot.simulation import make_recordings
        >>> X = make_recordings(n_recordings=2, n_actions=3, random_state=0).features
        >>> one = ActionSegmenter(3, team=0, radius=0.04, order_prior=0.0, random_state=0).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     one.save(f"{folder}/model.ckpt")
        ...     again = ActionSegmenter.load(f"{folder}/model.ckpt")
        >>> (again.predict(X)[0] == one.labels_[0]).all()
        np.True_
        """
        from asot.model.automatic import Evidence
        from asot.model.checkpoint import load_named
        from asot.model.team import TeamModel

        segmenter = cls(device=device, **parts)
        own = segmenter._parts(Recipe())
        (model, columns), evidence = load_named(Path(path), own), Evidence()
        _require_parts_of(model, own, path)
        if isinstance(model, TeamModel):
            background = None if model.background is None else model.background.evidence
            evidence = Evidence(background=background, choice=model.choice, trust=model.trust)
        elif own.actions is None and not model.actions.requires_grad:
            segmenter.actions = model.actions.detach().numpy().copy()  # fixed ones
            model.parts = segmenter._parts(model.recipe).for_decoding()
        segmenter.set_params(**segmenter._parameters(model))
        segmenter._take(model, columns, evidence)
        if lost := _not_parameters(model.recipe, segmenter._recipe()):
            logger.warning(
                "%s has settings that predict and partial_fit keep, but that are no parameters, so "
                "that fit takes their defaults: %s.",
                *(path, " and ".join(lost)),
            )
        return segmenter

    def to_onnx(self, path: str | Path) -> None:
        """Write all that comes before the transport as an ONNX model, for other runtimes.

        Its input is a recording, ``features`` (N, D) float32, and its outputs are ``embedding``
        (N, d), as ``transform`` has it, and ``similarity`` (N, K) to each action. ``asot.solve(1 -
        similarity, ...)`` with the arguments in its metadata ``solve`` labels the frames: as
        ``predict`` does for a network, where the order prior is added. For a team it is close:
        ``predict`` lets each learner decode before they vote.

        Raises
        ------
        ArgumentError
            If the segmenter has learnt from known frames.
        MissingExtraError
            Without onnx, which the extra ``onnx`` brings.
        """
        from asot.model.onnx import write_onnx

        self._require_fitted()
        write_onnx(Path(path), self.model_)


def _require_parts_of(model: Any, own: Parts, path: str | Path) -> None:
    """Refuse parts that a loaded model would not heed."""
    if hasattr(model, "learners") and own.given:
        raise ArgumentError(
            f"{own.given[0]} must be left out with {path}, which holds a team, whose learners have "
            "no parts of one's own.",
            setting=own.given[0],
        )
    if own.actions is None:
        return
    import torch

    given = torch.from_numpy(np.array(own.actions, dtype=np.float32))
    if not torch.allclose(torch.nn.functional.normalize(given, dim=-1), model.actions, atol=1e-5):
        raise ArgumentError(
            f"actions must be those that {path} was trained with, but are others: leave them out, "
            "or fit with them.",
            setting="actions",
        )


def _not_parameters(fitted: Recipe, anew: Recipe) -> list[str]:
    """Return what a model's transports have in place of what ``fit`` would take."""
    lost = []
    for group in ("transport_train", "transport_eval"):
        would = vars(getattr(anew, group))
        for name, value in vars(getattr(fitted, group)).items():
            if would[name] not in (value, AUTO):  # what is "auto" is found anew
                lost.append(f"{group}.{name} = {value!r}")
    return lost

"""A fitted segmenter in files: the checkpoint that the command line writes too, and ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter


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
        An encoder, actions or a cost of one's own are given again as ``parts``: the file holds
        their weights alone.

        Raises
        ------
        FileError
            If the file is not a model, or was altered.

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
        from asot.model.checkpoint import load_columns, load_model
        from asot.model.team import TeamModel

        segmenter = cls(device=device, **parts)
        model, evidence = load_model(Path(path), segmenter._parts(Recipe())), Evidence()
        if isinstance(model, TeamModel):
            background = None if model.background is None else model.background.evidence
            evidence = Evidence(background=background, choice=model.choice, trust=model.trust)
        segmenter.set_params(**segmenter._parameters(model))
        segmenter._take(model, load_columns(Path(path)), evidence)
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

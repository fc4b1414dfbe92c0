"""A recipe as an estimator: what the scikit-learn face and the learned baselines share."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import require_integer
from asot.model.features import PreparedFeatures, prepare
from asot.model.interface import (
    FeatureArrays,
    NotFittedError,
    Segmenter,
    as_came,
    read_recordings,
)
from asot.model.recipe import AUTO, Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from asot.model.network import ActionModel
    from asot.model.team import TeamModel


@dataclass(frozen=True)
class Snapshot:
    """The segmentation of the fitted recordings in the middle of a training.

    Attributes
    ----------
    epoch : int
        Epochs trained by then.
    objective : float
        Training loss of the last of them; lower is better.
    labels : list of (N_i,) int64 arrays
        Labels of the recordings.
    """

    epoch: int
    objective: float
    labels: list[NDArray[np.int64]]


class RecipeSegmenter(Segmenter):
    """Trains a recipe on recordings, and segments them.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; the default recipe unless given.
    n_actions : int or "auto"
        K, or to be found from the recordings.
    device : str
        "auto" (a CUDA GPU or the CPU), "cpu", "gpu", or a device of torch.
    keep_epochs : bool
        Also segment the recordings every ``recipe.training.validate_every`` epochs.
    random_state : int, RandomState or None
        Decides everything that is drawn.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted.
    objective_ : float or None
        Training loss of the last epoch; None where there was no epoch, or a team. Lower is better.
    n_actions_ : int
        K.
    evidence_ : asot.model.automatic.Evidence
        How settings that the recipe leaves open were found.
    snapshots_ : list of Snapshot
        With ``keep_epochs``, the segmentations before the last epoch.
    cluster_centers_ : (K, d) float32 array
        The action embeddings, of unit length.
    n_features_in_ : int
        Columns of the features.
    model_ : asot.model.network.ActionModel or asot.model.team.TeamModel
        The network, or the team of learners.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=4, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 2}})
    >>> segmenter = RecipeSegmenter(recipe, n_actions=3, random_state=0)
    >>> [len(one) for one in segmenter.fit_predict(recordings.features)] == [
    ...     one.n_frames for one in recordings
    ... ]
    True
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        self.recipe = recipe
        self.n_actions = n_actions
        self.device = device
        self.keep_epochs = keep_epochs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the actions of recordings.

        Parameters
        ----------
        X : list of (N_i, D) arrays, one (N, D) array, or a lazy sequence of arrays
            Frame features, time first.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        RecipeSegmenter
            Itself.

        Raises
        ------
        ArgumentError, ConfigurationError
            If the features are not finite two-dimensional arrays of one width, or a parameter is
            out of its range. What was fitted before stays.
        """
        recipe = self._recipe()
        if self.n_actions != AUTO:
            require_integer("n_actions", self.n_actions, at_least=1)
        recordings = read_recordings(X)
        from sklearn.utils import check_random_state

        from asot.model.automatic import settle, settle_number
        from asot.model.loop import train
        from asot.model.team import train_team

        # Prepared once, for training and for segmenting.
        prepared = PreparedFeatures(recordings, recipe.dataset.standardise)
        random = check_random_state(self.random_state)
        given = isinstance(self.random_state, (int, np.integer))
        seed = int(self.random_state if given else random.randint(2**31))
        losses: list[float] = []
        snapshots: list[Snapshot] = []

        def after_epoch(done: int, model: ActionModel, loss: float) -> None:
            losses.append(loss)
            if self._keeps(done, recipe):
                labels = self._segmented(copy.deepcopy(model).cpu().eval(), prepared)
                snapshots.append(Snapshot(done, loss, labels))

        number = settle_number(prepared, seed=seed) if self.n_actions == AUTO else None
        n_actions = int(self.n_actions) if number is None else number.chosen
        recipe, evidence = settle(recipe, prepared, n_actions, seed=seed, number=number)
        pseudo_labels = self._pseudo_labels(recipe)
        model: ActionModel | TeamModel
        # Pseudo-labels of another kind make another method, which is one network.
        if recipe.team and pseudo_labels is None:
            model = train_team(prepared, recipe, n_actions, seed=seed, device=self.device)
            if model.background is not None:
                evidence = replace(evidence, background=model.background.evidence)
        else:
            model = train(
                prepared,
                recipe,
                n_actions,
                seed=seed,
                device=self.device,
                after_epoch=after_epoch,
                pseudo_labels=pseudo_labels,
            )
        self.labels_ = self._segmented(model, prepared)
        self.model_ = model
        self.n_features_in_ = model.n_features
        self.n_actions_ = n_actions
        self.cluster_centers_ = model.actions.detach().numpy().copy()
        self.evidence_ = evidence
        self.objective_ = losses[-1] if losses else None
        self.snapshots_ = snapshots
        return self

    def predict(self, X: Any) -> Any:
        """Segment recordings.

        Parameters
        ----------
        X : as for ``fit``
            Recordings that were fitted, or others.

        Returns
        -------
        list of (N_i,) int64 arrays, or one array for one array
            An action number, 0 to K - 1, for each frame.
        """
        recordings = self._read(X)
        return as_came(X, (self._labels(self.model_, one) for one in self._prepared(recordings)))

    def _recipe(self) -> Recipe:
        recipe = self.recipe or Recipe()
        recipe.check()
        return recipe

    def _keeps(self, epoch: int, recipe: Recipe) -> bool:
        settings = recipe.training
        before_last = epoch < settings.epochs
        return self.keep_epochs and before_last and epoch % settings.validate_every == 0

    def _pseudo_labels(self, recipe: Recipe) -> Any:
        """What makes the pseudo-labels, where that is not the recipe's transport."""
        return None

    def _segmented(self, model: Any, prepared: PreparedFeatures) -> list[NDArray[np.int64]]:
        """Labels of the recordings that are fitted."""
        return [self._labels(model, one) for one in prepared]

    def _labels(self, model: Any, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Labels (N,) of one recording's prepared features, (N, D)."""
        from asot.model.network import decode

        return decode(model, features)[0]

    def _read(self, X: Any) -> FeatureArrays:
        if not hasattr(self, "model_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet: call fit first.")
        return read_recordings(X, self.n_features_in_)

    def _prepared(self, recordings: Sequence[NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
        standardised = self.model_.recipe.dataset.standardise
        return (prepare(one, standardised) for one in recordings)


def log_probabilities(model: ActionModel, features: NDArray[np.float32]) -> Tensor:
    """The network's own ``log p(action | frame)``, (N, K), of prepared features (N, D)."""
    import torch

    from asot.model.network import as_tensor

    with torch.no_grad():
        return model.log_probabilities(model.similarity(model.embed(as_tensor(features))))

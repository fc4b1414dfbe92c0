"""The scikit-learn face: many recordings in, shared actions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, MissingExtraError, NotFittedError
from asot.learning.configuration import (
    DatasetSettings,
    EncoderSettings,
    Recipe,
    TrainingSettings,
    TransportSettings,
)
from asot.learning.features import PreparedFeatures
from asot.metrics import evaluate

try:
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.utils import check_random_state
except ImportError as error:
    raise MissingExtraError("scikit-learn", "learn", "asot.ActionSegmenter") from error

Labels = NDArray[np.int64]
Matrix = NDArray[np.float32]


class ActionSegmenter(ClusterMixin, BaseEstimator):
    """Finds actions that recordings share, and segments the recordings into them.

    A small network learns frame features and one embedding for each action from pseudo-labels
    that temporally consistent, unbalanced optimal transport makes of its own output. No labels
    are needed. The command line trains and decodes with the same code.

    Parameters
    ----------
    n_actions : int
        K, the actions to look for. Actions may go unused.
    epochs : int
        Passes over the recordings; 0 keeps the k-means start and only decodes.
    order_prior : float
        Strength of the nudge towards a common order of the actions; 0 where there is none.
    radius : float or int
        Half-width of the temporal band: a fraction of each recording, or frames. About a quarter
        to a half of a typical segment serves.
    standardise : bool
        Standardise the features of each recording.
    hidden : sequence of int
        Widths of the encoder's hidden layers.
    embedding_width : int
        Width of the embedding.
    epsilon_train, epsilon_eval : float
        Entropy weight for pseudo-labels and for decoding.
    alpha_train, alpha_eval : float
        Weight of the temporal term, in [0, 1).
    lambda_actions_train, lambda_actions_eval : float or None
        Penalty that keeps the actions about equally long; None makes them exactly so.
    batch_size : int
        Recordings in a step.
    frames_per_recording : int
        Frames drawn from each recording in an epoch.
    learning_rate, weight_decay, temperature : float
        Of Adam, of Adam, and of the softmax over similarities.
    n_init : int
        Restarts of the k-means that places the action embeddings.
    device : str
        "auto", "cpu", "gpu", ... as Lightning's ``accelerator``.
    random_state : int, RandomState or None
        Decides everything that is drawn.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted.
    cluster_centers_ : (K, embedding_width) float32 array
        The action embeddings, of unit length.
    n_features_in_ : int
        Columns of the features.
    model_ : asot.learning.model.ActionModel
        The network.

    References
    ----------
    M. Xu and S. Gould, CVPR 2024, arXiv 2404.01518.

    Examples
    --------
    >>> from asot.data import make_recordings
    >>> recordings = make_recordings(n_recordings=4, n_actions=3, random_state=0)
    >>> segmenter = ActionSegmenter(n_actions=3, epochs=2, random_state=0)
    >>> labels = segmenter.fit_predict(recordings.features)
    >>> [len(one) for one in labels] == [one.n_frames for one in recordings]
    True
    >>> segmenter.score(recordings.features, recordings.ground_truth) > 0.5
    True
    """

    def __init__(
        self,
        n_actions: int = 8,
        *,
        epochs: int = 15,
        order_prior: float = 0.15,
        radius: float | int = 0.04,
        standardise: bool = True,
        hidden: Sequence[int] = (128,),
        embedding_width: int = 40,
        epsilon_train: float = 0.07,
        epsilon_eval: float = 0.04,
        alpha_train: float = 0.3,
        alpha_eval: float = 0.6,
        lambda_actions_train: float | None = 0.1,
        lambda_actions_eval: float | None = 0.01,
        batch_size: int = 2,
        frames_per_recording: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        temperature: float = 0.1,
        n_init: int = 10,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.n_actions = n_actions
        self.epochs = epochs
        self.order_prior = order_prior
        self.radius = radius
        self.standardise = standardise
        self.hidden = hidden
        self.embedding_width = embedding_width
        self.epsilon_train = epsilon_train
        self.epsilon_eval = epsilon_eval
        self.alpha_train = alpha_train
        self.alpha_eval = alpha_eval
        self.lambda_actions_train = lambda_actions_train
        self.lambda_actions_eval = lambda_actions_eval
        self.batch_size = batch_size
        self.frames_per_recording = frames_per_recording
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.temperature = temperature
        self.n_init = n_init
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> ActionSegmenter:
        """Learn the actions of recordings.

        Parameters
        ----------
        X : list of (N_i, D) arrays, one (N, D) array, or a lazy sequence of arrays
            Frame features, time first.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        ActionSegmenter
            Itself.

        Raises
        ------
        ArgumentError
            If the features are not finite two-dimensional arrays of one width.
        """
        recordings = _read(X)
        recipe = self._recipe()
        recipe.check()
        from asot.learning.training import fit

        self.n_features_in_ = int(recordings[0].shape[1])
        seed = int(check_random_state(self.random_state).randint(2**31))
        self.model_ = fit(recordings, recipe, self.n_actions, seed=seed, accelerator=self.device)
        self.cluster_centers_ = self.model_.actions.detach().numpy().copy()
        self.labels_ = [labels for labels, _ in self._decoded(recordings)]
        return self

    def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> Any:
        """Fit, and return the labels of the same recordings; see ``predict``."""
        self.fit(X)
        return self.labels_[0] if _is_one(X) else self.labels_

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
        recordings = self._read_fitted(X)
        found = [labels for labels, _ in self._decoded(recordings)]
        return found[0] if _is_one(X) else found

    def predict_proba(self, X: Any) -> Any:
        """Soft assignments: (N_i, K) float32 arrays whose rows sum to 1, in the form of ``X``."""
        recordings = self._read_fitted(X)
        found = [assignment for _, assignment in self._decoded(recordings)]
        return found[0] if _is_one(X) else found

    def transform(self, X: Any) -> Any:
        """Frame embeddings: (N_i, embedding_width) float32 arrays of unit rows, as ``X`` came."""
        recordings = self._read_fitted(X)
        import torch

        with torch.no_grad():
            found = [
                self.model_.embed(torch.from_numpy(np.ascontiguousarray(features))).numpy()
                for features in self._prepared(recordings)
            ]
        return found[0] if _is_one(X) else found

    def score(self, X: Any, y: Any) -> float:
        """Share of frames labelled right (MoF) after one matching for all recordings.

        Parameters
        ----------
        X : as for ``fit``
            Recordings.
        y : list of (N_i,) label sequences, or one for one array
            Ground truth.
        """
        predicted = self.predict(X)
        if _is_one(X):
            predicted, y = [predicted], [y]
        return float(evaluate(predicted, list(y))["mof"])

    def _recipe(self) -> Recipe:
        def transport(epsilon: float, alpha: float, lambda_actions: float | None) -> Any:
            return TransportSettings(epsilon, alpha, self.radius, lambda_actions)

        return Recipe(
            n_actions=self.n_actions,
            rho=self.order_prior,
            dataset=DatasetSettings(standardise=self.standardise),
            encoder=EncoderSettings(list(self.hidden), self.embedding_width),
            training=TrainingSettings(
                epochs=self.epochs,
                batch_size=self.batch_size,
                frames_per_recording=self.frames_per_recording,
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                temperature=self.temperature,
                kmeans_restarts=self.n_init,
            ),
            transport_train=transport(
                self.epsilon_train, self.alpha_train, self.lambda_actions_train
            ),
            transport_eval=transport(self.epsilon_eval, self.alpha_eval, self.lambda_actions_eval),
        )

    def _read_fitted(self, X: Any) -> _Checked:
        if not hasattr(self, "model_"):
            raise NotFittedError("This ActionSegmenter is not fitted yet: call fit first.")
        return _read(X, self.n_features_in_)

    def _prepared(self, recordings: _Checked) -> PreparedFeatures:
        return PreparedFeatures(recordings, self.standardise, self.n_features_in_)

    def _decoded(self, recordings: _Checked) -> Any:
        from asot.learning.training import decode

        return (decode(self.model_, features) for features in self._prepared(recordings))


class _Checked(Sequence[NDArray[Any]]):
    """The recordings of ``X``, each checked when it is opened, so that a lazy ``X`` stays lazy."""

    def __init__(self, X: Any) -> None:
        self._given = [X] if _is_one(X) else X

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, index: Any) -> Any:
        array = np.asarray(self._given[index])
        if array.ndim != 2 or array.dtype.kind not in "fiub" or 0 in array.shape:
            raise ArgumentError(
                f"X[{index}] must be a (frames, columns) array of numbers, but has the shape "
                f"{array.shape} and the type {array.dtype}."
            )
        if not np.isfinite(array).all():
            frame, column = np.argwhere(~np.isfinite(array))[0].tolist()
            raise ArgumentError(
                f"X[{index}] must be finite, but frame {frame}, column {column} is "
                f"{array[frame, column]}."
            )
        return array


def _is_one(X: Any) -> bool:
    return isinstance(X, np.ndarray) and X.ndim == 2


def _read(X: Any, width: int | None = None) -> _Checked:
    """Check every recording of ``X``, one after the other, before any work is done on them."""
    is_sequence = hasattr(X, "__getitem__") and hasattr(X, "__len__")
    if not is_sequence or isinstance(X, (str, bytes, dict)):
        raise ArgumentError(
            "X must be a list of (frames, columns) arrays, one such array, or a sequence of them, "
            f"but is a {type(X).__name__}."
        )
    if len(X) == 0:
        raise ArgumentError("X must hold at least one recording, but is empty.")
    recordings = _Checked(X)
    for index in range(len(recordings)):
        columns = recordings[index].shape[1]
        width = columns if width is None else width
        if columns != width:
            raise ArgumentError(
                f"All recordings must have the same columns, but X[{index}] has {columns}, "
                f"not {width}."
            )
    return recordings

"""CTE: an embedding that tells when in its recording a frame is, decoded in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asot.baselines.base import Segmented
from asot.baselines.cte_decoding import CTEDecodingSegmenter
from asot.errors import require_integer
from asot.model.features import PreparedFeatures, as_tensor
from asot.processes import one_thread

if TYPE_CHECKING:
    from torch import nn

BATCH = 256
LEAST_STEPS = 1000
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-4


class CTESegmenter(CTEDecodingSegmenter):
    """Learns features that tell when in its recording a frame is, and decodes those in order.

    A network with two hidden layers regresses the relative time of each frame from its features,
    with squared errors, over all recordings. Its last hidden layer then replaces the features, so
    that frames which look alike at about the same stage of the task lie near each other. Clusters,
    their order, Gaussians and decoding are those of :class:`CTEDecodingSegmenter`.

    Where the paper leaves a choice: each column is shifted and scaled to a mean of 0 and a variance
    of 1 over all frames; the hidden layers have sigmoids, the first is twice as wide as the second,
    and the embedding is the second one's value before its sigmoid; Adam with a learning rate of
    1e-3, a tenth of it in the second half, and a weight decay of 1e-4 takes batches of 256 frames.
    That, the width and the 60 epochs are in the settings that the authors published for Breakfast.
    Not so: layers start as PyTorch's do, since the authors' small weights leave a third more
    squared error on five recordings; there are more epochs where 60 are under 1,000 batches; and
    k-means sees all frames at once, from ``n_init`` starts, not mini-batches.

    Parameters
    ----------
    n_actions : int
        K.
    width : int
        Width of the embedding.
    epochs : int
        Passes over all frames, at least.
    standardise, frames_per_recording, n_init, random_state
        As for :class:`CTEDecodingSegmenter`; ``random_state`` decides the network, too.

    Attributes
    ----------
    labels_, objective_, n_features_in_
        As for :class:`CTEDecodingSegmenter`.
    means_, covariances_ : (K, width) and (K, width, width) float64 arrays
        Of the Gaussians, in the embedding.
    time_error_ : float
        Mean squared error of the relative time, which is in [0, 1], over all frames. It is 1/12
        where the features tell nothing about time.

    References
    ----------
    A. Kukleva, H. Kuehne, F. Sener and J. Gall, "Unsupervised learning of action classes with
    continuous temporal embedding", CVPR 2019.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=4, n_actions=3, random_state=0)
    >>> segmenter = CTESegmenter(3, width=4, random_state=0).fit(recordings.features)
    >>> segmenter.means_.shape, segmenter.time_error_ < 1 / 12
    ((3, 4), True)
    """

    def __init__(
        self,
        n_actions: int = 8,
        *,
        width: int = 20,
        epochs: int = 60,
        standardise: bool = True,
        frames_per_recording: int | None = None,
        n_init: int = 10,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            n_actions,
            standardise=standardise,
            frames_per_recording=frames_per_recording,
            n_init=n_init,
            random_state=random_state,
        )
        self.width = width
        self.epochs = epochs

    def _check(self) -> None:
        super()._check()
        require_integer("width", self.width, at_least=1)
        require_integer("epochs", self.epochs, at_least=1)

    def _learn(self, features: PreparedFeatures) -> None:
        from sklearn.utils import check_random_state

        seed = int(check_random_state(self.random_state).randint(2**31))
        self._network, self.time_error_ = _learn_time(features, self.width, self.epochs, seed)
        super()._learn(PreparedFeatures([self._embed(one) for one in features], False))

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        return super()._segment(self._embed(features))

    def _embed(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        with torch.no_grad():
            embedded: NDArray[np.float32] = self._network(as_tensor(features)).numpy()
        return embedded


def _learn_time(
    features: PreparedFeatures, width: int, epochs: int, seed: int
) -> tuple[nn.Module, float]:
    """Learn an embedding (N, width) of frames (N, D) that tells their time; return its error too.

    The error is the mean squared one of the relative time, (i + 1/2) / N, over all frames.
    """
    import torch
    from torch import nn

    from asot.model.network import own_draws

    recordings = list(features)
    frames = torch.from_numpy(np.concatenate(recordings))
    times = [(np.arange(len(one)) + 0.5) / len(one) for one in recordings]
    time = torch.from_numpy(np.concatenate(times).astype(np.float32))
    centre, spread = frames.mean(dim=0), frames.std(dim=0, correction=0)
    spread[spread == 0] = 1.0
    with own_draws(seed), one_thread():
        first = nn.Linear(features.width, 2 * width)
        embedding = nn.Sequential(first, nn.Sigmoid(), nn.Linear(2 * width, width))
        whole = nn.Sequential(embedding, nn.Sigmoid(), nn.Linear(width, 1), nn.Flatten(0))
        adam = torch.optim.Adam(whole.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        epochs = max(epochs, -(-LEAST_STEPS // -(-len(frames) // BATCH)))
        falling = torch.optim.lr_scheduler.StepLR(adam, -(-epochs // 2))
        for _ in range(epochs):
            for chosen in torch.randperm(len(frames)).split(BATCH):
                guess = whole((frames[chosen] - centre) / spread)
                loss = (guess - time[chosen]).square().sum()
                adam.zero_grad()
                loss.backward()
                adam.step()
            falling.step()
    with torch.no_grad():
        # From here on the first layer takes the columns as they are.
        first.weight.div_(spread)
        first.bias.sub_(first.weight @ centre)
        error = float((whole(frames) - time).square().mean())
    return embedding, error

"""A start for encoders that is learned from time alone: what is near in time is to be alike.

Source: van den Oord, Li and Vinyals, 2018, the loss (InfoNCE); Hyvarinen and Morioka, 2016, time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from asot.data import stratified_frames
from asot.errors import SolverError
from asot.model.features import PreparedFeatures, TrainingFeatures
from asot.model.network import own_draws, perceptron
from asot.model.recipe import EncoderSettings, TrainingSettings
from asot.model.training import Adam

STEPS = 300
FRAMES = 192  # of a recording, in a step
TEMPERATURE = 0.1


def learn_contrast(
    features: TrainingFeatures,
    encoder: EncoderSettings,
    training: TrainingSettings,
    radius: int,
    seed: int,
) -> nn.Sequential:
    """Train an encoder to tell frames that are near in time from others of the same recording.

    In each step, frames of a recording are drawn, and for each frame i a partner, at most
    ``radius`` frames away. By the cosines s of their embeddings, it is to be told from the partners
    j of those frames that are not near::

        loss = -mean_i log(exp(s_ii / t) / sum_j exp(s_ij / t)),   j = i or |i - j| > 2 radius

    Raises
    ------
    SolverError
        If the weights do not stay finite.

    Examples
    --------
    >>> from asot.model.features import PreparedFeatures
    >>> from asot.simulation import make_recordings
    >>> X = PreparedFeatures(make_recordings(3, 3, random_state=0).features, True)
    >>> made = learn_contrast(X, EncoderSettings([16], 8), TrainingSettings(), 5, seed=0)
    >>> made(torch.from_numpy(X[0][:4])).shape
    torch.Size([4, 8])
    """
    rng = np.random.default_rng(seed)
    with own_draws(seed):
        made = perceptron(features.width, encoder)
    trained: list[torch.Tensor] = list(made.parameters())
    adam = Adam(trained, training)
    with torch.enable_grad():
        for _ in range(STEPS):
            index = int(rng.integers(len(features)))
            recording = features[index]
            frames = stratified_frames(len(recording), FRAMES, rng)
            counts = np.ones(len(recording), np.float32)
            if features.weights is not None:
                counts = features.weights[index]
                frames = frames[counts[frames] > 0]
                if len(frames) == 0:
                    continue
            moves = rng.integers(1, radius + 1, len(frames)) * rng.choice([-1, 1], len(frames))
            partners = np.clip(frames + moves, 0, len(recording) - 1)
            partners = np.where(counts[partners] > 0, partners, frames)
            near = np.abs(frames[:, None] - partners) <= 2 * radius
            np.fill_diagonal(near, False)
            rows = torch.from_numpy(recording[np.concatenate([frames, partners])])
            own, others = F.normalize(made(rows), dim=1).chunk(2)
            logits = (own @ others.T / TEMPERATURE).masked_fill(torch.from_numpy(near), -torch.inf)
            losses = F.cross_entropy(logits, torch.arange(len(frames)), reduction="none")
            loss = (losses * torch.from_numpy(counts[frames])).mean()
            adam.step(torch.autograd.grad(loss, trained))
    if not all(bool(torch.isfinite(one).all()) for one in trained):
        raise SolverError(
            "Encoders that tell near frames from far ones are not finite: features are too large, "
            "or training.learning_rate is out of any use."
        )
    return made


def embed_contrasted(
    recordings: Sequence[NDArray[np.float32]], radius: int, seed: int
) -> list[NDArray[np.float32]]:
    """Embed prepared recordings (N_i, D) by an encoder that learned from them: unit rows (N_i, d).

    It is the paper's, at the time scale ``radius``, in frames.
    """
    features = PreparedFeatures(recordings, preparation=False)
    made = learn_contrast(features, EncoderSettings(), TrainingSettings(), radius, seed)
    with torch.no_grad():
        return [F.normalize(made(torch.from_numpy(one)), dim=1).numpy() for one in features]

"""The training loop, plainly: one device, nothing written, nothing logged.

``training.fit`` does the same with Lightning, for runs that need more; to the last bit, as a test
sees to. The estimators and the benchmark need no more than this, and it starts and steps sooner.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from asot.errors import ConfigurationError
from asot.model.features import TrainingFeatures
from asot.model.gradient import few_threads, loss_and_gradients
from asot.model.network import ActionModel, PseudoLabels
from asot.model.recipe import Recipe, TrainingSettings
from asot.model.sampling import Batches, EpochSampler, FrameSampling
from asot.model.start import draw_model, start_at_kmeans

# Called with the epochs done, the model, and the training loss of the last epoch.
AfterEpoch = Callable[[int, ActionModel, float], None]


def train(
    features: TrainingFeatures,
    recipe: Recipe,
    n_actions: int,
    *,
    seed: int = 0,
    device: str = "auto",
    after_epoch: AfterEpoch | None = None,
    pseudo_labels: PseudoLabels | None = None,
) -> ActionModel:
    """Train a model on recordings.

    Parameters
    ----------
    features : PreparedFeatures or ViewedFeatures
        The recordings' features.
    recipe : Recipe
        The settings.
    n_actions : int
        K.
    seed : int
        Decides the initial weights, k-means and every draw of frames, at least 0; the global
        generators are left alone.
    device : str
        "auto" (a CUDA GPU or the CPU), "cpu", "gpu", or a device of torch.
    after_epoch : callable, optional
        Called after each epoch.
    pseudo_labels : callable, optional
        Makes the pseudo-labels in place of the recipe's ``transport_train`` and order prior: from
        the cost (B, N, K), ``1 - cosine similarity``, and the lengths (B,), an assignment
        (B, N, K) whose rows sum to 1, and to 0 beyond each length.

    Returns
    -------
    ActionModel
        On the CPU, in evaluation mode.

    Raises
    ------
    ConfigurationError
        If the device is not here.
    """
    place = find_device(device)
    settings = recipe.training
    model = draw_model(recipe, features.width, n_actions, seed)
    start_at_kmeans(model, features, seed)
    model.pseudo_labels = pseudo_labels
    model.to(place)
    adam = Adam(list(model.parameters()), settings)
    sampler = EpochSampler(len(features), seed)
    sampling = FrameSampling(features, None, settings.frames_per_recording, seed)
    batches = Batches.of_samples(sampling, sampler, settings.batch_size)
    for epoch in range(settings.epochs):
        sampler.set_epoch(epoch)
        total = torch.zeros(2, device=place)
        for batch in batches:
            lengths = batch["lengths"].to(place)
            loss, gradients = loss_and_gradients(model, batch["features"].to(place), lengths)
            adam.step(gradients)
            model.normalise_actions()
            n_frames = lengths.sum()
            total += torch.stack([loss * n_frames, n_frames])
        if after_epoch is not None:
            after_epoch(epoch + 1, model, float(total[0] / total[1]))
    model.pseudo_labels = None
    return model.cpu().eval()


class Adam:
    """``torch.optim.Adam`` with ``fused=True``, to the last bit.

    Torch's own imports its compiler first, which takes a second, and its bookkeeping takes several
    times as long as the step.

    Parameters
    ----------
    parameters : list of Tensor
        What to train.
    settings : TrainingSettings
        Learning rate and weight decay.
    """

    def __init__(self, parameters: list[Tensor], settings: TrainingSettings) -> None:
        self.settings = settings
        self.parameters = [one.detach() for one in parameters]
        self.means = [torch.zeros_like(one) for one in self.parameters]
        self.squares = [torch.zeros_like(one) for one in self.parameters]
        self.steps = torch.zeros((), device=self.parameters[0].device)

    def step(self, gradients: list[Tensor]) -> None:
        """One step, given the gradients of all parameters."""
        self.steps += 1
        with few_threads(sum(one.numel() for one in self.parameters)):
            torch._fused_adam_(
                self.parameters,
                gradients,
                self.means,
                self.squares,
                [],
                [self.steps] * len(self.parameters),
                lr=self.settings.learning_rate,
                beta1=0.9,
                beta2=0.999,
                weight_decay=self.settings.weight_decay,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )


def find_device(name: str) -> torch.device:
    """The device of a name; "auto" is a CUDA GPU where there is one.

    Raises
    ------
    ConfigurationError
        If there is no such device here.
    """
    # Not Apple's GPUs by themselves: nothing here has been tried on them.
    found = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = {"auto": found, "gpu": "cuda"}.get(name, name)
    try:
        device = torch.device(chosen)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"device {name!r} cannot be used here: {reason}") from error
    return device

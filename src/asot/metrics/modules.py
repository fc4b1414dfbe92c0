"""The scores as a torchmetrics metric, for training loops and for several processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from asot.errors import ArgumentError, MissingExtraError
from asot.metrics.evaluate import MATCHINGS, evaluate
from asot.metrics.matching import Label

try:
    from torchmetrics import Metric
    from torchmetrics.utilities import dim_zero_cat
except ImportError as error:
    raise MissingExtraError("torchmetrics", "learn", "asot.metrics.SegmentationScores") from error

UNNUMBERED = -1


class SegmentationScores(Metric):
    """All scores of :func:`asot.metrics.evaluate`, accumulated over batches and processes.

    The matching needs every recording, so the state is the label sequences themselves, laid end
    to end. ``compute`` puts the recordings into an order of its own, by number and then by
    content, so that the result does not depend on how they were spread over processes. (Only
    ``legacy_f1`` and ``cte_f1`` depend on the order; their values are those of ``evaluate`` for
    the recordings as numbered.)

    Parameters
    ----------
    matching : {"activity", "video", "corpus", "name"}
        The recordings that share a matching; here all are of one activity. "name" is for
        predictions that already have the numbers of the classes.
    exclude : int or iterable of int, optional
        Ground-truth labels whose frames are dropped.
    tolerance : float, optional
        Of ``boundary_f1``, in frames; by default 5 % of the mean ground-truth segment length.
    n_actions : int, optional
        K of ``cte_f1`` and ``finch_iou``, as :func:`asot.metrics.evaluate` has it.
    **options
        Of :class:`torchmetrics.Metric`, such as ``process_group``.

    Raises
    ------
    ArgumentError
        If ``matching`` is unknown.

    Examples
    --------
    >>> import torch
    >>> scores = SegmentationScores()
    >>> truth = torch.tensor([[2, 2, 5, 5], [2, 5, 5, 0]])
    >>> scores.update(torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0]]), truth, lengths=[4, 3])
    >>> round(float(scores.compute()["mof"]), 3)
    0.857
    """

    is_differentiable = False
    full_state_update = False

    predictions: list[Tensor]
    ground_truth: list[Tensor]
    lengths: list[Tensor]
    numbers: list[Tensor]

    def __init__(
        self,
        matching: str = "activity",
        exclude: Label | Iterable[Label] | None = None,
        tolerance: float | None = None,
        n_actions: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if matching not in MATCHINGS:
            raise ArgumentError(
                f"matching must be one of {', '.join(map(repr, MATCHINGS))}, "
                f"but it is {matching!r}."
            )
        self.matching = matching
        self.exclude = exclude
        self.tolerance = tolerance
        self.n_actions = n_actions
        for name in ("predictions", "ground_truth", "lengths", "numbers"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(
        self,
        predictions: Tensor | Sequence[Tensor],
        ground_truth: Tensor | Sequence[Tensor],
        lengths: Tensor | Sequence[int] | None = None,
        numbers: Tensor | Sequence[int] | None = None,
    ) -> None:
        """Add recordings.

        Parameters
        ----------
        predictions, ground_truth : Tensor (B, N) or sequence of Tensor (N_i,), integer
            Labels of each recording; -1 in a prediction is unassigned.
        lengths : Tensor or sequence of int (B,), optional
            Frames of each recording that are not padding; all of them if not given.
        numbers : Tensor or sequence of int (B,), optional
            A number >= 0 for each recording, its place in the data set. A recording that comes
            twice, as samplers for several processes repeat some, then counts once.

        Raises
        ------
        ArgumentError
            If the arguments do not fit each other.
        """
        n_recordings = len(predictions)
        if len(ground_truth) != n_recordings:
            raise ArgumentError(
                f"predictions and ground_truth must hold the same number of recordings, but "
                f"they hold {n_recordings} and {len(ground_truth)}."
            )
        lengths = (
            [len(row) for row in ground_truth]
            if lengths is None
            else torch.as_tensor(lengths).tolist()
        )
        numbers = (
            [UNNUMBERED] * n_recordings if numbers is None else torch.as_tensor(numbers).tolist()
        )
        for name, values in (("lengths", lengths), ("numbers", numbers)):
            if len(values) != n_recordings:
                raise ArgumentError(
                    f"{name} must have one entry for each of the {n_recordings} recordings, but "
                    f"there are {len(values)}."
                )
        batch: list[tuple[Tensor, Tensor]] = []
        for index, (predicted, true, length) in enumerate(
            zip(predictions, ground_truth, lengths, strict=True)
        ):
            predicted, true = torch.as_tensor(predicted), torch.as_tensor(true)
            if not len(predicted) == len(true) >= length > 0:
                raise ArgumentError(
                    f"predictions and ground_truth must have the same length, at least that in "
                    f"lengths, which must be 1 or more, but for recording {index} of the batch "
                    f"they are {len(predicted)}, {len(true)} and {length}."
                )
            if predicted.is_floating_point() or true.is_floating_point():
                raise ArgumentError(
                    f"predictions and ground_truth must hold integers, but for recording {index} "
                    f"of the batch they are {predicted.dtype} and {true.dtype}."
                )
            batch.append((predicted[:length], true[:length]))
        self.predictions += [one.to(self.device, torch.int64, copy=True) for one, _ in batch]
        self.ground_truth += [one.to(self.device, torch.int64, copy=True) for _, one in batch]
        self.lengths.append(torch.tensor(lengths, dtype=torch.int64, device=self.device))
        self.numbers.append(torch.tensor(numbers, dtype=torch.int64, device=self.device))

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the states of all processes; see :meth:`torchmetrics.Metric.sync`."""
        # From a process without recordings torchmetrics would send empty float tensors to be
        # gathered with integers.
        for state in (self.predictions, self.ground_truth, self.lengths, self.numbers):
            if isinstance(state, list) and not state:
                state.append(torch.empty(0, dtype=torch.int64, device=self.device))
        super().sync(*args, **kwargs)

    def compute(self) -> dict[str, Tensor]:
        """Return each score as a float64 scalar, under the names of :func:`evaluate`.

        Raises
        ------
        ArgumentError
            If there are no recordings, or ``exclude`` leaves no frame.
        """
        lengths = _flat(self.lengths).tolist()
        recordings = sorted(
            zip(
                _flat(self.numbers).tolist(),
                (truth.numpy() for truth in _flat(self.ground_truth).split(lengths)),
                (predicted.numpy() for predicted in _flat(self.predictions).split(lengths)),
                strict=True,
            ),
            key=lambda r: (r[0], r[1].tobytes(), r[2].tobytes()),
        )
        kept = [
            recording
            for recording, before in zip(recordings, [None, *recordings], strict=False)
            if before is None or recording[0] != before[0] or recording[0] == UNNUMBERED
        ]
        truths, predictions = [one[1] for one in kept], [one[2] for one in kept]
        names = ("matching", "exclude", "tolerance", "n_actions")
        options: dict[str, Any] = {name: getattr(self, name) for name in names}
        scores = evaluate(predictions, truths, **options)
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in scores.items()}


def _flat(state: list[Tensor] | Tensor) -> Tensor:
    """Concatenate a state, which is a list before the processes meet and a tensor after."""
    if isinstance(state, list) and not state:
        return torch.empty(0, dtype=torch.int64)
    return dim_zero_cat(state).to("cpu", torch.int64)

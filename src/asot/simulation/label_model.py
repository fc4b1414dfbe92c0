"""A model of label sequences, from which sequences can be drawn where there are no real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asot.simulation.feature_model import check_settings, named_generator
from asot.simulation.label_sequences import LabelCorpus, LabelSequence

BACKGROUND = "background"


def _share(default: float, text: str, below: float = 1.0) -> float:
    return field(default=default, metadata={"help": text, "least": 0, "most": below})


@dataclass(frozen=True)
class LabelModel:
    """How the label sequences of a generated data set come about.

    Parameters
    ----------
    recordings : int
        How many.
    actions : int
        Actions, K, the background apart.
    mean_length : float
        Mean frames of a recording, background included.
    order : float
        How far the order of the actions varies: 0 for one order in all recordings, 1 for any.
    missing : float
        Probability that an action does not occur in a recording, in [0, 0.99].
    repeats : float
        Probability that an action that occurs comes a second time, anywhere.
    tail : float
        Standard deviation of the logarithm of the durations, which are log-normal; up to 3. Half
        of the variance is the action's own in all recordings, half is drawn each time.
    background : float
        Share of frames before, between and after the actions, in [0, 0.99].

    Raises
    ------
    ArgumentError
        If a number is out of its range; the sentence names it.

    Examples
    --------
    >>> corpus = LabelModel(recordings=3, actions=4, tail=0, mean_length=40).draw(seed=0)
    >>> [sequence.labels[::10].tolist() for sequence in corpus.sequences]
    [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]
    """

    recordings: int = field(default=50, metadata={"help": "How many recordings.", "least": 1})
    actions: int = field(default=8, metadata={"help": "Actions, background apart.", "least": 1})
    mean_length: float = field(
        default=1000.0, metadata={"help": "Mean frames of a recording.", "least": 1}
    )
    order: float = _share(0.0, "How far the order varies: 0 for one order, 1 for any.")
    missing: float = _share(0.0, "Probability that an action does not occur.", 0.99)
    repeats: float = _share(0.0, "Probability that an action comes a second time.")
    tail: float = field(
        default=0.7,
        metadata={"help": "Deviation of the durations' logarithm.", "least": 0, "most": 3},
    )
    background: float = _share(0.0, "Share of background frames.", 0.99)

    def __post_init__(self) -> None:
        check_settings(self)

    def draw(self, seed: int = 0) -> LabelCorpus:
        """Draw the label sequences.

        Action k is class k, the k-th of the common order, and the background is class K.

        Parameters
        ----------
        seed : int
            From 0. The first recordings are the same however many there are.

        Raises
        ------
        ArgumentError
            If the seed is negative.
        """
        own = named_generator(seed, "labels", "").standard_normal(self.actions)
        typical = np.exp(self.tail * math.sqrt(0.5) * own)
        expected = self.actions * (1 - self.missing) * (1 + self.repeats)
        each = self.mean_length * (1 - self.background) / expected
        digits = max(4, len(str(self.recordings)))  # names, too, stay where there are more
        names = [f"recording-{i:0{digits}d}" for i in range(1, self.recordings + 1)]
        class_digits = len(str(self.actions))
        class_names = {k: f"action-{k + 1:0{class_digits}d}" for k in range(self.actions)}
        if self.background:
            class_names[self.actions] = BACKGROUND
        durations = each * typical / typical.mean()
        sequences = [
            self._sequence(name, durations, named_generator(seed, "labels", name)) for name in names
        ]
        return LabelCorpus(sequences, class_names)

    def _sequence(
        self, name: str, durations: NDArray[np.float64], rng: np.random.Generator
    ) -> LabelSequence:
        places = (1 - self.order) * np.arange(self.actions) / self.actions
        places += self.order * rng.random(self.actions)
        present = rng.random(self.actions) >= self.missing
        if not present.any():
            present[rng.integers(self.actions)] = True
        sequence = [int(k) for k in np.argsort(places, kind="stable") if present[k]]
        for k in [k for k in sequence if rng.random() < self.repeats]:
            # Not beside itself, where the two would be one.
            free = [i for i in range(len(sequence) + 1) if k not in sequence[max(i - 1, 0) : i + 1]]
            if free:
                sequence.insert(free[rng.integers(len(free))], k)
        spread = self.tail * math.sqrt(0.5)
        drawn = np.exp(spread * rng.standard_normal(len(sequence)) - spread**2 / 2)
        lengths = np.maximum(1, np.rint(durations[sequence] * drawn)).astype(np.int64)
        values = np.array(sequence, dtype=np.int64)
        if not self.background:
            return LabelSequence(name, values, lengths)
        total = lengths.sum() * self.background / (1 - self.background)
        gaps = rng.dirichlet(np.ones(len(sequence) + 1)) * total
        all_values = np.full(2 * len(sequence) + 1, self.actions, dtype=np.int64)
        all_lengths = np.empty_like(all_values)
        all_values[1::2], all_lengths[1::2] = values, lengths
        all_lengths[::2] = np.diff(np.rint(np.cumsum(gaps)), prepend=0).astype(np.int64)
        kept = all_lengths > 0
        return LabelSequence(name, all_values[kept], all_lengths[kept])

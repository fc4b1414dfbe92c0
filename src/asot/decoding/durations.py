"""How long segments last, as log-probabilities of their lengths in frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError


class Durations(Protocol):
    """What :func:`asot.decoding.decode_segments` asks of a length prior."""

    def log_probability(self, lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probability (D, K), or (D,) for all actions alike, of lengths (D,) in frames."""
        ...


@dataclass(frozen=True)
class NegativeBinomial:
    """Lengths whose excess over one frame has the negative binomial distribution.

    Parameters
    ----------
    mean : float or (K,) array-like
        Mean length in frames, at least 1.
    shape : float or (K,) array-like
        Above 0. 1 gives the geometric lengths of a hidden Markov model, for which short segments
        are the likeliest; the larger, the closer lengths stay to their mean: their standard
        deviation is about ``mean / sqrt(shape)`` where that is many frames.

    Raises
    ------
    ArgumentError
        If a mean or a shape is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> geometric = NegativeBinomial(mean=2.0, shape=1.0)
    >>> np.exp(geometric.log_probability(np.array([1, 2, 3]))).round(3).tolist()
    [0.5, 0.25, 0.125]
    >>> NegativeBinomial(mean=[5, 50], shape=4).log_probability(np.arange(1, 9)).shape
    (8, 2)
    """

    mean: ArrayLike
    shape: ArrayLike = 2.0

    def __post_init__(self) -> None:
        for name, values, rule, fits in (
            ("mean", self.mean, "at least 1", lambda values: values >= 1),
            ("shape", self.shape, "above 0", lambda values: values > 0),
        ):
            array = np.asarray(values, dtype=np.float64)
            if array.ndim > 1 or not (np.isfinite(array) & fits(array)).all():
                raise ArgumentError(
                    f"{name} must be finite and {rule}, one number or one an action, but is "
                    f"{values!r}."
                )

    def log_probability(self, lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log-probability of lengths (D,): shape (D, K), or (D,) where no parameter has K."""
        from scipy.special import gammaln, xlog1py, xlogy

        mean = np.asarray(self.mean, dtype=np.float64) - 1
        shape = np.asarray(self.shape, dtype=np.float64)
        excess = np.asarray(lengths, dtype=np.float64) - 1
        if mean.ndim or shape.ndim:
            excess = excess[:, None]
        stop = shape / (shape + mean)
        values: NDArray[np.float64] = (
            gammaln(excess + shape)
            - gammaln(shape)
            - gammaln(excess + 1)
            + xlogy(shape, stop)
            + xlog1py(excess, -stop)
        )
        return values

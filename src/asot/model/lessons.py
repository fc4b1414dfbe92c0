"""What corrected segments teach a team: by how much its vote moves where frames are like theirs.

The regression of a Gaussian process, whose mean is the vote: for segments i with the mean embedding
z_i, and R_i the label that is right, as a row of 0 and 1, less the vote's mean shares there,

    shares(x) + sum_i k(x, z_i) A_i,   A = (k(z, z) + D)^-1 R,   k(x, z) = exp(-(1 - x z) / WIDTH)

D is diagonal, how much a segment leaves open. Segments that nobody looked at take part, too, with
R_i = 0: the vote stays where they are like nothing that was corrected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.discover.prototypes import unit_rows

WIDTH = 0.3  # of 1 - cosine, over which a correction tells of other frames
CHECKED, UNCHECKED = 0.1, 1.0  # how much a segment leaves open
LEAST = 1e-6  # of a share
BLOCK = 2_000  # frames at once, which are held against each segment


@dataclass(frozen=True)
class Lessons:
    """Segments and what they move; a column beyond the actions is for frames without any."""

    rows: NDArray[np.float32]  # (P, d), mean embeddings of segments, unit rows
    moves: NDArray[np.float64]  # (P, K) or (P, K + 1)

    def apply(
        self, shares: NDArray[np.float64], embedding: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return the shares of a vote (N, K), given the embedding (N, d), as the lessons move them.

        Rows are positive and sum to 1.
        """
        wide = np.pad(shares, ((0, 0), (0, self.moves.shape[1] - shares.shape[1])))
        blocks = (embedding[at : at + BLOCK] for at in range(0, len(embedding), BLOCK))
        told = np.concatenate([_kernel(one, self.rows) @ self.moves for one in blocks])
        moved = np.maximum(wide + told, LEAST)
        return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def learn_lessons(
    rows: NDArray[np.float32], shares: NDArray[np.float64], labels: ArrayLike
) -> Lessons:
    """Learn from segments: mean embeddings (P, d), mean shares (P, K), and labels, -1 if unknown.

    Examples
    --------
    >>> rows = np.eye(2, dtype=np.float32)
    >>> taught = learn_lessons(rows, np.array([[0.9, 0.1], [0.9, 0.1]]), [1, -1])
    >>> taught.apply(np.array([[0.9, 0.1], [0.9, 0.1]]), rows).argmax(axis=1).tolist()
    [1, 0]
    """
    labels = np.asarray(labels)
    known = labels >= 0
    rows = unit_rows(rows)
    lacking = np.where(known[:, None], np.eye(shares.shape[1])[labels] - shares, 0.0)
    alike = _kernel(rows, rows) + np.diag(np.where(known, CHECKED, UNCHECKED))
    return Lessons(rows, np.linalg.solve(alike, lacking))


def _kernel(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.exp((a @ b.T - 1.0) / WIDTH), dtype=np.float64)

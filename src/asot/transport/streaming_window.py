"""The frames of a stream that are still needed: those without a label, and some of the past."""

from __future__ import annotations

import torch
from torch import Tensor

# Frames that memory is first taken for, where more may come to be needed.
FIRST_FRAMES = 1024


class Window:
    """Costs of the newest frames of a stream, and of older ones, thinned.

    The frames are, in the order of time: of the distant past those whose number is a multiple of a
    stride, which doubles when they get too many; the near past; and the frames that have no label
    yet. As long as nothing had to be thinned that is the whole stream.

    Parameters
    ----------
    n_actions : int
        K.
    near : int
        Labelled frames that are kept one by one.
    thinned : int
        Frames of the distant past at most.
    ahead : int or None
        Frames without a label at most; None for all that come.
    """

    def __init__(self, n_actions: int, *, near: int, thinned: int, ahead: int | None) -> None:
        self._n_actions, self._near, self._thinned, self._ahead = n_actions, near, thinned, ahead
        self._recent = self._distant = torch.empty((0, n_actions))
        self._n_distant, self._stride = 0, 1
        # The stream's frames [start, decided) are the near past, [decided, end) have no label.
        self._start = self.decided = self.end = 0

    @property
    def is_full(self) -> bool:
        """Whether some frame has to get its label before another comes."""
        return self._ahead is not None and self.end - self.decided >= self._ahead

    @property
    def n_held(self) -> int:
        """Frames that memory is held for."""
        return len(self._recent) + len(self._distant)

    def append(self, rows: Tensor) -> int:
        """Take rows (M, K) from the first on, until it is full; returns how many."""
        held = self.end - self._start
        taken = len(rows)
        if self._ahead is not None:
            taken = min(taken, self._ahead - (self.end - self.decided))
        if held + taken > len(self._recent):
            self._grow(held, held + taken, like=rows)
        self._recent[held : held + taken] = rows[:taken]
        self.end += taken
        return taken

    def _grow(self, held: int, needed: int, like: Tensor) -> None:
        size = max(needed, 2 * len(self._recent), FIRST_FRAMES)
        if self._ahead is not None:
            size = min(size, self._near + self._ahead)
        grown = (self._recent if held else like).new_empty((size, self._n_actions))
        grown[:held] = self._recent[:held]
        self._recent = grown

    def rows(self) -> tuple[Tensor, int]:
        """All rows (N, K), and the place of the first that has no label."""
        recent = self._recent[: self.end - self._start]
        first = self._n_distant + self.decided - self._start
        if self._n_distant == 0:
            return recent, first
        return torch.cat([self._distant[: self._n_distant], recent]), first

    def decide(self, count: int) -> None:
        """Count the first ``count`` frames without a label to the past; let go of what is old."""
        self.decided += count
        gone = max(0, self.decided - self._near - self._start)
        if gone == 0:
            return
        if self._thinned:
            self._thin(self._recent[:gone])
        kept = self.end - self._start - gone
        # A copy in between, because the two places may overlap.
        self._recent[:kept] = self._recent[gone : gone + kept].clone()
        self._start += gone

    def _thin(self, leaving: Tensor) -> None:
        """Add to the distant past those of the frames from ``start`` on that are not left out."""
        if len(self._distant) == 0:
            self._distant = leaving.new_empty((self._thinned, self._n_actions))
        while True:
            added = leaving[-self._start % self._stride :: self._stride]
            total = self._n_distant + len(added)
            if total <= self._thinned:
                break
            half = self._distant[: self._n_distant : 2].clone()
            self._n_distant = len(half)
            self._distant[: self._n_distant] = half
            self._stride *= 2
        self._distant[self._n_distant : total] = added
        self._n_distant = total

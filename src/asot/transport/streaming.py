"""Live labels: a stream of costs is assigned to actions with a stated delay, in bounded memory.

With frames hard, ``p = 1/N`` and the radius given as b frames, the gradient of J that moves frame
i is, up to a constant for the frame ::

    (1 - alpha) C_i + (alpha / b) sum_{0 < |i - j| <= b} (1 - A_j)
                    + lambda_actions log(m / q) + epsilon log A_i

for ``A = N T`` and the action masses ``m = T' 1``: the weight ``1/r = N/b`` and the marginal
``1/N`` have cancelled, and N is gone. So a window of the stream, solved with the same b, is the
same problem as the whole recording, solved by the same steps, but without two things outside the
window: the neighbours beyond its ends, which matter within a few radii, and the actions' masses
over the rest of the recording. If m were that of the window
alone, its two or three actions would pay for being used and all others would be drawn in. A running
sum of past assignments does not help: the course of m over the iterations counts, which start from
``m = q``. So older frames stay in the window, thinned evenly, and take part in the solve; and the
penalty counts for ``n / (n + u)`` after n frames, with u the frames by which the delay is shorter
than ten radii, because early on the actions to come are unknown.

Every solve starts anew, as the offline solve does. Started from an earlier window's assignment, the
frames of an action would outvote the next frames, and its label would go on and on.

The problem is that of Xu and Gould, CVPR 2024 (arXiv 2404.01518); its windows are this project's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from asot.errors import ArgumentError, require_integer, require_number
from asot.transport.arguments import as_tensor, refused
from asot.transport.request import Request
from asot.transport.solve import solve

# Radii of the past that are kept frame by frame, and frames of the past before that.
NEAR_RADII = 3
THINNED_FRAMES = 256
# Radii of the future that would be enough for the actions' penalty, which grows with the frames so
# far, against those of the future that the delay leaves unseen.
UNSEEN_RADII = 10
# A solve for every eighth of the delay: labels have seen 15/16 of it on average.
HOPS_A_DELAY = 8
FIRST_FRAMES = 1024  # that memory is taken for at first
DTYPES = {str(one).removeprefix("torch."): one for one in (torch.float32, torch.float64)}


@dataclass(frozen=True)
class FrameLabels:
    """Labelled frames of a stream.

    Attributes
    ----------
    start : int
        Number of the first of these frames, from 0 at the stream's first.
    labels : array of int64, shape (M,)
        The action of each; M may be 0.
    assignment : array, shape (M, K)
        Share of each frame that goes to each action; rows sum to 1.
    """

    start: int
    labels: Any
    assignment: Any

    @property
    def end(self) -> int:
        """Return the number of the first frame after these."""
        return self.start + len(self.labels)

    def __len__(self) -> int:
        return len(self.labels)


class StreamingDecoder:
    """A decoder that labels the frames of a stream as they come, each once and for good.

    After frame i was pushed every frame up to ``i - delay`` has its label. Labels depend on the
    stream alone, not on the blocks it is pushed in. A stream that ends within ``delay`` frames gets
    exactly the labels of :func:`asot.solve` with the same options.

    Parameters
    ----------
    n_actions : int
        K, at least 1.
    radius : int
        Half-width of the temporal band in frames, at least 1.
    delay : int or None
        Frames, at least 0, that a label may lag behind the newest frame; twice the radius or more
        is advised. None keeps the whole stream until ``finish``: the offline answer.
    context : int, optional
        Past frames, at least 0, that are kept: the latest three radii of them one by one, the
        others thinned evenly out of all that came before. ``3 * radius + 256`` unless given.
    hop : int, optional
        Frames that are labelled at once, from 1 to the delay; an eighth of the delay unless given.
        Less costs more solves; more leaves later frames of a hop less to see.
    epsilon, alpha, lambda_actions, max_iterations, backend
        As in :func:`asot.solve`, and with the same defaults; frames are hard, and the actions'
        penalty a number. For live labels a weak penalty (0.01) is advised: what an action costs
        depends on how often it will come.
    dtype : {"float32", "float64"}, optional
        Precision; that of the first cost unless given. Where given, the CPU solver is made ready
        at once, for which the first solve of a stream would have to wait: it is compiled the first
        time ever (some 15 s of a free core), and read from disk in a new process.

    Raises
    ------
    ArgumentError
        With a sentence that names the argument, the rule and the value.
    MissingExtraError
        At the first solve, as :func:`asot.solve`.

    Examples
    --------
    >>> import numpy as np
    >>> cost = 1.0 - np.eye(3)[np.repeat([0, 1, 2], 20)]
    >>> decoder = StreamingDecoder(3, radius=4, delay=8)
    >>> for row in cost:
    ...     new = decoder.push(row)
    ...     if len(new) and new.start % 20 == 0:
    ...         print(f"frame {new.start}: action {new.labels[0]}, seen up to {decoder.n_frames}")
    frame 0: action 0, seen up to 9
    frame 20: action 1, seen up to 29
    frame 40: action 2, seen up to 49
    >>> decoder.finish().labels.tolist()
    [2, 2, 2, 2, 2, 2, 2, 2]
    """

    def __init__(
        self,
        n_actions: int,
        *,
        radius: int,
        delay: int | None,
        context: int | None = None,
        hop: int | None = None,
        epsilon: float = 0.07,
        alpha: float = 0.3,
        lambda_actions: float = 0.1,
        max_iterations: int = 25,
        backend: str = "auto",
        dtype: str | None = None,
    ) -> None:
        require_integer("n_actions", n_actions, at_least=1)
        require_integer("radius", radius, at_least=1)
        if delay is not None:
            require_integer("delay", delay, at_least=0)
        context = NEAR_RADII * radius + THINNED_FRAMES if context is None else context
        require_integer("context", context, at_least=0)
        if hop is not None:
            if delay is None:
                raise refused("hop", "is for a delay, but delay is None: leave hop out.")
            require_integer("hop", hop, at_least=1, at_most=max(1, delay))
        require_number("lambda_actions", lambda_actions, above=0.0)
        options = {"epsilon": epsilon, "alpha": alpha, "radius": int(radius), "backend": backend}
        self._options: dict[str, Any] = {**options, "max_iterations": max_iterations}
        Request(torch.zeros(1, int(n_actions)), lambda_actions=lambda_actions, **self._options)
        if dtype is not None and dtype not in DTYPES:
            raise refused("dtype", f'must be "float32" or "float64", but is {dtype!r}.')
        self.n_actions = int(n_actions)
        self.delay = None if delay is None else int(delay)
        self.hop = hop or max(1, (delay or 0) // HOPS_A_DELAY)
        near = min(int(context), NEAR_RADII * int(radius))
        ahead = None if delay is None else int(delay) + 1
        self._window = Window(self.n_actions, near=near, thinned=int(context) - near, ahead=ahead)
        self._lambda_actions = float(lambda_actions)
        self._unseen = max(0, UNSEEN_RADII * int(radius) - (self.delay or 0))
        self._dtype = None if dtype is None else DTYPES[dtype]
        # No rows, later of the kind of the first cost.
        self._none = torch.empty((0, self.n_actions), dtype=self._dtype)
        self._begun, self._as_numpy, self._finished = False, True, False
        if self._dtype is not None and backend != "cuda":
            solve(torch.zeros((1, self.n_actions), dtype=self._dtype), **self._options)

    @property
    def n_frames(self) -> int:
        """Return the number of frames pushed so far."""
        return self._window.end

    @property
    def n_labelled(self) -> int:
        """Return the number of labelled frames: all before this frame have labels."""
        return self._window.decided

    @property
    def n_held(self) -> int:
        """Return the frames that memory is held for; at most ``context + delay + 1``."""
        return self._window.n_held

    def push(self, cost: Any) -> FrameLabels:
        """Take the costs of the next frame or frames.

        Parameters
        ----------
        cost : array or tensor, shape (K,) or (M, K)
            Assignment cost of one frame, or of M >= 0, to the actions. The first cost with a frame
            decides for the stream: NumPy or torch, the device, and the dtype unless that was given
            (others than float32 and float64 as in :func:`asot.solve`); later costs are converted.
            No gradients flow.

        Returns
        -------
        FrameLabels
            The frames labelled by this push; often empty.

        Raises
        ------
        ArgumentError
            If the shape does not fit, a cost is not finite, or the stream was finished. The
            decoder then is as it was before.
        """
        if self._finished:
            raise ArgumentError("push was called after finish: start a new StreamingDecoder.")
        rows = self._read(cost)
        if not self._begun and len(rows):
            self._begun, self._as_numpy = True, not isinstance(cost, Tensor)
            self._none = rows.new_empty((0, self.n_actions))
        found = []
        start = self.n_labelled
        while len(rows):
            taken = self._window.append(rows)
            rows = rows[taken:]
            if self._window.is_full:
                known = self.n_frames / (self.n_frames + self._unseen)
                found.append(self._label(self.hop, known * self._lambda_actions))
        return self._hand_back(start, found)

    def finish(self) -> FrameLabels:
        """End the stream.

        Returns
        -------
        FrameLabels
            All frames without a label so far.

        Raises
        ------
        ArgumentError
            If it was finished before.
        """
        if self._finished:
            raise ArgumentError("finish was called twice: start a new StreamingDecoder.")
        self._finished = True
        start, left = self.n_labelled, self.n_frames - self.n_labelled
        found = [self._label(left, self._lambda_actions)] if left else []
        return self._hand_back(start, found)

    def decode(self, costs: Iterable[Any]) -> Iterator[FrameLabels]:
        """Push all of ``costs`` in turn, then finish; yield the labelled frames.

        Parameters
        ----------
        costs : iterable of arrays or tensors
            As :meth:`push` takes them.

        Yields
        ------
        FrameLabels
            Never empty.

        Examples
        --------
        >>> import numpy as np
        >>> blocks = [np.array([[0.0, 1.0]] * 5), np.array([[1.0, 0.0]] * 5)]
        >>> decoder = StreamingDecoder(2, radius=2, delay=4)
        >>> [(new.start, new.labels.tolist()) for new in decoder.decode(blocks)]
        [(0, [0]), (1, [0, 0, 0, 0, 1]), (6, [1, 1, 1, 1])]
        """
        for cost in costs:
            if len(new := self.push(cost)):
                yield new
        if len(new := self.finish()):
            yield new

    def _read(self, cost: Any) -> Tensor:
        """Read costs as rows (M, K)."""
        given = as_tensor("cost", cost).detach()
        rows = given[None] if given.ndim == 1 else given
        if rows.ndim != 2 or rows.shape[1] != self.n_actions:
            raise refused(
                "cost",
                f"must have the shape ({self.n_actions},) or (frames, {self.n_actions}), for "
                f"{self.n_actions} actions, but has {tuple(given.shape)}.",
            )
        if rows.is_complex():
            raise refused("cost", f"must be real, but is of {rows.dtype}.")
        if self._begun:
            rows = rows.to(self._none)
        elif self._dtype is not None:
            rows = rows.to(self._dtype)
        elif rows.dtype not in DTYPES.values():
            double = torch.get_default_dtype() == torch.float64 and not rows.is_floating_point()
            rows = rows.to(torch.float64 if double else torch.float32)
        # Where the sum is finite all values are, without another array.
        if not math.isfinite(float(rows.sum())):
            unfit = torch.isfinite(rows).all(dim=1).logical_not().nonzero()
            if len(unfit):
                frame = int(unfit[0])
                raise refused(
                    "cost",
                    f"must be finite, but frame {self.n_frames + frame} of the stream has "
                    f"{rows[frame].tolist()}: mend it, or leave the frame out.",
                )
        return rows

    def _label(self, count: int, lambda_actions: float) -> tuple[Tensor, Tensor]:
        """Solve the window, and label the first ``count`` of its unlabelled frames."""
        rows, first = self._window.rows()
        solution = solve(rows, lambda_actions=lambda_actions, **self._options)
        self._window.decide(count)
        chosen = slice(first, first + count)
        # Copies: a view would hold the whole window for as long as the caller keeps it.
        return solution.labels[chosen].clone(), solution.assignment[chosen].clone()

    def _hand_back(self, start: int, found: list[tuple[Tensor, Tensor]]) -> FrameLabels:
        found = found or [(self._none.new_empty(0, dtype=torch.int64), self._none.clone())]
        labels, assignment = found[0]
        if len(found) > 1:
            labels, assignment = (torch.cat(parts) for parts in zip(*found, strict=True))
        if self._as_numpy:
            return FrameLabels(start, labels.numpy(), assignment.numpy())
        return FrameLabels(start, labels, assignment)


class Window:
    """Costs of the newest frames of a stream, and of older ones, thinned.

    The frames are, in the order of time: of the distant past those whose number is a multiple of a
    stride, which doubles when there are more than ``thinned``; the near past, ``near`` frames one
    by one; and the unlabelled frames, ``ahead`` at most, or all that come. Until frames are thinned
    that is the whole stream.
    """

    def __init__(self, n_actions: int, *, near: int, thinned: int, ahead: int | None) -> None:
        self._n_actions, self._near, self._thinned, self._ahead = n_actions, near, thinned, ahead
        self._recent = self._distant = torch.empty((0, n_actions))
        self._n_distant, self._stride = 0, 1
        # The stream's frames [start, decided) are the near past, [decided, end) have no label.
        self._start = self.decided = self.end = 0

    @property
    def is_full(self) -> bool:
        """Tell whether a frame must be labelled before another can be taken."""
        return self._ahead is not None and self.end - self.decided >= self._ahead

    @property
    def n_held(self) -> int:
        """Return the number of frames that memory is held for."""
        return len(self._recent) + len(self._distant)

    def append(self, rows: Tensor) -> int:
        """Take rows (M, K) from the first on until the window is full; return their number."""
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
        """Return all rows (N, K), and the place of the first unlabelled row."""
        recent = self._recent[: self.end - self._start]
        first = self._n_distant + self.decided - self._start
        if self._n_distant == 0:
            return recent, first
        return torch.cat([self._distant[: self._n_distant], recent]), first

    def decide(self, count: int) -> None:
        """Move the first ``count`` unlabelled frames to the past, and drop or thin old frames."""
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
        """Add every ``stride``-th of the frames from ``start`` on to the distant past."""
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

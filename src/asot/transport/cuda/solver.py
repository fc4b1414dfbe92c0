"""The fused GPU solver: memory and launch around the Triton code of ``kernel``.

The algorithm is ``MirrorDescent``'s, step by step. A batch is one launch with one program a
recording, and nothing waits for the device until somebody reads a status. Triton comes with torch
where that is made for a GPU; it is imported when the solver is first run.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.torch_version import TorchVersion

from asot.transport.mirror_descent import OUTCOME, REPORTED, CompiledDescent
from asot.transport.solution import Answer, LateStatus

# Earlier ones hand a kernel its numbers in single precision, whatever it asks for.
OLDEST_TRITON = "3.5"
# Bytes of log A up to which a recording is held on chip, where a multiprocessor has registers for
# eight such blocks; the solver has four, and others for a while. Longer or wider recordings go
# through memory tile by tile.
HELD_BYTES = 2**15
TILE_BYTES = 2**14
# Of a block, what a thread has.
BYTES_A_THREAD = 64
WARP = 32
MOST_WARPS = 16
# Registers of a multiprocessor, and of a thread at most.
REGISTERS = 2**16
MOST_REGISTERS = 255


@functools.cache
def is_installed() -> bool:
    """Whether a Triton is there that compiles the solver."""
    try:
        version = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(TorchVersion(version) >= OLDEST_TRITON)


class GpuDescent(CompiledDescent):
    """Mirror descent for hard or relaxed frames, relaxed actions and the band, on a GPU."""

    device: ClassVar[str] = "cuda"

    def run(
        self,
        cost: Tensor,
        lengths: Sequence[int] | Tensor,
        p: Tensor | None = None,
        q: Tensor | None = None,
        allowed: Tensor | None = None,
        initial: Tensor | None = None,
    ) -> Answer:
        """Solve a batch.

        Parameters
        ----------
        cost : Tensor of float32 or float64, shape (B, N, K)
            On a CUDA device (or, in Triton's interpreter, on the CPU), with any strides; entries
            past a recording's length are not read.
        lengths : sequence of int, length B, or Tensor of int, shape (B,)
            Frames of each recording. A tensor on the cost's device is never read by the host, so
            that the call can be captured in a CUDA graph.
        p, q : Tensor, shapes (B, N) and (B, K), optional
            Marginals; uniform unless given.
        allowed : Tensor of bool, shape (B, N, K), optional
            Entries that may carry mass; none where q is 0.
        initial : Tensor, shape (B, N, K), optional
            A non-negative assignment to start from.

        Returns
        -------
        Answer
            Tensors on the cost's device. Its status is a sequence that reads the device once, when
            an item is first asked for.
        """
        from asot.transport.cuda import kernel

        cost = cost.detach().resolve_neg()
        batch, n_frames, n_actions = cost.shape

        def new(*shape: int, dtype: torch.dtype = cost.dtype) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=cost.device)

        assignment, frame_weight = new(batch, n_frames, n_actions), new(batch, n_frames, 1)
        labels = new(batch, n_frames, dtype=torch.int64)
        trace = new(batch, self.options.max_iterations + 1, dtype=torch.float64).fill_(math.nan)
        report = new(batch, REPORTED, dtype=torch.float64)
        plan = Plan.of(n_frames, n_actions, cost.dtype)
        if plan.held:
            block = (batch, plan.block_frames, plan.block_actions)
            scratch: tuple[Tensor, ...] = (new(*block, dtype=torch.float64),)
        else:
            entries = (batch, n_frames, n_actions)
            scratch = (new(2, *entries), new(2, *entries), new(*entries, dtype=torch.float64))
        limits = torch.finfo(cost.dtype)
        with _on(cost.device):
            (kernel.descend_held if plan.held else kernel.descend_tiled)[(batch,)](
                cost,
                *cost.stride(),
                None if allowed is None else allowed.to(torch.bool).contiguous().view(torch.uint8),
                _laid_out(initial, cost),
                _laid_out(p, cost),
                _laid_out(q, cost),
                _bands(lengths, n_frames, self.radius, cost.device),
                assignment,
                labels,
                frame_weight,
                trace,
                report,
                *scratch,
                n_frames,
                n_actions,
                self.options.max_iterations,
                float(self.epsilon),
                float(self.alpha),
                _or_nan(self.lambda_frames),
                float(self.lambda_actions),
                _or_nan(self.options.tolerance),
                _or_nan(self.options.step_size),
                HARD=self.lambda_frames is None,
                TEMPORAL=self.alpha > 0,
                COMPARE=self.options.tolerance is not None,
                TINY=limits.tiny,
                MOST=0.9 * math.log(limits.max),
                EPS=limits.eps + 16 * torch.finfo(torch.float64).eps,
                BLOCK_N=plan.block_frames,
                BLOCK_K=plan.block_actions,
                num_warps=plan.warps,
                # Left alone, the assembler now and then takes half of them, and spills the more.
                maxnreg=min(MOST_REGISTERS, REGISTERS // (WARP * plan.warps)),
                enable_fp_fusion=True,
            )
        return Answer(
            assignment,
            labels,
            frame_weight,
            trace,
            report[:, :OUTCOME].T,
            LateStatus(batch, functools.partial(self.options.read_report, report)),
        )


@dataclass(frozen=True)
class Plan:
    """How a recording is cut up.

    Attributes
    ----------
    held : bool
        Whether it is held on chip as one block.
    block_frames, block_actions : int
        Frames and actions of a block, powers of two.
    warps : int
        Warps of 32 threads that share a block.
    """

    held: bool
    block_frames: int
    block_actions: int
    warps: int

    @classmethod
    def of(cls, n_frames: int, n_actions: int, dtype: torch.dtype) -> Plan:
        """The plan for recordings of N frames and K actions.

        Examples
        --------
        >>> Plan.of(256, 19, torch.float32)
        Plan(held=True, block_frames=256, block_actions=32, warps=16)
        >>> Plan.of(5000, 19, torch.float32)
        Plan(held=False, block_frames=128, block_actions=32, warps=8)
        """
        actions = _power_of_two(n_actions)
        frames = _power_of_two(n_frames)
        held = frames * actions * dtype.itemsize <= HELD_BYTES
        if not held:
            frames = min(frames, max(1, TILE_BYTES // dtype.itemsize // actions))
        warps = frames * actions * dtype.itemsize // (BYTES_A_THREAD * WARP)
        return cls(held, frames, actions, min(MOST_WARPS, max(1, warps)))


def _bands(
    lengths: Sequence[int] | Tensor, n_frames: int, radius: float | int, device: torch.device
) -> Tensor:
    """Lengths, half-widths and weights of the recordings' bands; shape (3, B), float64.

    As ``band_half_width`` has them, but without a look at lengths that are on the device.
    """
    # Lengths on the device cannot be refused without waiting for it; nothing is read past the end.
    frames = torch.as_tensor(lengths).to(torch.float64).clamp(1, n_frames)
    if isinstance(radius, int):
        half_width = torch.full_like(frames, radius)
        fraction = half_width / frames  # a number over a tensor is rounded twice
    else:
        half_width = (frames * radius).round().clamp(min=1.0)
        fraction = torch.full_like(frames, radius)
    bands = torch.stack([frames, torch.minimum(half_width, frames), 1.0 / fraction])
    return bands.to(device, non_blocking=True)


def _laid_out(values: Tensor | None, cost: Tensor) -> Tensor | None:
    """Values of the cost's dtype, without gaps."""
    return None if values is None else values.detach().to(cost.dtype).contiguous()


def _on(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Triton launches on the current device."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()

"""The compiled GPU backend: memory and launch around the Triton code of ``kernel``.

The steps are those of ``mirror_descent``. A batch is one launch with one program a recording, and
nothing waits for the device until somebody reads a status. Triton comes with torch where that is
made for a GPU; it is imported when the solver is first run.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.torch_version import TorchVersion

from asot.errors import MissingExtraError
from asot.transport.request import Request
from asot.transport.solution import ENDING, REPORTED, Answer, LateStatus, Plan
from asot.transport.step import band_curvature

# Earlier versions pass numbers to a kernel in single precision, whatever it asks for.
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
    """Tell whether Triton is installed in a version that compiles the solver."""
    try:
        version = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(TorchVersion(version) >= OLDEST_TRITON)


class CudaBackend:
    """Compiled mirror descent on a GPU: relaxed actions, hard or relaxed frames, the band."""

    def covers(self, request: Request) -> str | None:
        """Name the part of a request that is left to torch, or return None."""
        if (missing := request.not_compiled("cuda")) is None and not is_installed():
            raise MissingExtraError("triton", "gpu", 'backend="cuda"')
        return missing

    def run(self, request: Request) -> Answer:
        """Solve a batch into tensors on its device (in Triton's interpreter, the CPU).

        The cost may have any strides; entries past a recording's length are not read. Lengths that
        lie on the device are never read by the host, so that the call can be captured in a CUDA
        graph.
        """
        from asot.transport.cuda import kernel

        cost = request.cost.detach().resolve_neg()
        batch, n_frames, n_actions = cost.shape

        def new(*shape: int, dtype: torch.dtype = cost.dtype) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=cost.device)

        def laid_out(values: Tensor | None) -> Tensor | None:
            return None if values is None else values.detach().to(cost.dtype).contiguous()

        assignment, frame_weight = new(batch, n_frames, n_actions), new(batch, n_frames, 1)
        labels = new(batch, n_frames, dtype=torch.int64)
        trace = new(batch, request.max_iterations + 1, dtype=torch.float64).fill_(math.nan)
        report = new(batch, REPORTED, dtype=torch.float64)
        plan = BlockPlan.of(n_frames, n_actions, cost.dtype)
        if plan.held:
            block = (batch, plan.block_frames, plan.block_actions)
            scratch: tuple[Tensor, ...] = (new(*block, dtype=torch.float64),)
        else:
            entries = (batch, n_frames, n_actions)
            scratch = (new(2, *entries), new(2, *entries), new(*entries, dtype=torch.float64))
        allowed = request.allowed
        if allowed is not None:
            allowed = allowed.to(torch.bool).contiguous().view(torch.uint8)
        options = (
            *(request.epsilon, request.alpha, request.lambda_frames, request.lambda_actions),
            request.tolerance,
        )
        limits = torch.finfo(cost.dtype)
        # Triton launches on the current device.
        device = torch.cuda.device(cost.device) if cost.is_cuda else contextlib.nullcontext()
        with device:
            (kernel.descend_held if plan.held else kernel.descend_tiled)[(batch,)](
                *(cost, *cost.stride(), allowed),
                *map(laid_out, (request.initial, request.frame_marginal, request.action_marginal)),
                _bands(request),
                *(assignment, labels, frame_weight, trace, report, *scratch),
                *(n_frames, n_actions, request.max_iterations),
                *[math.nan if value is None else float(value) for value in options],
                HARD=request.lambda_frames is None,
                TEMPORAL=request.alpha > 0,
                COMPARE=request.tolerance is not None,
                TINY=limits.tiny,
                MOST=0.9 * math.log(limits.max),
                EPS=limits.eps + 16 * torch.finfo(torch.float64).eps,
                BLOCK_N=plan.block_frames,
                BLOCK_K=plan.block_actions,
                num_warps=plan.warps,
                # Without it the assembler sometimes takes half of them and spills the rest.
                maxnreg=min(MOST_REGISTERS, REGISTERS // (WARP * plan.warps)),
                enable_fp_fusion=True,
            )
        status = LateStatus(report, request.tolerance, Plan.of(assignment, frame_weight, request))
        return Answer(assignment, labels, frame_weight, trace, report[:, :ENDING].T, status)


class BlockPlan(NamedTuple):
    """The blocks of a recording: one that is held on chip, or tiles, one after the other.

    >>> BlockPlan.of(256, 19, torch.float32)
    BlockPlan(held=True, block_frames=256, block_actions=32, warps=16)
    >>> BlockPlan.of(5000, 19, torch.float32)
    BlockPlan(held=False, block_frames=128, block_actions=32, warps=8)
    """

    held: bool
    block_frames: int  # powers of two, as are the actions
    block_actions: int
    warps: int  # of 32 threads, that share a block

    @classmethod
    def of(cls, n_frames: int, n_actions: int, dtype: torch.dtype) -> BlockPlan:
        """Plan for recordings of N frames and K actions."""
        actions, frames = (1 << (least - 1).bit_length() for least in (n_actions, n_frames))
        held = frames * actions * dtype.itemsize <= HELD_BYTES
        if not held:
            frames = min(frames, max(1, TILE_BYTES // dtype.itemsize // actions))
        warps = frames * actions * dtype.itemsize // (BYTES_A_THREAD * WARP)
        return cls(held, frames, actions, min(MOST_WARPS, max(1, warps)))


def _bands(request: Request) -> Tensor:
    """Return lengths, half-widths and weights of the bands, and full steps; (4, B), float64.

    The values are those of ``band_half_width``, without reading lengths from the device.
    """
    radius = request.radius
    # Lengths on the device cannot be refused without waiting for it; nothing is read past the end.
    frames = torch.as_tensor(request.lengths).to(torch.float64).clamp(1, request.cost.shape[1])
    if isinstance(radius, int):
        half_width = torch.full_like(frames, radius)
        fraction = half_width / frames  # a number over a tensor is rounded twice
    else:
        half_width = (frames * radius).round().clamp(min=1.0)
        fraction = torch.full_like(frames, radius)
    half_width = torch.minimum(half_width, frames)
    step = request.weights.full_step(band_curvature(half_width, frames, fraction))
    bands = torch.stack([frames, half_width, 1.0 / fraction, step])
    return bands.to(request.cost.device, non_blocking=True)

"""Compile the GPU solver for a card that is not there, through the launch that a card would see.

``python tests/transport/compile_for_gpu.py 90 small|full`` (90 for sm_90) writes one line a kernel:
dtype, frames and actions of a block, warps, and what the assembler says of registers and memory.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from asot.transport.cuda import kernel as gpu_kernel
from asot.transport.cuda import solver as gpu
from asot.transport.cuda.solver import CudaBackend
from asot.transport.request import Request

DUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
SHOWN = ("BLOCK_N", "BLOCK_K", "num_warps")


class NoCard:
    """As much of a driver as compiling asks for."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return self.target


def compile_only(kernel: Any) -> None:
    """Have launches of a kernel end before the card is needed."""
    whole = kernel.run

    def run(*arguments: Any, grid: Any, warmup: bool, **options: Any) -> None:
        made = whole(*arguments, grid=grid, warmup=True, **options)
        words = kernel.__name__, arguments[0].dtype, *(options[key] for key in SHOWN)
        sys.stdout.write(" ".join(map(str, words)) + f"  {resources(made.asm['cubin'])}\n")

    kernel.run = run


def resources(binary: bytes) -> str:
    """Registers a thread has, its stack (what spills), and what a program shares."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary)
        file.flush()
        command = [str(DUMP), "-res-usage", file.name]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.strip().splitlines()[-1].strip()


def main(capability: int, size: str) -> None:
    driver.set_active(NoCard(capability))
    for kernel in (gpu_kernel.descend_held, gpu_kernel.descend_tiled):
        compile_only(kernel)
    shapes = {"small": ((30, 4), (200, 4)), "full": ((128, 19), (5000, 19))}[size]
    if size == "small":
        gpu.HELD_BYTES, gpu.TILE_BYTES, gpu.BYTES_A_THREAD = 2**10, 2**9, 4
    kinds = ((torch.float32, False), (torch.float64, True))
    if size == "full":
        kinds += ((torch.float32, True), (torch.float64, False))
    for (dtype, with_all), (n_frames, n_actions) in itertools.product(kinds, shapes):
        cost = torch.rand(2, n_frames, n_actions, dtype=dtype)
        request = Request(cost)
        if with_all:
            request.frame_marginal, request.action_marginal = cost[..., 0], cost[:, 0]
            request.allowed, request.initial = cost > 0, cost
            request.lambda_frames, request.tolerance = 0.1, 1e-3
        CudaBackend().run(request)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

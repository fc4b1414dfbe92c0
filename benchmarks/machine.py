"""What the figures are taken on, and how many threads everybody gets."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

LIBRARIES = (
    "asot", "numpy", "torch", "numba", "triton", "lightning",
    "jax", "jaxlib", "ott-jax", "POT", "fugw",
)  # fmt: skip


def share_threads(threads: int | None) -> None:
    """Give every contender as many threads; before NumPy, torch or JAX is imported.

    JAX sizes its pools by the cores that the process may use, so the process is bound to that
    many; the variables are for the libraries below NumPy and torch, and for processes to come.
    """
    if threads is None:
        return
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    if hasattr(os, "sched_setaffinity"):
        # The last cores: others' programs, and interrupts, tend to sit on the first.
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        os.sched_setaffinity(0, cores)


def machine() -> dict[str, Any]:
    """Hardware, load and versions."""
    import torch

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{library: _version(library) for library in LIBRARIES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None

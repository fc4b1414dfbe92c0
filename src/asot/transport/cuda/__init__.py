"""The compiled solver for NVIDIA GPUs."""

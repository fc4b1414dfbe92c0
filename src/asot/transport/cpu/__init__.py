"""The compiled solver for CPUs."""

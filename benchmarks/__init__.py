"""How fast asot is, beside the floor and beside others: ``python -m benchmarks``."""

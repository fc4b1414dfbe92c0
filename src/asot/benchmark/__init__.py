"""Comparison of methods on every activity and many seeds, in parallel and resumable."""

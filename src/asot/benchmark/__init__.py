"""Methods beside each other: every activity, seed and method, in parallel, resumable, tabulated."""

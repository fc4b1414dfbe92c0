"""Numbers for a paper: what is measured of each action in a recording, and groups compared."""

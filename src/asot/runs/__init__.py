"""From recordings to a timeline that people look at, name, correct and export."""

"""Segments, timelines in seconds, and the names that people give actions."""

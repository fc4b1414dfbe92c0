"""Signals of sensors, from tables and arrays, and their features."""

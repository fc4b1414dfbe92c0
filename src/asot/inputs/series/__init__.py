"""Signals of sensors, from tables and arrays, and what features are made of them."""

"""Readers of people's files, which make features, times and origins of them."""

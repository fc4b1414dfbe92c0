"""The small recipe of the tests of models, for the tests of runs."""

from __future__ import annotations

from tests.model.conftest import cache, make_recipe, recipe

__all__ = ["cache", "make_recipe", "recipe"]

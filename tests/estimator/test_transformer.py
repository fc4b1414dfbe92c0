"""The face of a transformer: names, tables, and the two steps in one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from asot import ActionSegmenter
from asot.errors import ArgumentError

pandas = pytest.importorskip("pandas")
Make = Callable[..., ActionSegmenter]
OUT = [f"actionsegmenter{column}" for column in range(6)]


def test_fit_transform_is_fit_and_transform(make: Make, X: list[np.ndarray]) -> None:
    expected, segmenter = make().fit(X).transform(X), make()
    for one, two in zip(segmenter.fit_transform(X), expected, strict=True):
        np.testing.assert_array_equal(one, two)
    joined = make().fit_transform(np.concatenate(X), lengths=[len(x) for x in X])
    np.testing.assert_array_equal(joined, np.concatenate(expected))
    assert segmenter.get_feature_names_out().tolist() == OUT


def test_tables_come_out_where_they_are_asked_for(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make().fit(X)
    expected = segmenter.transform(X)
    assert segmenter.set_output(transform="pandas") is segmenter
    tables = segmenter.transform(X)
    for one, two in zip(tables, expected, strict=True):
        assert one.columns.tolist() == OUT
        np.testing.assert_array_equal(one, two)
    given = pandas.DataFrame(X[0], index=np.arange(len(X[0])) / 25)
    assert segmenter.transform(given).index.equals(given.index)
    copy = clone(segmenter).fit(X)
    assert isinstance(copy.transform(X[0]), pandas.DataFrame)
    assert isinstance(segmenter.set_output(transform=None).transform(X[0]), pandas.DataFrame)
    assert isinstance(segmenter.set_output(transform="default").transform(X[0]), np.ndarray)
    with pytest.raises(ArgumentError, match=r"transform must be one of .* but is 'csv'"):
        segmenter.set_output(transform="csv")
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(make().fit(X).transform(X[0]), pandas.DataFrame)


def test_a_pipeline_sets_the_output(make: Make, X: list[np.ndarray]) -> None:
    pipeline = make_pipeline("passthrough", make()).set_output(transform="pandas")
    assert pipeline.fit_transform(X)[0].columns.tolist() == OUT

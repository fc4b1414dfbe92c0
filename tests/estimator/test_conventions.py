"""scikit-learn's own checks of an estimator, but for those that make no sense for sequences."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils import estimator_checks

from asot import ActionSegmenter

if not hasattr(estimator_checks, "estimator_checks_generator"):
    pytest.skip("scikit-learn has no list of expected failures yet", allow_module_level=True)

# What a check asks for, and why it is not so here.
FRAMES = "rows are frames in time, which are segmented together: another order is another recording"
ROWS = "a list of rows is a list of recordings, and rows have one axis too few"
WORDS = "the same is refused with a sentence of ours"
EXPECTED = {
    "check_methods_sample_order_invariance": FRAMES,
    "check_methods_subset_invariance": FRAMES,
    "check_sample_weight_equivalence_on_dense_data": FRAMES,
    "check_clustering": ROWS,
    "check_transformer_data_not_an_array": ROWS,
    "check_dtype_object": "of an object that is no number a ValueError is raised, not a TypeError",
    "check_complex_data": WORDS,
    "check_estimators_empty_data_messages": WORDS,
    "check_fit2d_predict1d": WORDS,
    "check_n_features_in_after_fitting": WORDS,
}
SMALL = ActionSegmenter(
    2, team=0, radius=0.04, order_prior=0.0, epochs=1, hidden=(8,), embedding_width=6,
    frames_per_recording=32, n_init=1, device="cpu",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@estimator_checks.parametrize_with_checks(
    [SMALL], expected_failed_checks=lambda estimator: EXPECTED
)
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def test_no_check_is_expected_to_fail_that_passes() -> None:
    done = set()
    for estimator, check in estimator_checks.estimator_checks_generator(SMALL):
        name = check.func.__name__
        if name in EXPECTED and name not in done:
            with pytest.raises((AssertionError, ValueError)):
                check(estimator)
            done.add(name)
    assert done == set(EXPECTED)

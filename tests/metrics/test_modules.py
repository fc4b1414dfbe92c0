"""The torchmetrics face: batches, repeats, and two real processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

import asot.metrics
from asot.errors import ArgumentError
from asot.metrics import SegmentationScores, evaluate
from tests.metrics.sequences import noisy_corpus

Tensors = list[torch.Tensor]
ONES = torch.ones(2, dtype=torch.int64)


def tensors(rng: np.random.Generator, n_recordings: int = 7) -> tuple[Tensors, Tensors]:
    predictions, truths = noisy_corpus(rng, n_recordings)
    return [torch.tensor(p) for p in predictions], [torch.tensor(t) for t in truths]


def numbers_of(scores: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items()}


@pytest.mark.parametrize(
    "options", [{}, {"matching": "video", "n_actions": 9}, {"exclude": 1, "tolerance": 3}]
)
def test_batches_of_padded_recordings_are_evaluate(rng, options) -> None:
    predictions, truths = tensors(rng)
    metric = SegmentationScores(**options)
    for batch in ([4, 1], [0, 2, 3], [6, 5]):
        metric.update(
            pad_sequence([predictions[i] for i in batch], batch_first=True, padding_value=-1),
            pad_sequence([truths[i] for i in batch], batch_first=True, padding_value=9),
            lengths=torch.tensor([len(truths[i]) for i in batch]),
            numbers=batch,
        )
    assert numbers_of(metric.compute()) == dict(evaluate(predictions, truths, **options))
    assert all(value.dtype == torch.float64 for value in metric.compute().values())


def test_a_repeated_recording_counts_once(rng) -> None:
    predictions, truths = tensors(rng, 3)
    metric = SegmentationScores()
    metric.update(predictions, truths, numbers=[0, 1, 2])
    metric.update(predictions[:1], truths[:1], numbers=torch.tensor([0]))
    assert numbers_of(metric.compute()) == dict(evaluate(predictions, truths))
    metric.reset()
    for _ in range(2):
        metric.update(predictions, truths)
    doubled = evaluate(predictions * 2, truths * 2)
    assert float(metric.compute()["edit"]) == pytest.approx(doubled["edit"], abs=1e-12)
    assert len(torch.cat(metric.lengths)) == 6


def test_order_does_not_matter_without_numbers_either(rng) -> None:
    predictions, truths = tensors(rng)
    forward, backward = SegmentationScores(), SegmentationScores()
    forward.update(predictions, truths)
    for predicted, true in zip(predictions[::-1], truths[::-1], strict=True):
        backward.update(predicted[None], true[None])
    assert numbers_of(forward.compute()) == numbers_of(backward.compute())


def test_forward_gives_the_batch_and_keeps_the_rest(rng) -> None:
    predictions, truths = tensors(rng, 2)
    metric = SegmentationScores()
    for place in range(2):
        batch = metric(predictions[place : place + 1], truths[place : place + 1], numbers=[place])
        alone = evaluate(predictions[place : place + 1], truths[place : place + 1])
        assert numbers_of(batch) == dict(alone)
    assert numbers_of(metric.compute()) == dict(evaluate(predictions, truths))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([ONES], []), "hold 1 and 0"),
        (([ONES, ONES], [ONES, torch.ones(3).long()]), "recording 1 .* 2, 3 and 3"),
        (([ONES], [ONES], [3]), "2, 2 and 3"),
        (([ONES], [ONES], [0]), "2, 2 and 0"),
        (([torch.ones(2)], [ONES]), "torch.float32"),
        (([ONES], [ONES], [2, 2]), "lengths must have one entry"),
        (([ONES], [ONES], [2], []), "numbers must have one entry"),
    ],
)
def test_bad_batches_are_named_and_leave_no_trace(arguments, sentence: str) -> None:
    metric = SegmentationScores()
    with pytest.raises(ArgumentError, match=sentence):
        metric.update(*arguments)
    assert metric.lengths == metric.numbers == metric.ground_truth == []
    assert metric.predictions == []


def test_unknown_matching_and_unknown_names() -> None:
    with pytest.raises(ArgumentError, match="'full'"):
        SegmentationScores(matching="full")
    with pytest.raises(AttributeError, match="Segmentation'"):
        asot.metrics.Segmentation  # noqa: B018


def score_shares(rank: int, jobs, corpus, folder: str) -> None:
    """Run as one of two processes: score shares of the corpus together with the other."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    predictions, truths = corpus
    for job, (numbered, shares) in enumerate(jobs):
        metric = SegmentationScores(exclude=2)
        for place in shares[rank]:
            numbers = [place] if numbered else None
            metric.update([predictions[place]], [truths[place]], numbers=numbers)
        torch.save(metric.compute(), Path(folder) / f"{job}-{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_find_what_one_finds(
    rng, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tensors(rng)
    everything = list(range(7))
    expected = {True: dict(evaluate(*corpus, exclude=2))}
    single = SegmentationScores(exclude=2)
    single.update(*corpus)
    expected[False] = numbers_of(single.compute())
    shares = [
        ([0, 2, 4], [1, 3, 5, 6]),
        ([6, 0], [5, 4, 3, 2, 1]),
        ([], everything),
        (everything, []),
    ]
    jobs = [(numbered, share) for numbered in (True, False) for share in shares]
    # Two recordings come twice, as when a sampler fills up its last batches.
    jobs.append((True, ([0, 2, 4, 6], [1, 3, 5, 0, 2])))
    # The new processes import this module by its name, and take over the path to find it on.
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    torch.multiprocessing.spawn(score_shares, (jobs, corpus, str(tmp_path)), nprocs=2)
    for job, (numbered, _) in enumerate(jobs):
        for rank in range(2):
            found = torch.load(tmp_path / f"{job}-{rank}.pt", weights_only=True)
            assert numbers_of(found) == pytest.approx(expected[numbered], abs=1e-12)

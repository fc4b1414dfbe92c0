"""The sentences that the command line prints for wrong words and broken inputs.

They are kept in ``tests/golden/sentences.json``, each below the words that lead to it. Where a
sentence was changed on purpose, write the file anew, and read the difference:

    ASOT_RENEW=1 python -m pytest tests/cli/test_sentences.py
"""

from __future__ import annotations

import json
import os
import pickle
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.simulation import make_affinity
from tests.cli.outcome import Asot
from tests.cli.test_data_check import DAMAGE
from tests.cli.test_recipes import FILES

GOLDEN = Path(__file__).parents[1] / "golden" / "sentences.json"

WORDS = """
segment toys/features --n_actions 3 --frame_rate fast --out new
segment toys/features --n_actions 3 --frame_rate -1 --out new
segment toys/features --n_actions 3 --rate 0 --out new
segment toys/features --n_actions 3 --kind movie --out new
segment toys --corrected nope.json --out new
segment toys --model run --sub_actions 2 --out new
segment toys --sub_actions -1 --out new
segment toys --model run --corrected nope.json --out new
extract toys/features --kind video --out new
extract toys/features
extract toys/features --out new --shard 3/2
train default --data toys --out new --team 0 --shard 1/2
segment toys --model run --corrected nope.json --out new --shard 1/2
segment toys/features --n_actions 3 --columns --out new
segment toys/features --n_actions 3 --columns x --out new
segment toys/features --n_actions 3 --backbone x --out new
segment toys/features --n_actions 3 --frame_rate 5 --out new
segment toys --n_actions 3 --rate 5 --out new
segment toys --n_actions 3 --time_unit ms --out new
extract toys/features --min_confidence 0.5 --out new
segment toys/features --n_actions 3 --skip_lines -1 --out new
train default --data toys --out new --transport_eval.mode parity
benchmark default --n_actions 3 --data toys --out toys
data describe toys --activity tea
relabel run recipe-5.yaml
relabel run labels.txt
relabel run
relabel run nope
relabel run nope.json labels.txt
export run --to csv --corrections nope.json
nonsense
--nonsense
segmnt videos --out new
demo --nope
demo --seed
demo --seed x
demo extra
demo --seed 4294967296
train
train --data toys --out new
train default
train default --data toys --n_actions 4
train default --data toys --out new extra
train default --data toys --out new --training.epoch 3
train default --data toys --out new --training.epochs=x
train default --data toys --out new --order_prior null
train default --data toys --out new --transport_eval.radius wide
train default --data toys --out new --transport_eval.lambda_frames x
train default --data toys --out new --dataset.standardise maybe
train default --data toys --out new --encoder.hidden 64
train default --data toys --out new --n_actions four
train default --data toys --out new --training nope.yaml
train nope --data toys --out new
train toys --data toys --out new
train default --data toys --out new --n_actions 0
train default --data toys --out new --n_actions 4 --seed -1
train default --data toys --out new --n_actions 4 --logger x
train default --data toys --out new --transport_eval.mode x
train default --data toys --out new --transport_eval.epsilon .inf
train default --data toys --out new --dataset.frame_rate 0
train default --data toys --out new --config nope.yaml
train default --data toys --out new --n_actions '{coffee: 3}'
train default --data toys --out new --n_actions 4 --activities tea
train breakfast --data toys --out new
train default --data toys --out new --n_actions 4 --dataset.activity_pattern (
train default --data toys --out new --n_actions 4 --dataset.mapping nope.txt
train default --data toys --out file --n_actions 4
train default --data toys --out file/below --n_actions 4
predict
predict run
predict nope --data toys
predict toys --data toys
predict run --data toys --out file
predict run --data toys --out run
predict run --data toys --out run/predictions
predict run --data toys --out new --model tea
predict run --data toys --out new --figures x
evaluate
evaluate run --figures 3
evaluate nope
evaluate toys
recipes brekfast
recipes breakfast yti
page nope
page run --other folder
page run --other =folder
page run --other name=
page run --other name=nope
page run --videos toys
page run --skeleton recipe-5.yaml
page run --share toys
page run --share new --reply_to nobody
page run --share new --out other
page run --share new --longest 2
page run --share new --max_mb 0
page run --reply_to ada@lab.org
segment toys/features --skeleton labels.txt --out new
segment toys/features --videos nope --out new
export run
import run
import run nope.eaf
import run labels.txt --as labels
import run labels.txt --by Ada
export run --to docx
export run --to csv,eaf,praat
export run --to ,
export run --to all,docx
export run --to csv --frame_rate 0
export run --to csv --frame_rate -1
stats nope
stats run --subject who
stats run --groups nope.csv
stats run --groups labels.txt
stats run --groups nope.csv --subject a --paired b
stats run --test anova
stats run --measures length
stats run --figures x
stats run --out file
relabel run nope.json
relabel run labels.txt --model tea
segment nope --n_actions 0 --out new
segment nope --n_actions three --out new
segment nope --n_actions 3 --out new --seed -1
segment nope --n_actions 3 --out new --model x
segment nope --n_actions 3 --out new --recipe nope
segment nope --n_actions 3 --out file
segment nope --model toys --out new
segment nope --out new
data
data check
data chekc toys
data check toys more
data check nope
data check toys/mapping/mapping.txt
data describe
data simulate
data simulate --like breakfast
data simulate --like x --out new
data simulate --like salads --out new --width 0
data simulate --like salads --out new --width 2.5
data simulate --like salads --out new --motion x
data simulate --like salads --out new --motion .nan
data simulate --like salads --out new --seed -1
data simulate --like salads --out new --format csv
data simulate --like salads --out new --recordings 0
data simulate --like salads --out new --generate.order 2
data simulate --like salads --out new --names x
data simulate --like salads --out new --labels toys --generate.order 1
data simulate --like salads --out new --labels nope.json
data simulate --like salads --out new --labels toys --names nope
data simulate --like salads --out toys
data simulate --like salads --out file
data simulate --like salads --out new --labels toys --activity_pattern (
data simulate --like salads --out new --motian 3
benchmark default --data toys
benchmark breakfest --data toys --out new
benchmark default --data toys --out new --methods k-means
benchmark default --data toys --out new --ablate luck
benchmark default --data toys --out new --choose oracle
benchmark default --data toys --out new --activities juice
benchmark default --data toys --out new --seeds 0
benchmark default --data toys --out new --seeds many
benchmark default --data toys --out new --seed -1
benchmark default --data toys --out new --seed 4294967295
benchmark default --data toys --out new --workers 0
train default --data toys --out new --workers 0
segment toys --out new --engine many
benchmark default --data toys --out new --folds 3
benchmark default --data nowhere --out new
benchmark default --data toys --out new --order_prior -1
benchmark --table
benchmark --table toys
decode
decode --cost
decode a.npy --cost --affinity
decode a.npy --epsilon small
decode a.npy --epsilom 1
decode a.npy --out file
decode a.npy --out new --frame_rate 0
decode a.npy --out new --frame_rate .nan
decode a.npy --out new --order_prior -1
decode a.npy --out new --decoder viterbi
decode a.npy --out new --minimum_duration 9
decode a.npy --out new --transitions x
decode a.npy --out new --decoder semi_markov --minimum_duration 2.5
decode a.npy --out new --decoder semi_markov --minimum_duration 0
decode a.npy --out new --decoder semi_markov --minimum_duration 2s
decode a.npy --out new --epsilon 0
decode a.npy --out new --alpha 1
decode a.npy --out new --radius -0.1
decode a.npy --out new --radius wide
decode a.npy --out new --mode x
decode a.npy --out new --max_iterations -1
decode a.npy --out new --lambda_frames=.inf
decode a.npy again/a.npy --out new
decode a.npy b.npy --out new --ground_truth labels.txt
decode a.npy --out new --ground_truth nope
decode a.npy --out new --ground_truth toys
"""

RULES = {
    "a third number": "0 1 2\n",
    "words": "0 1\nreach stir\n",
    "other numbers": "0 2 0 0 0\n" * 5,
    "too few": "0 1 1\n" * 3,
    "no such action": "0 1\n4 5\n",
    "empty": "",
}
TRUTHS = {
    "short": b"reach\n" * 7,
    "a gap": b"reach\n\n" * 60,
    "empty": b"",
    "no text": b"\x81\n" * 120,
}


class Trap:
    """Makes a file where it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (Path("sprung"),)


def _with(affinity: np.ndarray[Any, Any], place: tuple[Any, ...], value: float) -> Any:
    changed = affinity.copy()
    changed[place] = value
    return changed


Affinity = np.ndarray[Any, Any]
MATRICES: dict[str, Callable[[Affinity], Affinity]] = {
    "transposed": lambda a: a.T,
    "NaN": lambda a: _with(a, ([7, 9], 2), np.nan),
    "infinite": lambda a: _with(a, (3, 4), -np.inf),
    "objects": lambda a: np.array([[Trap()]], dtype=object),
    "complex": lambda a: a * 1j,
    "strings": lambda a: a.astype(str),
    "one axis": lambda a: a[:, 0],
    "three axes": lambda a: a[None],
    "no frames": lambda a: a[:0],
    "no actions": lambda a: a[:, :0],
}
NO_MATRICES = ("an archive", "pickled", "text", "folder", "truncated", "empty", "nothing")


def make_matrices(affinity: Affinity, folder: Path) -> None:
    """Make ``.npy`` files that cannot be decoded."""
    folder.mkdir()
    for kind, change in MATRICES.items():
        np.save(folder / f"{kind}.npy", change(affinity), allow_pickle=True)
    with (folder / "an archive.npy").open("wb") as stream:
        np.savez(stream, affinity)
    (folder / "pickled.npy").write_bytes(pickle.dumps(Trap()))
    np.savetxt(folder / "text.npy", affinity)
    (folder / "folder.npy").mkdir()
    np.save(folder / "truncated.npy", affinity)
    whole = (folder / "truncated.npy").read_bytes()
    (folder / "truncated.npy").write_bytes(whole[:-4])
    (folder / "empty.npy").touch()


@pytest.fixture
def here(toys: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of whole and broken inputs to work in, none of which may be changed."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(toys, "toys")
    shutil.copytree(trained, "run")
    affinity = make_affinity(120, 5, noise=0.3, random_state=3)[0]
    for name in ("a.npy", "b.npy", "again/a.npy"):
        Path(name).parent.mkdir(exist_ok=True)
        np.save(name, affinity)
    make_matrices(affinity, Path("matrices"))
    for folder, texts in (("rules", RULES), ("truths", TRUTHS)):
        Path(folder).mkdir()
        for kind, text in texts.items():
            Path(folder, f"{kind}.txt").write_bytes(text if folder == "truths" else text.encode())
    Path("labels.txt").write_text("reach\n" * 120)
    Path("file").touch()
    for number, text in enumerate(FILES):
        Path(f"recipe-{number}.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    for number, (damage, *_) in enumerate(DAMAGE.values()):
        damage(shutil.copytree(toys, Path(f"damaged-{number}")))
    return tmp_path


def commands() -> list[str]:
    """All words, quoted as for a shell."""
    words = WORDS.strip().splitlines()
    words += [f"decode a.npy 'matrices/{one}.npy' --out new" for one in (*MATRICES, *NO_MATRICES)]
    rules = "--decoder semi_markov --transitions"
    words += [f"decode a.npy --out new {rules} 'rules/{one}.txt'" for one in RULES]
    words += [f"decode a.npy --out new --ground_truth 'truths/{one}.txt'" for one in TRUTHS]
    words += [f"train recipe-{number}.yaml --data toys --out new" for number in range(len(FILES))]
    damaged = [f"damaged-{number}" for number in range(len(DAMAGE))]
    return words + [f"train default --n_actions 4 --out new --data {one}" for one in damaged]


def test_sentences(asot: Asot, here: Path) -> None:
    before = sorted(here.rglob("*"))
    said: dict[str, list[Any]] = {}
    for words in commands():
        outcome = asot(*shlex.split(words.replace("(", "'('")))
        assert outcome.code in (1, 2), words
        assert outcome.out == "", words
        assert sorted(here.rglob("*")) == before, f"{words}: refused before anything is written"
        said[words] = [outcome.code, outcome.sentence.replace(f"{here}/", "")]
    if os.environ.get("ASOT_RENEW"):
        GOLDEN.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert said == expected, "read how to write the sentences anew at the top of this file"

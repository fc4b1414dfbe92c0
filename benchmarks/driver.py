"""Runs the authors' training script, as it is, on current libraries and without a GPU.

    python driver.py CHECKOUT REPORT.json SCRIPT_ARGUMENT ...

Nothing in the checkout is changed. Around the script: its fixed data folder gives way to the one
on the command line, it trains on the CPU, wandb and ``pytorch_lightning`` are stood in for where
they are not installed, a function that NumPy dropped is put back, and small validation sets do not
make it divide by zero. The report has the seconds of each training epoch, and the labels of every
recording after the last.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import time
import types
import warnings
from pathlib import Path
from typing import Any


def main() -> None:
    checkout, report, *words = sys.argv[1:]
    source = Path(checkout) / "src"
    sys.path.insert(0, str(source))
    sys.argv = [str(source / "train.py"), *words]
    warnings.simplefilter("ignore")
    _stand_in()
    seen = _watch()
    _move_data(words[words.index("-p") + 1])
    runpy.run_path(str(source / "train.py"), run_name="__main__")
    Path(report).write_text(json.dumps(seen))


def _stand_in() -> None:
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    try:
        import wandb  # noqa: F401
    except ImportError:
        sys.modules["wandb"] = types.SimpleNamespace(run=None)  # type: ignore[assignment]
    try:
        import pytorch_lightning  # noqa: F401
    except ImportError:
        import lightning.pytorch

        sys.modules["pytorch_lightning"] = lightning.pytorch
    if not hasattr(np.random, "random_integers"):
        # Its upper end was inclusive.
        legacy: Any = np.random
        legacy.random_integers = lambda low, high, size: legacy.randint(low, high + 1, size)


def _watch() -> dict[str, Any]:
    import pytorch_lightning as pl

    epochs: list[float] = []
    labels: dict[str, list[int]] = {}

    class Watch(pl.Callback):
        def on_train_epoch_start(self, *_: Any) -> None:
            self.start = time.perf_counter()

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            # Before validation, which Lightning counts to the epoch.
            if trainer.is_last_batch:
                epochs.append(time.perf_counter() - self.start)

        def on_test_batch_end(self, _: Any, module: Any, *__: Any) -> None:
            # The script tests one recording at a time, and keeps its labels until the last.
            _, segments, _, mask, (name,) = module.test_cache[-1]
            labels[name] = segments[mask].tolist()

    trainer: Any = pl.Trainer
    trainer_init = trainer.__init__
    counted = trainer.num_val_batches.fget

    def init(self: Any, **options: Any) -> None:
        options |= {"accelerator": "cpu", "devices": 1, "inference_mode": False}
        options |= {"enable_progress_bar": False, "callbacks": [Watch()]}
        trainer_init(self, **options)

    trainer.__init__ = init
    trainer.num_val_batches = property(lambda self: [max(5, count) for count in counted(self)])
    return {"epochs": epochs, "labels": labels}


def _move_data(folder: str) -> None:
    dataset = importlib.import_module("video_dataset").VideoDataset
    dataset_init = dataset.__init__

    def init(self: Any, _: str, *given: Any, **named: Any) -> None:
        dataset_init(self, folder, *given, **named)

    dataset.__init__ = init


if __name__ == "__main__":
    main()

"""For PyTorch Lightning: ``Trainer(callbacks=[StatusdCallback("job-42")])``."""

from __future__ import annotations

import sys
from typing import Any, Tuple

from statusd._callback import AGREE_EVERY, Reporter, hook, line

# The package has two names, and classes that know nothing of each other: that of the program is meant.
if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning.callbacks import Callback
else:
    try:
        from lightning.pytorch.callbacks import Callback
    except ImportError:
        from pytorch_lightning.callbacks import Callback


class StatusdCallback(Reporter, Callback):
    """Reports a training by Lightning from global rank 0, in steps if it has ``max_steps``, else in parts of epochs.

    Each epoch's metrics become the message. Once somebody asks the job to stop, ``trainer.should_stop`` is set, on all
    ranks after the same batch.
    """

    @hook
    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._begin(*self._where(trainer, 0.0), rank=0 if trainer.is_global_zero else 1)

    @hook
    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        batches = trainer.num_training_batches  # infinite if nobody knows
        self._progress(*self._where(trainer, round(min((batch_idx + 1) / batches, 1.0), 4)))
        if trainer.world_size == 1:
            stop = self._is_cancelled()
        elif (batch_idx + 1) % AGREE_EVERY == 0:
            stop = trainer.strategy.broadcast(self._is_cancelled())
        else:
            return
        trainer.should_stop = trainer.should_stop or stop

    @hook
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self._progress(*self._where(trainer, 1.0), line(trainer.callback_metrics) if trainer.is_global_zero else None)
        stop = trainer.strategy.broadcast(self._is_cancelled())  # asked by all, whatever else there is to stop for
        trainer.should_stop = trainer.should_stop or stop

    @hook
    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._end(exception)

    @hook
    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self._end()

    @staticmethod
    def _where(trainer: Any, part: float) -> Tuple[Any, Any, str]:
        """How far it is, of what total, in what unit. -1 stands for no limit."""
        if (trainer.max_steps or -1) > 0:
            return trainer.global_step, trainer.max_steps, "step"
        return trainer.current_epoch + part, trainer.max_epochs if (trainer.max_epochs or -1) > 0 else None, "epoch"

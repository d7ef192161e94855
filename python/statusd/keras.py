"""For Keras, also that of TensorFlow: ``model.fit(..., callbacks=[StatusdCallback("job-42")])``."""

from __future__ import annotations

from typing import Any

from statusd._callback import Reporter, hook, line

try:
    from keras.callbacks import Callback
except ImportError:
    from tensorflow.keras.callbacks import Callback


class StatusdCallback(Reporter, Callback):
    """Reports a training by Keras, in epochs and parts of them.

    Each epoch's metrics become the message. Once somebody asks the job to stop, ``model.stop_training`` is set: in this
    process, so that a training by many has to be stopped by other means.

    Keras tells its call-backs nothing of an exception: one that ends the program is reported as it exits. To have it
    told at once, begin the job around the training, and give that: ``with statusd.track(...) as job:``.
    """

    _epoch = 0

    @hook
    def on_train_begin(self, logs: Any = None) -> None:
        self._begin(0, self.params.get("epochs"), "epoch")

    @hook
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._progress(epoch, self.params.get("epochs"), "epoch")

    # Where a batch begins, and not where it ends: for a call-back that sees its end, Keras waits for the device.
    @hook
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        steps = self.params.get("steps")
        if steps:
            self._progress(self._epoch + round(min(batch / steps, 1.0), 4), self.params.get("epochs"), "epoch")
        self._stop_if_cancelled()

    @hook
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._progress(epoch + 1, self.params.get("epochs"), "epoch", line(logs))
        self._stop_if_cancelled()

    @hook
    def on_train_end(self, logs: Any = None) -> None:
        self._end()

    def _stop_if_cancelled(self) -> None:
        if self._is_cancelled():
            self.model.stop_training = True

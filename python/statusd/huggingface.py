"""For the Trainer of Hugging Face Transformers: ``Trainer(..., callbacks=[StatusdCallback("job-42")])``."""

from __future__ import annotations

import sys
from typing import Any

from transformers import TrainerCallback

from statusd._callback import AGREE_EVERY, Reporter, hook, line


class StatusdCallback(Reporter, TrainerCallback):
    """Reports a training by Transformers, in steps, from the world's process zero.

    What is logged becomes the message. Once somebody asks the job to stop, ``control.should_training_stop`` is set, on
    all processes after the same step.

    The Trainer tells its call-backs nothing of an exception: one that ends the program is reported as it exits. To have
    it told at once, begin the job around the training, and give that: ``with statusd.track(...) as job:``.
    """

    @hook
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._begin(state.global_step, state.max_steps or None, "step", rank=0 if state.is_world_process_zero else 1)

    @hook
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._progress(state.global_step, state.max_steps or None, "step")
        if args.world_size == 1:
            stop = self._is_cancelled()
        elif state.global_step % AGREE_EVERY == 0:
            stop = _of_process_zero(self._is_cancelled())
        else:
            return
        control.should_training_stop = control.should_training_stop or stop

    @hook
    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self._progress(state.global_step, state.max_steps or None, "step", line(logs))

    @hook
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._end()


def _of_process_zero(stop: bool) -> bool:
    """What process zero says, to all alike; if it can't be asked, no: one that stops alone leaves the others waiting."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return False
    said = [stop]
    distributed.broadcast_object_list(said, src=0)
    return bool(said[0])

"""The call-backs, driven as the frameworks document it: they are not here.

What stands for a framework is its base class, with the attributes that its __init__ sets, and objects that have what the
call-backs look at.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import types
from types import SimpleNamespace
from typing import Any, Dict, List, Optional
from unittest import mock

import statusd
from tests.support import Case, until


def load(name: str, framework: str, base: str, **attributes: Any) -> Any:
    """Imports the module of a call-back where the framework is such a module."""
    modules: Dict[str, Any] = {}
    parts = framework.split(".")
    for n in range(len(parts)):
        modules[".".join(parts[: n + 1])] = types.ModuleType(parts[n])
    setattr(modules[framework], base, type(base, (), attributes))
    sys.modules.pop(name, None)
    with mock.patch.dict(sys.modules, modules):
        module = importlib.import_module(name)
    sys.modules.pop(name, None)
    module.base = getattr(modules[framework], base)  # type: ignore[attr-defined]
    return module


class Strategy:
    def __init__(self) -> None:
        self.asked = 0

    def broadcast(self, said: Any, src: int = 0) -> Any:
        self.asked += 1
        return said


def trainer(**more: Any) -> Any:
    attributes = {
        "is_global_zero": True, "max_steps": -1, "max_epochs": 2, "current_epoch": 0, "global_step": 0, "num_training_batches": 4,
        "world_size": 1, "should_stop": False, "callback_metrics": {}, "strategy": Strategy(),
    }
    return SimpleNamespace(**{**attributes, **more})


def fit(callback: Any, on: Any, batch: Any = lambda: None) -> None:
    """In the order of Lightning's fit loop."""
    callback.on_train_start(on, None)
    while on.current_epoch < on.max_epochs and not on.should_stop:
        for index in range(on.num_training_batches):
            batch()
            on.global_step += 1
            callback.on_train_batch_end(on, None, None, None, index)
            if on.should_stop:
                break
        on.callback_metrics = {"loss": 1 / 3, "lr": "x"}
        callback.on_train_epoch_end(on, None)
        on.current_epoch += 1
    callback.on_fit_end(on, None)


class Lightning(Case):
    def setUp(self) -> None:
        super().setUp()
        self.module = load("statusd.lightning", "lightning.pytorch.callbacks", "Callback")
        self.callback = self.module.StatusdCallback(self.name, **self.options)

    def test_it_is_one(self) -> None:
        self.assertIsInstance(self.callback, self.module.base)
        other = load("statusd.lightning", "pytorch_lightning.callbacks", "Callback")
        self.assertIsInstance(other.StatusdCallback(), other.base)

    def test_epochs(self) -> None:
        seen: List[Any] = []
        fit(self.callback, trainer(), lambda: seen.append(self.callback.job._at))
        self.assertEqual(seen[1], (0.25, 2, "epoch"))
        self.assertEqual(self.record()["status"], "success")
        self.assertEqual((self.record()["progress"]["current"], self.record()["progress"]["total"]), (2, 2))
        self.assertEqual(self.record()["message"], "loss 0.3333")

    def test_steps(self) -> None:
        fit(self.callback, trainer(max_steps=8, max_epochs=-1 + 3))
        progress = self.record()["progress"]
        self.assertEqual((progress["current"], progress["total"], progress["unit"]), (8, 8, "step"))

    def test_without_an_end(self) -> None:
        on = trainer(max_epochs=-1, num_training_batches=float("inf"))
        self.callback.on_train_start(on, None)
        self.callback.on_train_batch_end(on, None, None, None, 7)
        self.assertEqual(self.callback.job._at, (0.0, None, "epoch"))
        self.callback.on_fit_end(on, None)

    def test_exception(self) -> None:
        self.callback.on_train_start(trainer(), None)
        self.callback.on_exception(trainer(), None, MemoryError("CUDA out of memory"))
        self.assertEqual(self.record()["error"], {"code": "MemoryError", "message": "MemoryError: CUDA out of memory"})

    def stop_when_cancelled(self, on: Any) -> None:
        def batch() -> None:
            if on.global_step == 1:
                until(lambda: self.record())
                self.service.cancel(self.name, "enough")
                until(lambda: self.callback.job._cancelled)

        fit(self.callback, on, batch)

    def test_cancel(self) -> None:
        on = trainer()
        self.stop_when_cancelled(on)
        self.assertEqual(self.record()["error"], {"code": "cancelled", "message": "enough"})
        self.assertTrue(on.should_stop)
        self.assertEqual(on.global_step, 2)

    def test_cancel_of_many_processes(self) -> None:
        on = trainer(world_size=2, num_training_batches=60)
        self.stop_when_cancelled(on)
        self.assertEqual(on.global_step, 50)
        self.assertEqual(on.strategy.asked, 2)

    def test_another_rank(self) -> None:
        fit(self.callback, trainer(is_global_zero=False))
        self.assertEqual(self.record(), {})

    def test_a_job_from_elsewhere(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            fit(self.module.StatusdCallback(job), trainer())
            self.assertTrue(job.reporting)
        self.assertEqual((self.record()["status"], self.record()["progress"]["current"]), ("success", 2))

    def test_a_job_from_elsewhere_that_raises(self) -> None:
        with self.assertRaises(statusd.Cancelled):
            with statusd.track(self.name, raise_on_cancel=True, **self.options) as job:
                self.callback, on = self.module.StatusdCallback(job), trainer()
                self.stop_when_cancelled(on)
                self.assertTrue(on.should_stop)
                job.progress(1)

    def test_a_framework_that_has_changed(self) -> None:
        with self.warned() as warnings:
            for _ in range(3):
                self.callback.on_train_start(object(), None)
                self.callback.on_train_batch_end(object(), None, None, None, 0)
        self.assertEqual(len(warnings), 1)


class Transformers(Case):
    def setUp(self) -> None:
        super().setUp()
        self.module = load("statusd.huggingface", "transformers", "TrainerCallback")
        self.callback = self.module.StatusdCallback(self.name, **self.options)
        self.args = SimpleNamespace(world_size=1)
        self.control = SimpleNamespace(should_training_stop=False)
        self.state = SimpleNamespace(global_step=0, max_steps=6, is_world_process_zero=True)

    def train(self, at: int = -1, then: Any = lambda: None) -> None:
        given = (self.args, self.state, self.control)
        self.callback.on_train_begin(*given, model=None)
        while self.state.global_step < self.state.max_steps and not self.control.should_training_stop:
            self.state.global_step += 1
            if self.state.global_step == at:
                then()
            self.callback.on_step_end(*given, model=None)
            self.callback.on_log(*given, logs={"loss": 0.25, "epoch": 1}, model=None)
        self.callback.on_train_end(*given, model=None)

    def test_success(self) -> None:
        self.assertIsInstance(self.callback, self.module.base)
        self.train()
        progress = self.record()["progress"]
        self.assertEqual((progress["current"], progress["total"], progress["unit"]), (6, 6, "step"))
        self.assertEqual((self.record()["status"], self.record()["message"]), ("success", "loss 0.25  epoch 1"))

    def cancel(self) -> None:
        until(lambda: self.record())
        self.service.cancel(self.name, "enough")
        until(lambda: self.callback.job._cancelled)

    def test_cancel(self) -> None:
        self.train(3, self.cancel)
        self.assertEqual(self.state.global_step, 3)
        self.assertEqual(self.record()["error"], {"code": "cancelled", "message": "enough"})

    def test_cancel_of_many_processes(self) -> None:
        self.args.world_size, self.state.max_steps = 2, 70
        said: List[Any] = []
        torch = SimpleNamespace(
            is_available=lambda: True, is_initialized=lambda: True, broadcast_object_list=lambda box, src: said.append((box[0], src))
        )
        with mock.patch.dict(sys.modules, {"torch.distributed": torch}):  # type: ignore[dict-item]
            self.train(3, self.cancel)
        self.assertEqual((said, self.state.global_step), ([(True, 0)], 50))

    def test_cancel_of_processes_that_cannot_be_asked(self) -> None:
        self.args.world_size, self.state.max_steps = 2, 70
        self.train(3, self.cancel)
        self.assertEqual(self.state.global_step, 70)

    def test_it_tries_again(self) -> None:
        """As with auto_find_batch_size: the training begins anew, and its job goes on."""
        self.callback.on_train_begin(self.args, self.state, self.control)
        self.train()
        self.assertEqual(self.record()["status"], "success")

    def test_another_rank(self) -> None:
        self.state.is_world_process_zero = False
        self.train()
        self.assertEqual(self.record(), {})


class Keras(Case):
    def setUp(self) -> None:
        super().setUp()

        def init(self: Any) -> None:
            self.params, self._model = None, None

        self.module = load(
            "statusd.keras", "keras.callbacks", "Callback", __init__=init, model=property(lambda self: self._model),
            set_params=lambda self, params: setattr(self, "params", params), set_model=lambda self, model: setattr(self, "_model", model),
        )
        self.callback = self.module.StatusdCallback(self.name, **self.options)
        self.model = SimpleNamespace(stop_training=False)
        self.callback.set_model(self.model)

    def fit(self, steps: Optional[int] = 4, at: int = -1, then: Any = lambda: None) -> None:
        self.callback.set_params({"verbose": "auto", "epochs": 2, "steps": steps})
        self.callback.on_train_begin({})
        n = 0
        for epoch in range(2):
            self.callback.on_epoch_begin(epoch, {})
            for batch in range(4):
                if n == at:
                    then()
                self.callback.on_train_batch_begin(batch, logs={})
                n += 1
                if self.model.stop_training:
                    break
            self.callback.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.75})
            if self.model.stop_training:
                break
        self.batches = n
        self.callback.on_train_end({})

    def test_success(self) -> None:
        self.assertIsInstance(self.callback, self.module.base)
        seen: List[Any] = []
        self.fit(at=7, then=lambda: seen.append(self.callback.job._at))
        self.assertEqual(seen, [(1.5, 2, "epoch")])
        self.assertEqual((self.record()["status"], self.record()["message"]), ("success", "loss 0.5  val_loss 0.75"))
        self.assertEqual(self.record()["progress"]["current"], 2)

    def test_no_steps(self) -> None:
        self.fit(steps=None)
        self.assertEqual(self.record()["progress"]["current"], 2)

    def test_cancel(self) -> None:
        def cancel() -> None:
            until(lambda: self.record())
            self.service.cancel(self.name)
            until(lambda: self.callback.job._cancelled)

        self.fit(at=2, then=cancel)
        self.assertEqual(self.batches, 3)
        self.assertEqual(self.record()["error"]["code"], "cancelled")

    def test_tensorflow(self) -> None:
        with mock.patch.dict(sys.modules, {"keras": None, "keras.callbacks": None}):  # type: ignore[dict-item]
            other = load("statusd.keras", "tensorflow.keras.callbacks", "Callback")
        self.assertIsInstance(other.StatusdCallback(), other.base)

    def test_batches_are_not_waited_for(self) -> None:
        """A call-back that has these makes Keras fetch the logs from the device after each batch."""
        self.assertFalse({"on_train_batch_end", "on_batch_end"} & set(dir(self.module.StatusdCallback)))


class Copies(Case):
    def test_a_module_is_not_needed_for_what_is_not_used(self) -> None:
        for name in ("lightning", "huggingface", "keras"):
            self.assertNotIn("statusd." + name, sys.modules)

    def test_reporters_can_be_pickled(self) -> None:
        from statusd._callback import Reporter

        copy = pickle.loads(pickle.dumps(Reporter(self.name, **self.options)))
        copy._begin(0, 2, "epoch")
        copy._end()
        self.assertEqual(self.record()["status"], "success")
        copy = pickle.loads(pickle.dumps(copy))
        self.assertFalse(copy.job.reporting)

from __future__ import annotations

import copy
import logging
import math
import pickle
import random
import threading
import time
import unittest

import statusd
from tests.support import Case, Stub, until


class Flow(Case):
    def test_success(self) -> None:
        with statusd.track(self.name, total=3, unit="epoch", owner="vision", metadata={"commit": "abc"}, **self.options) as job:
            self.assertTrue(job.reporting)
            until(lambda: self.record().get("status") == "in-progress")
            self.assertEqual(self.record()["progress"]["current"], 0)
            for epoch in range(3):
                job.progress(epoch + 1, message=f"loss {epoch}")
        record = self.record()
        self.assertEqual(record["status"], "success")
        self.assertEqual([entry["status"] for entry in record["history"]], ["started", "in-progress", "success"])
        progress = {key: record["progress"][key] for key in ("current", "total", "unit")}
        self.assertEqual(progress, {"current": 3, "total": 3, "unit": "epoch"})
        self.assertEqual(record["message"], "loss 2")
        self.assertEqual((record["owner"], record["metadata"]), ("vision", {"commit": "abc"}))
        self.assertEqual((record["attempt"], record["report_every"]), (1, 1))
        self.assertFalse(job.reporting)

    def test_exception(self) -> None:
        with self.assertRaisesRegex(ValueError, "boom"):
            with statusd.track(self.name, **self.options) as job:
                job.progress(2)
                raise ValueError("boom\nand more")
        record = self.record()
        self.assertEqual(record["status"], "fail")
        self.assertEqual(record["error"], {"code": "ValueError", "message": "ValueError: boom\nand more"})
        self.assertEqual(record["progress"]["current"], 2)

    def test_how_a_block_ends(self) -> None:
        class OutOfMemory(RuntimeError):
            pass

        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError

        name = f"{__name__}.Flow.test_how_a_block_ends.<locals>"
        for error, status, told in (
            (KeyboardInterrupt(), "fail", {"code": "KeyboardInterrupt", "message": "KeyboardInterrupt"}),
            (SystemExit(), "success", None),
            (SystemExit(0), "success", None),
            (SystemExit(3), "fail", {"code": "SystemExit", "message": "SystemExit: 3", "exit_code": 3}),
            (SystemExit("no GPU"), "fail", {"code": "SystemExit", "message": "SystemExit: no GPU", "exit_code": 1}),
            (OutOfMemory(), "fail", {"code": "OutOfMemory", "message": f"{name}.OutOfMemory"}),
            (Mute(), "fail", {"code": "Mute", "message": f"{name}.Mute: (Mute that can't be shown)"}),
            (GeneratorExit(), "fail", {"code": "GeneratorExit", "message": "GeneratorExit"}),
        ):
            with self.subTest(repr(type(error))):
                self.name += "-"
                with self.assertRaises(type(error)):
                    with statusd.track(self.name, **self.options):
                        raise error
                self.assertEqual(self.record()["status"], status)
                self.assertEqual(self.record().get("error"), told)

    def test_without_a_block(self) -> None:
        job = statusd.track(self.name, **self.options).start()
        self.assertIs(job.start(), job)
        job.fail("no data", code="ENODATA", exit_code=7)
        job.success()  # too late
        self.assertEqual(self.record()["error"], {"code": "ENODATA", "message": "no data", "exit_code": 7})
        self.assertEqual(self.record()["status"], "fail")

    def test_success_stands(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            with statusd.track(self.name, **self.options) as job:
                job.success()
                job.progress(1 / 0)
        self.assertEqual(self.record()["status"], "success")

    def test_it_beats_by_itself(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            job.progress(1, 4, message="a long step")
            record = self.await_record(lambda record: record["status"] == "in-progress")
            later = self.await_record(lambda now: now["version"] >= record["version"] + 3)
            self.assertEqual(later["progress"]["advanced_at"], record["progress"]["advanced_at"])
            self.assertEqual(later["message"], "a long step")

    def test_progress_is_thinned(self) -> None:
        self.options["interval"] = 0.5
        began = time.monotonic()
        with statusd.track(self.name, **self.options) as job:
            n = 0
            while time.monotonic() < began + 1.2:
                n += 1
                job.progress(n)
            took = time.monotonic() - began
        self.assertEqual(self.record()["progress"]["current"], n)
        # The start, the first progress at once, one each interval, the end.
        self.assertLessEqual(self.service.requests(self.name), 3 + took / 0.5)

    def test_what_is_said_from_many_threads(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            threads = [threading.Thread(target=lambda: [job.progress(n) for n in range(2000)]) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            job.metadata(log="https://example.com/1", commit="abc")
            job.metadata(commit=None)
            job.beat("done")
        record = self.record()
        self.assertEqual((record["progress"]["current"], record["message"]), (1999, "done"))
        self.assertEqual(record["metadata"], {"log": "https://example.com/1"})

    def test_two_jobs_at_once(self) -> None:
        with statusd.track(self.name, **self.options) as outer, statusd.track(self.name + "-inner", **self.options) as inner:
            outer.progress(1)
            inner.progress(2)
        self.assertEqual(self.record()["progress"]["current"], 1)
        self.assertEqual(self.service.record(self.name + "-inner")["progress"]["current"], 2)

    def test_the_next_attempt(self) -> None:
        self.service.ask("POST", "/status/" + self.name, {"status": "fail", "attempt": 1})
        with self.warned() as warnings, statusd.track(self.name, **self.options) as job:
            until(lambda: not job.reporting)
        self.assertIn("is over already", warnings[0])
        self.options["attempt"] = 2
        with statusd.track(self.name, **self.options):
            pass
        self.assertEqual((self.record()["status"], self.record()["attempt"]), ("success", 2))

    def test_superseded(self) -> None:
        with self.warned() as warnings, statusd.track(self.name, **self.options) as job:
            until(lambda: self.record())
            self.service.ask("POST", "/status/" + self.name, {"status": "started", "attempt": 2})
            until(lambda: job.superseded)
            self.assertFalse(job.reporting)
        self.assertEqual((self.record()["status"], self.record()["attempt"]), ("started", 2))
        self.assertEqual(len(warnings), 1)
        self.assertIn("superseded", warnings[0])

    def test_another_owner(self) -> None:
        self.service.ask("POST", "/status/" + self.name, {"status": "started", "attempt": 1, "owner": "nlp"})
        with self.warned() as warnings, statusd.track(self.name, owner="vision", **self.options) as job:
            until(lambda: not job.reporting)
        self.assertIn("owner", warnings[0])

    def test_the_wrapper_told_another_end(self) -> None:
        with self.warned() as warnings, statusd.track(self.name, **{**self.options, "interval": 60}):
            self.await_record(lambda record: record["status"])
            self.service.ask("POST", "/status/" + self.name, {"status": "fail", "attempt": 1})
        self.assertEqual(self.record()["status"], "fail")
        self.assertIn("terminal", warnings[0])


class Cancel(Case):
    def test_the_flag(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            self.assertFalse(job.cancelled)
            until(lambda: self.record())
            self.service.cancel(self.name, "the loss diverges")
            until(lambda: job.cancelled)
            job.progress(1)  # does not raise
        self.assertEqual(self.record()["status"], "fail")
        self.assertEqual(self.record()["error"], {"code": "cancelled", "message": "the loss diverges"})

    def cancel_unseen(self, job: statusd.Job) -> None:
        until(lambda: self.record())
        self.service.cancel(self.name)
        until(lambda: job._cancelled)

    def test_nobody_looked(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            self.cancel_unseen(job)
        self.assertEqual(self.record()["status"], "success")

    def test_finished_all_the_same(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            self.cancel_unseen(job)
            self.assertTrue(job.cancelled)
            job.success()
        self.assertEqual(self.record()["status"], "success")

    def test_the_exception(self) -> None:
        with self.assertRaisesRegex(statusd.Cancelled, "enough"):
            with statusd.track(self.name, raise_on_cancel=True, **self.options) as job:
                until(lambda: self.record())
                self.service.cancel(self.name, "enough")
                for step in range(10**9):
                    job.progress(step)
                    time.sleep(0.001)
        self.assertEqual(self.record()["error"]["code"], "cancelled")
        job.progress(1)  # the job is over: there is nothing to stop any more

    def test_too_late(self) -> None:
        """The answer to the end tells of a wish that came just before."""
        self.options["interval"] = 60
        with statusd.track(self.name, raise_on_cancel=True, **self.options) as job:
            until(lambda: job._known)
            self.service.cancel(self.name)
        self.assertEqual(self.record()["status"], "success")
        job.progress(1)
        self.assertFalse(job.cancelled)

    def test_other_exceptions(self) -> None:
        for error, code in ((KeyboardInterrupt(), "cancelled"), (SystemExit(1), "cancelled"), (MemoryError(), "MemoryError")):
            self.name += "-"
            with self.assertRaises(type(error)):
                with statusd.track(self.name, **self.options) as job:
                    self.cancel_unseen(job)
                    raise error
            self.assertEqual(self.record()["error"]["code"], code)

    def test_the_next_attempt_knows_nothing_of_it(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            self.cancel_unseen(job)
        with statusd.track(self.name, **{**self.options, "attempt": 2}) as job:
            self.await_record(lambda record: record["attempt"] == 2 and record["status"] == "in-progress")
            self.assertFalse(job.cancelled)


class Odd(Case):
    """Whatever is said, nothing raises, and what can be reported is."""

    def test_numbers(self) -> None:
        class Scalar:
            def __float__(self) -> float:
                return 2.5

        class Broken:
            def __float__(self) -> float:
                raise RuntimeError("CUDA error")

        for value, told in (
            (3, 3), (2.5, 2.5), (True, 1), (Scalar(), 2.5), ("4", 4), (1e-200, 0), (2**53, 2**53),
            (math.nan, None), (math.inf, None), (-1, None), (10**400, None), (None, None), ("x", None), (Broken(), None), ([], None),
        ):
            with self.subTest(repr(value)[:20]), self.assertLogs("statusd", "INFO") as logs:
                logging.getLogger("statusd").info("at least one line")
                self.name += "-"
                with statusd.track(self.name, **self.options) as job:
                    job.progress(value)
                    job.progress(value, value)
                    job.progress(value)
                self.assertEqual(self.record()["status"], "success")
                self.assertEqual(self.record().get("progress", {}).get("current"), told)
                self.assertEqual(len(logs.output), 1 if told is not None or value is None else 2)

    def test_beyond_the_total(self) -> None:
        with self.warned() as warnings, statusd.track(self.name, total=2, unit="batch" * 20, **self.options) as job:
            job.progress(3)
        self.assertEqual(self.record()["progress"]["current"], 3)
        self.assertNotIn("total", self.record()["progress"])
        self.assertEqual(len(warnings), 1)

    def test_texts(self) -> None:
        class Unspeakable:
            def __str__(self) -> str:
                raise RuntimeError

        with statusd.track(self.name, **self.options) as job:
            job.progress(1, unit=Unspeakable())  # type: ignore[arg-type]
            self.await_record(lambda record: record["status"] == "in-progress")
        for text in ("x" * 10**6, "\x00\x07\x1b[31m\n", "\ud800", "ä😀" * 900, Unspeakable(), 5, b"\xff", ""):
            with self.subTest(repr(text)[:20]):
                self.name += "-"
                with statusd.track(self.name, metadata={"k": text, text: "v"}, **self.options) as job:
                    job.progress(1, message=text, unit=text)
                    job.beat(text)
                    job.metadata(**{f"key{n}": text for n in range(50)})
                    job.fail(text, code=text, exit_code=text)
                self.assertEqual(self.record()["status"], "fail")
                self.assertEqual(self.record()["progress"]["current"], 1)

    def test_arguments(self) -> None:
        for options in (
            {"total": object(), "interval": math.nan, "flush": "x"}, {"metadata": 5}, {"metadata": [1, 2]}, {"initial": "x", "total": 5},
            {"owner": 7}, {"attempt": 1.0}, {"interval": 10**400}, {"flush": math.inf}, {"token": ""},
        ):
            with self.subTest(str(options)):
                self.name += "-"
                with statusd.track(self.name, **{**self.options, **options}):  # type: ignore[arg-type]
                    pass
                self.assertEqual(self.record()["status"], "success")

    def test_nothing_to_report_to(self) -> None:
        for options in (
            {"request_id": ""}, {"request_id": "a b"}, {"request_id": "x" * 129}, {"server": "status.example.com"}, {"server": "ftp://x"},
            {"server": "http://[::1"}, {"server": "http://u:p@127.0.0.1"}, {"rank": 1}, {"rank": "x"}, {"token": object(), "rank": 2},
        ):
            with self.subTest(str(options)), self.assertLogs("statusd", "INFO") as logs:
                logging.getLogger("statusd").info("at least one line")
                with statusd.track(**{"request_id": self.name, **self.options, **options}) as job:
                    job.progress(1)
                self.assertFalse(job.reporting)
                self.assertEqual(len(logs.output), 1 if options.get("rank") in (1, 2) else 2)
        self.assertEqual(self.record(), {})

    def test_never_started(self) -> None:
        with self.warned() as warnings:
            job = statusd.track(self.name, **self.options)
            job.progress(1)
            job.success()
        self.assertIn("not started", warnings[0])
        self.assertEqual(self.record(), {})

    def test_copies_are_silent(self) -> None:
        with statusd.track(self.name, **self.options) as job:
            for double in (pickle.loads(pickle.dumps(job)), copy.deepcopy(job), copy.copy(job)):
                self.assertFalse(double.reporting)
                with double:
                    double.progress(5)
        self.assertNotIn("progress", self.record())

    def test_the_common_random_numbers_are_left_alone(self) -> None:
        random.seed(1)
        want = random.random()
        random.seed(1)
        with statusd.track(self.name, **{**self.options, "server": "http://127.0.0.1:9", "flush": 0.3}) as job:
            job.progress(1)
        self.assertEqual(random.random(), want)


class Tokens(Case):
    def test_where_it_is_found(self) -> None:
        stub = Stub(lambda body: (200, {}, b"{}"))
        self.addCleanup(stub.close)
        with statusd.track(self.name, **{**self.options, "server": stub.url, "token": " secret\n", "flush": 0}):
            until(lambda: stub.asked)
        self.assertEqual(stub.asked[0][2]["Authorization"], "Bearer secret")


if __name__ == "__main__":
    unittest.main()

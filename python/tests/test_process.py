from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from typing import Any

import statusd
from statusd import _process
from tests.support import Case, Proxy, until


class Processes(Case):
    def ends(self, process: subprocess.Popen[str]) -> int:
        try:
            output, errors = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.fail("it does not end")
        self.output, self.errors = output, errors
        return process.returncode

    def awaits(self, process: subprocess.Popen[str], word: str) -> None:
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline().strip(), word)


class Terminated(Processes):
    def test_sigterm(self) -> None:
        process = self.python("""
            with statusd.track(id, **options) as job:
                job.progress(3)
                print("ready", flush=True)
                while True:
                    time.sleep(60)
        """)
        self.awaits(process, "ready")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.ends(process), -signal.SIGTERM)
        error = {"code": "SIGTERM", "message": "terminated by SIGTERM", "exit_code": 143}
        self.assertEqual((self.record()["status"], self.record()["error"]), ("fail", error))
        self.assertEqual(self.record()["progress"]["current"], 3)

    def test_sigterm_while_nobody_answers(self) -> None:
        proxy = Proxy(self.service.port)
        self.addCleanup(proxy.close)
        proxy.mode = "hang"
        self.options.update(server=proxy.url, flush=0.5)
        process = self.python("""
            with statusd.track(id, **options):
                print("ready", flush=True)
                time.sleep(60)
        """)
        self.awaits(process, "ready")
        until(lambda: proxy.connections)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        self.assertEqual(self.ends(process), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 10)

    def test_sigterm_handled_by_the_program(self) -> None:
        process = self.python("""
            def stop(*_):
                print("stopping", flush=True)
                sys.exit(5)
            signal.signal(signal.SIGTERM, stop)
            with statusd.track(id, **options):
                print("ready", flush=True)
                time.sleep(60)
        """)
        self.awaits(process, "ready")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.ends(process), 5)
        self.assertEqual(self.record()["error"]["exit_code"], 5)

    def test_under_statusd_run_sigterm_is_left_to_it(self) -> None:
        process = self.python("""
            with statusd.track(id, **options) as job:
                while not job._known:
                    time.sleep(0.01)
                print("ready", flush=True)
                time.sleep(60)
        """, STATUSD_PROGRESS=os.devnull)
        self.awaits(process, "ready")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.ends(process), -signal.SIGTERM)
        self.assertFalse(self.record()["terminal"])

    def test_the_handler_goes_with_the_last_job(self) -> None:
        with statusd.track(self.name, **self.options):
            self.assertIs(signal.getsignal(signal.SIGTERM), _process._terminated)
            with statusd.track(self.name + "-2", **self.options):
                pass
            self.assertIs(signal.getsignal(signal.SIGTERM), _process._terminated)
        self.assertIs(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)

    def test_not_the_main_thread(self) -> None:
        def work() -> None:
            with statusd.track(self.name, **self.options):
                self.assertIs(signal.getsignal(signal.SIGTERM), signal.SIG_DFL)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual(self.record()["status"], "success")

    def test_interrupted(self) -> None:
        process = self.python("""
            with statusd.track(id, **options):
                print("ready", flush=True)
                time.sleep(60)
        """)
        self.awaits(process, "ready")
        process.send_signal(signal.SIGINT)
        self.ends(process)
        self.assertEqual(self.record()["error"]["code"], "KeyboardInterrupt")

    def test_killed(self) -> None:
        for how in ("os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"):
            self.name += "-"
            self.ends(self.python(f"""
                with statusd.track(id, **options) as job:
                    while not job._known:
                        time.sleep(0.01)
                    {how}
            """))
            self.assertFalse(self.record()["terminal"])  # it will be late, then stale


class Exits(Processes):
    def test_an_open_job(self) -> None:
        for end, status, code in (
            ("", "in-progress", None),
            ("sys.exit(3)", "in-progress", None),
            ("raise ValueError('boom')", "fail", "ValueError"),
            ("job.success()", "success", None),
            ("job.fail()", "fail", None),
            ("os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", "fail", "KeyboardInterrupt"),
        ):
            with self.subTest(end):
                self.name += "-"
                self.ends(self.python(f"""
                    job = statusd.track(id, **options).start()
                    job.progress(7)
                    {end}
                """))
                self.assertEqual(self.record()["status"], status)
                self.assertEqual(self.record()["progress"]["current"], 7)
                self.assertEqual(self.record().get("error", {}).get("code"), code)
                self.assertEqual("nobody told" in self.errors, status == "in-progress")

    def test_a_loop_left_early(self) -> None:
        for body, status in (("break", "success"), ("raise ValueError", "fail")):
            self.name += "-"
            self.ends(self.python(f"""
                for n in statusd.track_iter(range(5), id, **options):
                    if n == 3:
                        {body}
                print("after")
            """))
            self.assertEqual((self.record()["status"], self.record()["progress"]["current"]), (status, 3))

    def test_a_script_ends_quickly(self) -> None:
        """Before the first beat is answered: no thread may be at work while the interpreter goes."""
        for _ in range(10):
            self.name += "-"
            self.assertEqual(self.ends(self.python("""
                with statusd.track(id, **options):
                    pass
            """)), 0)
            self.assertEqual(self.record()["status"], "success")
            self.assertEqual(self.errors, "")

    def test_nobody_is_there(self) -> None:
        self.options.update(server="http://127.0.0.1:9", flush=0.3)
        self.assertEqual(self.ends(self.python("""
            with statusd.track(id, **options) as job:
                job.progress(1)
            statusd.track(id, **options).start()
            print("trained")
        """)), 0)
        self.assertEqual(self.output, "trained\n")
        self.assertIn("can't be reported", self.errors)
        self.assertNotIn("Traceback", self.errors)


def child(job: statusd.Job, told: Any) -> None:
    with job:
        job.progress(99)
    told.put(job.reporting)


@unittest.skipUnless(hasattr(os, "fork"), "forks")
class Forks(Processes):
    def test_a_child_is_silent(self) -> None:
        for how in ("os._exit(0)", "sys.exit(1)", "job.fail('child')", "raise ValueError", "os.kill(os.getpid(), signal.SIGTERM)"):
            with self.subTest(how):
                self.name += "-"
                self.assertEqual(self.ends(self.python(f"""
                    with statusd.track(id, **options) as job:
                        job.progress(1)
                        if os.fork() == 0:
                            assert not job.reporting and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
                            job.progress(50)
                            job.metadata(a="b")
                            {how}
                            sys.exit()
                        status = os.wait()[1]
                        if "SIGTERM" in {how!r}:
                            assert os.WTERMSIG(status) == signal.SIGTERM
                        job.progress(2)
                """)), 0, getattr(self, "errors", ""))
                self.assertEqual((self.record()["status"], self.record()["progress"]["current"]), ("success", 2))
                self.assertNotIn("metadata", self.record())

    def test_children_of_a_busy_parent(self) -> None:
        """No child hangs on a lock that some thread of the parent held."""
        self.options["interval"] = 0.05
        with statusd.track(self.name, **self.options) as job:
            for n in range(40):
                job.metadata(n=n)
                pid = os.fork()
                if pid == 0:
                    try:
                        job.metadata(n="child")
                        job.progress(99)
                        job.fail("child")
                    finally:
                        os._exit(0)
                os.waitpid(pid, 0)
        self.assertEqual((self.record()["status"], self.record()["metadata"]), ("success", {"n": "39"}))

    def test_a_child_can_have_a_job_of_its_own(self) -> None:
        self.ends(self.python("""
            with statusd.track(id, **options):
                if os.fork() == 0:
                    with statusd.track(id + "-child", **options):
                        pass
                    os._exit(0)
                os.wait()
        """))
        self.assertEqual(self.service.record(self.name + "-child")["status"], "success")

    def test_multiprocessing(self) -> None:
        for method in ("fork", "spawn"):
            with self.subTest(method):
                self.name += "-"
                context = multiprocessing.get_context(method)
                told = context.Queue()
                with statusd.track(self.name, **self.options) as job:
                    process = context.Process(target=child, args=(job, told))  # type: ignore[attr-defined]
                    process.start()
                    self.assertFalse(told.get(timeout=30))
                    process.join()
                    self.assertEqual(process.exitcode, 0)
                    job.progress(1)
                self.assertEqual((self.record()["status"], self.record()["progress"]["current"]), ("success", 1))


if __name__ == "__main__":
    unittest.main()

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import unittest
from typing import Any, Dict, Tuple

import statusd
from statusd import _job
from tests.support import FOLDER, Case, Proxy, Service, Stub, until

NOTHING: Tuple[int, Dict[str, str], bytes] = (200, {}, b"")


class Away(Case):
    def test_started_late(self) -> None:
        service = Service()
        self.addCleanup(service.kill)
        self.options["server"] = service.url
        with self.warned() as warnings, statusd.track(self.name, **self.options) as job:
            job.progress(1)
            until(lambda: warnings)
            service.start()
            until(lambda: service.record(self.name).get("status") == "in-progress")
        self.assertEqual(service.record(self.name)["status"], "success")
        self.assertEqual(len(warnings), 2, warnings)  # one when it is away, one when it is back
        self.assertIn("reported again", warnings[1])

    def test_killed_and_started_again(self) -> None:
        service = Service().start()
        self.addCleanup(service.kill)
        self.options["server"] = service.url
        with self.warned() as warnings, statusd.track(self.name, total=9, **self.options) as job:
            until(lambda: service.record(self.name))
            service.kill()
            job.progress(5)
            until(lambda: warnings)
            service.start()
            until(lambda: service.record(self.name)["progress"]["current"] == 5)
        self.assertEqual(service.record(self.name)["status"], "success")

    def test_it_comes_back_while_the_end_waits(self) -> None:
        service = Service()
        self.addCleanup(service.kill)
        self.options.update(server=service.url, flush=20)
        with self.warned() as warnings:
            job = statusd.track(self.name, **self.options).start()
            until(lambda: warnings)
            job._end({"status": "success"})
            service.start()
            job.success()
        self.assertEqual(service.record(self.name)["status"], "success")

    def test_it_comes_back_after_the_end(self) -> None:
        service = Service()
        self.addCleanup(service.kill)
        self.options.update(server=service.url, flush=0.1)
        with self.warned(), statusd.track(self.name, **self.options):
            pass
        service.start()
        until(lambda: service.record(self.name).get("status") == "success", 40)

    def test_the_end_waits_no_longer_than_it_may(self) -> None:
        for mode in ("hang", "drop", "drip"):
            proxy = Proxy(self.service.port)
            self.addCleanup(proxy.close)
            proxy.mode = mode
            self.options.update(server=proxy.url, flush=0.4)
            with self.subTest(mode), self.warned() as warnings:
                job = statusd.track(self.name, **self.options).start()
                until(lambda: proxy.connections)
                began = time.monotonic()
                job.success()
                self.assertLess(time.monotonic() - began, 5)
                self.assertIn("the end could not be reported in time", " ".join(warnings))

    def test_the_end_does_not_wait_for_a_beat_that_hangs(self) -> None:
        proxy = Proxy(self.service.port)
        self.addCleanup(proxy.close)
        proxy.mode = "hang"
        self.options.update(server=proxy.url, flush=60)
        with statusd.track(self.name, **self.options):
            until(lambda: proxy.connections)
            proxy.mode = "pass"
        self.assertEqual(self.record()["status"], "success")

    def test_the_end_is_tried_again_while_it_waits(self) -> None:
        """Of a try that hangs, something of the time is left for another."""
        proxy = Proxy(self.service.port)
        self.addCleanup(proxy.close)
        self.options.update(server=proxy.url, interval=60, flush=4)
        with statusd.track(self.name, **self.options) as job:
            until(lambda: job._known)
            proxy.mode, before = "hang", proxy.connections
            job._end({"status": "success"})
            until(lambda: proxy.connections > before)
            proxy.mode = "pass"
        self.assertEqual(self.record()["status"], "success")

    def test_progress_does_not_wait(self) -> None:
        proxy = Proxy(self.service.port)
        self.addCleanup(proxy.close)
        proxy.mode = "hang"
        self.options.update(server=proxy.url, flush=0.1)
        with self.warned(), statusd.track(self.name, **self.options) as job:
            until(lambda: proxy.connections)
            slowest = 0.0
            for n in range(100_000):
                began = time.thread_time()
                job.progress(n, message="x")
                slowest = max(slowest, time.thread_time() - began)
            began = time.monotonic()
            for n in range(100_000):
                job.progress(n, message="x")
            each = (time.monotonic() - began) / 100_000
        self.assertLess(each, 20e-6)  # about 0.5e-6 on an idle machine
        self.assertLess(slowest, 0.05)

    def test_an_answer_that_drips_is_given_up(self) -> None:
        was = _job._TIMEOUT
        self.addCleanup(setattr, _job, "_TIMEOUT", was)
        _job._TIMEOUT = 0.3
        proxy = Proxy(self.service.port)
        self.addCleanup(proxy.close)
        proxy.mode = "drip"
        self.options["server"] = proxy.url
        with self.warned() as warnings, statusd.track(self.name, **self.options):
            until(lambda: warnings)
            proxy.mode = "pass"
            self.await_record(lambda record: record["status"])
        self.assertRegex(warnings[0], "(?i)time|long")


class Answers(Case):
    def stub(self, answer: Any) -> Stub:
        stub = Stub(answer)
        self.addCleanup(stub.close)
        self.options["server"] = stub.url
        return stub

    def record_of(self, body: Dict[str, Any]) -> Tuple[int, Dict[str, str], bytes]:
        return 200, {}, json.dumps({"request_id": self.name, "attempt": body["attempt"]}).encode()

    def test_what_is_tried_again(self) -> None:
        bad = [(500, {}, b"oops"), (200, {}, b"<html>sign in</html>"), (200, {}, b"[]"), (200, {}, b"\xff"), (503, {}, b"x" * 2_000_000),
               (502, {"Retry-After": "soon"}, b"")]
        stub = self.stub(lambda body: bad.pop() if bad else self.record_of(body))
        was = _job._SLOWEST
        self.addCleanup(setattr, _job, "_SLOWEST", was)
        _job._SLOWEST = 0.05
        with self.warned() as warnings, statusd.track(self.name, **self.options) as job:
            until(lambda: job._known)
        self.assertEqual(len(warnings), 2, warnings)
        self.assertEqual([body["status"] for _, body, _ in stub.asked][:7], ["started"] * 7)
        self.assertEqual(stub.asked[-1][1]["status"], "success")

    def test_retry_after(self) -> None:
        for status in (429, 503):
            first = [(status, {"Retry-After": "1"}, b"")]
            stub = self.stub(lambda body: first.pop() if first else self.record_of(body))  # noqa: B023
            with self.subTest(status), self.warned(), statusd.track(self.name, **self.options) as job:
                until(lambda: stub.asked)
                job.progress(1)  # which is no reason to come earlier
                until(lambda: job._known)
            self.assertGreater(stub.asked[1][0] - stub.asked[0][0], 0.95)

    def test_retry_after_is_longer_than_the_end_can_wait(self) -> None:
        answers = [(503, {"Retry-After": "100"}, b"")]
        self.options["flush"] = 2.5
        stub = self.stub(lambda body: answers.pop() if answers else self.record_of(body))
        self.options["interval"] = 60
        with self.warned(), statusd.track(self.name, **self.options):
            until(lambda: stub.asked)
            answers.append((503, {"Retry-After": "100"}, b""))
        self.assertEqual([body["status"] for _, body, _ in stub.asked], ["started", "success", "success"])

    def test_what_is_not_tried_again(self) -> None:
        for status in (400, 422, 413):
            stub = self.stub(lambda body: (status, {}, b'{"code":"invalid_field"}'))  # noqa: B023
            self.options["interval"] = 3600
            with self.subTest(status), self.warned() as warnings, statusd.track(self.name, **self.options):
                until(lambda: stub.asked)
            self.assertEqual([body["status"] for _, body, _ in stub.asked], ["started", "success"])
            self.assertEqual(len(warnings), 1)
            self.assertIn("invalid_field", warnings[0])

    def test_redirects_are_not_followed(self) -> None:
        other = Stub(lambda body: self.record_of(body))
        self.addCleanup(other.close)
        for status in (301, 307, 308):
            stub = self.stub(lambda body: (status, {"Location": other.url + "/status/x"}, b""))  # noqa: B023
            self.options["flush"] = 0
            with self.subTest(status), self.warned() as warnings, statusd.track(self.name, token="secret", **self.options):
                until(lambda: warnings)
            self.assertIn(str(status), warnings[0])
        self.assertEqual(other.asked, [])

    def test_a_proxy_is_not_for_this_machine(self) -> None:
        os.environ["http_proxy"] = "http://127.0.0.1:9"
        self.addCleanup(os.environ.pop, "http_proxy")
        with statusd.track(self.name, **self.options):
            pass
        self.assertEqual(self.record()["status"], "success")

    def test_a_token_file_is_read_each_time(self) -> None:
        path = os.path.join(self.service.folder, self.name)
        os.environ["STATUSD_TOKEN_FILE"] = path
        self.addCleanup(os.environ.pop, "STATUSD_TOKEN_FILE")
        self.options["flush"] = 0.1
        stub = self.stub(self.record_of)
        with self.warned() as warnings, statusd.track(self.name, **self.options) as job:
            until(lambda: warnings)  # the file is not there
            for token in ("one", "two"):
                with open(path + "-new", "w") as file:
                    file.write(token + "\n")
                os.replace(path + "-new", path)
                until(lambda: stub.asked and stub.asked[-1][2]["Authorization"] == "Bearer " + token)  # noqa: B023
            with open(path, "w") as file:
                file.write("a b\r\nX-Evil: 1")
            self.assertTrue(job.reporting)
        self.assertNotIn("X-Evil", str(stub.asked) + str(warnings))


class Guarded(unittest.TestCase):
    def test_a_service_that_asks_for_tokens(self) -> None:
        service = Service()
        self.addCleanup(service.kill)
        tokens = os.path.join(service.folder, "tokens")
        digest = hashlib.sha256(b"statusd_k_test").hexdigest()
        with open(tokens, "w") as file:
            file.write(json.dumps({"name": "trainer", "sha256": digest, "scope": "admin"}) + "\n")
        service.start(STATUSD_TOKENS=tokens)
        options: Dict[str, Any] = {"server": service.url, "interval": 0.1, "flush": 1}
        for token in (None, "wrong"):
            with self.assertLogs("statusd") as logs, statusd.track("guarded", token=token, **options):
                pass
            self.assertIn("401", logs.output[0])
            self.assertNotIn("wrong", str(logs.output))
        with statusd.track("guarded", token="statusd_k_test", **options):
            pass
        self.assertEqual(service.ask("GET", "/status/guarded", token="statusd_k_test")["status"], "success")

    def test_a_service_that_speaks_tls(self) -> None:
        service = Service()
        self.addCleanup(service.kill)
        cert, key = (os.path.join(service.folder, name) for name in ("cert", "key"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=statusd", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
            check=True, capture_output=True,
        )
        service.start(STATUSD_TLS_CERT=cert, STATUSD_TLS_KEY=key)
        program = """
import os, statusd
with statusd.track("tls", server=os.environ["URL"], flush=1, interval=0.1) as job:
    job.progress(1)
"""
        environ = {"URL": f"https://127.0.0.1:{service.port}", "PYTHONPATH": str(FOLDER), "PATH": os.environ["PATH"]}
        for trust, complaint in ((cert, ""), ("/nowhere", "CERTIFICATE_VERIFY_FAILED")):
            done = subprocess.run(
                [sys.executable, "-c", program], env={**environ, "SSL_CERT_FILE": trust}, capture_output=True, text=True
            )
            self.assertEqual(done.returncode, 0)
            self.assertEqual("CERTIFICATE_VERIFY_FAILED" in done.stderr, bool(complaint), done.stderr)
            self.assertEqual(done.stderr == "", not complaint, done.stderr)


if __name__ == "__main__":
    unittest.main()

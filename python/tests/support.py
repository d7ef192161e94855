"""The real service, and networks that misbehave, for the tests."""

from __future__ import annotations

import atexit
import contextlib
import http.server
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

FOLDER = Path(__file__).resolve().parent.parent

for name in list(os.environ):  # a test decides for itself where it runs
    if name.startswith(("STATUSD_", "SLURM_", "AWS_BATCH_", "OMPI_", "PMI", "RAY_", "TRAINING_")) and name != "STATUSD_TEST_BINARY":
        del os.environ[name]
for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "http_proxy", "HTTP_PROXY"):
    os.environ.pop(name, None)

logging.getLogger("statusd").addHandler(logging.NullHandler())

_scratch = tempfile.mkdtemp(prefix="statusd")
_main = os.getpid()
atexit.register(lambda: shutil.rmtree(_scratch, ignore_errors=True) if os.getpid() == _main else None)
_binary: List[str] = []


def binary() -> str:
    """The program as people run it: STATUSD_TEST_BINARY, or built for the tests."""
    if not _binary:
        path = os.environ.get("STATUSD_TEST_BINARY")
        if not path:
            path = os.path.join(_scratch, "statusd")
            subprocess.run(["go", "build", "-o", path, "./cmd/statusd"], cwd=FOLDER.parent, check=True)
        _binary.append(os.path.abspath(path))
    return _binary[0]


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Waits for a condition to hold, and returns what it is then."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {seconds} s")
        time.sleep(0.01)


class Service:
    """A statusd of its own, on a port and a file that it keeps when it is started again."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(dir=_scratch)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Optional[subprocess.Popen[bytes]] = None

    def start(self, **settings: str) -> Service:
        environ = {
            "HOME": self.folder, "STATUSD_ADDR": f"127.0.0.1:{self.port}", "STATUSD_STORE": "embedded",
            "STATUSD_DATA": os.path.join(self.folder, "s.db"), "STATUSD_RATE_LIMIT": "0", **settings,
        }
        self.log = os.path.join(self.folder, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary()], env=environ, stderr=log)
        atexit.register(self.kill)
        until(lambda: '"message":"serving"' in Path(self.log).read_text())
        return self

    def kill(self) -> None:
        if self.process is not None and os.getpid() == _main:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def record(self, job: str) -> Dict[str, Any]:
        """What is known of a job; empty if nothing is."""
        return self.ask("GET", "/status/" + job)

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Dict[str, Any]:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
        if token:
            headers["Authorization"] = "Bearer " + token
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.load(response)  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return {}
                raise AssertionError(error.read()) from None

    def cancel(self, job: str, reason: str = "") -> None:
        self.ask("POST", f"/status/{job}/cancel", {"reason": reason})

    def requests(self, job: str) -> int:
        """How often the job was written."""
        lines = Path(self.log).read_text().splitlines()
        return sum(f'"request_id":"{job}"' in line and '"method":"POST"' in line for line in lines)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Proxy:
    """In front of a service, and worse than it: it can hang, or drop connections, or drip its answers."""

    def __init__(self, port: int) -> None:
        self._port, self.mode = port, "pass"
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._held: List[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # ends its accept
        self._listener.close()
        for sock in self._held:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            self._held.append(client)
            threading.Thread(target=self._serve, args=(client, self.mode), daemon=True).start()

    def _serve(self, client: socket.socket, mode: str) -> None:
        with contextlib.suppress(OSError):
            if mode == "drop":
                client.close()
            elif mode == "drip":
                while True:
                    client.sendall(b"H")
                    time.sleep(0.05)
            elif mode == "pass":
                with socket.create_connection(("127.0.0.1", self._port)) as server:
                    threading.Thread(target=_pump, args=(client, server), daemon=True).start()
                    _pump(server, client)
                client.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            some = source.recv(65536)
            if not some:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(some)


class Stub:
    """An HTTP server that answers as a test wishes, and remembers what it was asked."""

    def __init__(self, answer: Callable[[Dict[str, Any]], Tuple[int, Dict[str, str], bytes]]) -> None:
        self.asked: List[Tuple[float, Dict[str, Any], Dict[str, str]]] = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.asked.append((time.monotonic(), body, dict(self.headers)))
                status, headers, content = answer(body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


_shared: List[Service] = []


class Case(unittest.TestCase):
    """Has a service, and an id, of its own."""

    def setUp(self) -> None:
        if not _shared:
            _shared.append(Service().start())
        self.service = _shared[0]
        self.name = f"{self._testMethodName}-{os.urandom(3).hex()}"
        self.options: Dict[str, Any] = {"server": self.service.url, "interval": 0.1, "attempt": 1}

    def record(self) -> Dict[str, Any]:
        return self.service.record(self.name)

    def await_record(self, condition: Callable[[Dict[str, Any]], Any]) -> Dict[str, Any]:
        until(lambda: condition(self.record() or {"status": None}))
        return self.record()

    @contextlib.contextmanager
    def warned(self) -> Iterator[List[str]]:
        """What is logged of the test's own job: those of other tests may still be trying."""
        lines: List[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
        handler.addFilter(lambda record: self.name in record.getMessage() or "framework" in record.getMessage())
        logger = logging.getLogger("statusd")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield lines
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)

    def python(self, code: str, **environ: str) -> subprocess.Popen[str]:
        """Runs a program of its own, in which id and options are set as here."""
        head = f"""
import os, signal, sys, time, statusd
id, options = {self.name!r}, {self.options!r}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
"""
        # Nothing of ours may be left open, or look like it.
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", head + textwrap.dedent(code)], text=True,
            env={**os.environ, "PYTHONPATH": str(FOLDER), **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.addCleanup(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()

"""One request, one answer, in bounded time and of bounded size, and no exception."""

from __future__ import annotations

import encodings.idna  # needed later; imported by the thread that reports, a fork might copy it half done
import functools
import http.client
import io
import json
import socket
import ssl
import time
import urllib.request
import weakref
from typing import Any, Dict, NamedTuple, Optional

from statusd import _settings

_MOST_BYTES = 1 << 20  # of an answer; a record has at most a few dozen KB
_MOST_PATIENCE = 300.0  # seconds of a Retry-After that are believed


class Answer(NamedTuple):
    status: int  # 0: none came
    body: Dict[str, Any]  # empty if it is not a JSON object
    retry_after: float  # seconds, 0 if nothing is said
    trouble: str  # what to tell a person if it is not what was hoped for


class _InTime(io.RawIOBase):
    """Reads a socket, but not beyond a time, however slowly the bytes drip."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock, self._raw = sock, raw
        self._end = time.monotonic() + (sock.gettimeout() or 5.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        left = self._end - time.monotonic()
        if left <= 0:
            raise socket.timeout("the answer takes too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_InTime(sock, self.fp.detach()))


class _Remembered(http.client.HTTPConnection):
    """A connection that can be ended from another thread."""

    response_class = _Response

    def __init__(self, *args: Any, sockets: weakref.WeakSet[socket.socket], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


class _RememberedTLS(_Remembered, http.client.HTTPSConnection):
    pass


class _HTTP(urllib.request.HTTPHandler):
    def __init__(self, sockets: weakref.WeakSet[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Remembered, req, sockets=self._sockets)  # type: ignore[arg-type]


class _HTTPS(urllib.request.HTTPSHandler):
    def __init__(self, sockets: weakref.WeakSet[socket.socket]) -> None:
        super().__init__(context=_trust())
        self._sockets = sockets

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_RememberedTLS, req, context=_trust(), sockets=self._sockets)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=None)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()  # takes a while: it reads all certificates


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """An error is an answer, and so is a redirect: a token goes nowhere that its owner did not name."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response


class Client:
    """Posts JSON to one URL, through the proxy that the environment names, if any, but not to this machine itself.

    It is made in the thread of the training, and all there that takes a lock for long: a fork in the midst of that
    would leave the child with OpenSSL, say, locked for ever.
    """

    def __init__(self, url: str, token: Optional[str]) -> None:
        self._url, self._token = url, token
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._opener = urllib.request.OpenerDirector()
        proxies = {} if _settings.is_loopback(url) else urllib.request.getproxies()
        for handler in (urllib.request.ProxyHandler(proxies), _HTTP(self._sockets), _AsItIs()):
            self._opener.add_handler(handler)
        if url.startswith("https"):
            self._opener.add_handler(_HTTPS(self._sockets))

    def abort(self) -> None:
        """Ends what is on its way, unless it is just connecting."""
        for sock in list(self._sockets):
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # and nothing of TLS, which its thread is at
            except OSError:
                pass  # it has ended

    def post(self, body: Dict[str, Any], timeout: float) -> Answer:
        """Takes at most some three times timeout, in seconds, beside the look-up of the server's name."""
        try:
            return self._post(body, timeout)
        except Exception as error:  # whatever it is, the training goes on
            reason = getattr(error, "reason", error)  # urllib wraps it
            return Answer(0, {}, 0.0, f"{type(reason).__name__}: {reason}")

    def _post(self, body: Dict[str, Any], timeout: float) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "statusd-python"}
        token = _settings.token(self._token)
        if token:
            headers["Authorization"] = "Bearer " + token
        data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        request = urllib.request.Request(self._url, data, headers)
        with self._opener.open(request, timeout=timeout) as response:
            text = response.read(_MOST_BYTES)
            patience = response.headers.get("Retry-After", "")
            status: int = response.status
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            answer = {}
        trouble = f"{status} {answer.get('code', '')} {answer.get('title', '')} {answer.get('errors', '')}"
        seconds = min(float(patience), _MOST_PATIENCE) if patience.isdigit() else 0.0
        return Answer(status, answer, seconds, trouble.strip()[:500])

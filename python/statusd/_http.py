"""One request, one answer, in bounded time and of bounded size, and no exception."""

from __future__ import annotations

import encodings.idna  # needed later, and not to be begun by the thread that reports: a fork would copy it half done
import http.client
import io
import json
import socket
import ssl
import time
import urllib.request
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


class _Connection(http.client.HTTPConnection):
    response_class = _Response


class _TLSConnection(http.client.HTTPSConnection):
    response_class = _Response


class _HTTP(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Connection, req)


class _HTTPS(urllib.request.HTTPSHandler):
    def __init__(self) -> None:
        super().__init__()
        self._trust = ssl.create_default_context()

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_TLSConnection, req, context=self._trust)  # type: ignore[arg-type]


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """An error is an answer, and so is a redirect: a token goes nowhere that its owner did not name."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response


class Client:
    """Posts JSON to one URL, through the proxy that the environment names, if any, but not to this machine itself."""

    def __init__(self, url: str, token: Any) -> None:
        self._url, self._token = url, token
        self._opener: Optional[urllib.request.OpenerDirector] = None

    def post(self, body: Dict[str, Any], timeout: float) -> Answer:
        """Takes at most some three times timeout, in seconds, beside the look-up of the server's name."""
        try:
            return self._post(body, timeout)
        except Exception as error:  # whatever it is, the training goes on
            reason = getattr(error, "reason", error)  # urllib wraps it
            return Answer(0, {}, 0.0, f"{type(reason).__name__}: {reason}")

    def _post(self, body: Dict[str, Any], timeout: float) -> Answer:
        if self._opener is None:  # not earlier: the certificates take a while to load
            proxies = {} if _settings.is_loopback(self._url) else urllib.request.getproxies_environment()  # type: ignore[attr-defined]
            handlers = [_HTTP(), _AsItIs(), urllib.request.ProxyHandler(proxies)]
            self._opener = urllib.request.build_opener(*handlers, *([_HTTPS()] if self._url.startswith("https") else []))
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "statusd-python"}
        token = _settings.token(self._token)
        if token:
            headers["Authorization"] = "Bearer " + token
        request = urllib.request.Request(self._url, json.dumps(body, ensure_ascii=False, allow_nan=False).encode(), headers)
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

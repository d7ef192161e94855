"""A job, and the two threads that report it: one beats, the other waits to tell the end.

The training's threads only leave values behind, in attributes whose assignment is one step: there is no lock to wait
for, nothing that a signal's handler or a fork can find half done, and newer progress replaces older.
"""

from __future__ import annotations

import logging
import math
import random
import signal
import threading
import time
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Set, SupportsFloat, SupportsIndex, Tuple, Type, Union, cast

from statusd import _clean, _process, _settings
from statusd._http import Answer, Client

log = logging.getLogger("statusd")

Number = Union[SupportsFloat, SupportsIndex]  # also of NumPy, or a tensor

_TIMEOUT = 5.0  # seconds to connect, and again to be answered
_SLOWEST = 30.0  # seconds between tries when nobody answers
_RARELY = 60.0  # seconds between tries when the answer is no: a token may be replaced, a route repaired


class Cancelled(Exception):
    """Somebody asked the job to stop; raised by a job with ``raise_on_cancel``."""


class Job:
    """A job to report: use it in a ``with`` statement, or call ``start()``, and ``success()`` or ``fail()`` at the end.

    The block's end is the job's: ``success``, or after an exception ``fail`` with its type and the last line of the
    traceback; ``sys.exit(0)`` is a success. SIGTERM in the block, unless the program handles it, is reported before the
    process ends of it. A block in a forked process, and one of another rank than 0, reports nothing.

    The methods may be called from any thread. ``progress()`` takes about a microsecond; the end waits up to ``flush``
    seconds to be told. They raise nothing but :class:`Cancelled`, and that only if asked to: what can't be reported is
    left out, and a warning goes to the logger ``statusd``, once.

    request_id  what the job is called; or STATUSD_REQUEST_ID, AWS_BATCH_JOB_ID, the id of the Slurm job (of an array:
                ``JOB_TASK``), TRAINING_JOB_NAME, RAY_JOB_SUBMISSION_ID. Without any, nothing is reported, and a warning
                says so.
    total       how far the job has to go, and
    unit        in what: "epoch", "step".
    initial     where it begins, if that is not 0: the epoch of the checkpoint, for one. Reported if there is a total.
    attempt     the number of this try, higher than that of any before; or STATUSD_ATTEMPT, AWS_BATCH_JOB_ATTEMPT, in
                Slurm one more than the restarts, elsewhere the time in seconds. Keep to one of these under one id: to a
                service that has seen the time, a 1 is a try long past.
    server      or STATUSD_SERVER, or http://127.0.0.1:8080.
    token       or STATUSD_TOKEN, or the content of the file STATUSD_TOKEN_FILE, read for each request.
    owner       whose job it is; or STATUSD_OWNER.
    metadata    short texts: a link to the logs, a commit.
    interval    seconds between reports. The job promises one in twice that, so that one lost makes nobody late: it is
                late after four times, and stale after ten.
    flush       seconds that the end of the job may wait to be told.
    raise_on_cancel  raise :class:`Cancelled` from the next ``progress()`` or ``beat()`` once somebody asks the job to
                stop. Otherwise look at ``cancelled``; ``cancel_reason`` says why.
    rank        which process of a distributed run this is, if the environment tells it wrong; 0 reports.
    """

    def __init__(
        self,
        request_id: object = None,
        *,
        total: Optional[Number] = None,
        unit: Optional[str] = None,
        initial: Number = 0,
        attempt: Optional[int] = None,
        server: Optional[str] = None,
        token: Optional[str] = None,
        owner: Optional[str] = None,
        metadata: Optional[Mapping[str, object]] = None,
        interval: float = 15.0,
        flush: float = 5.0,
        raise_on_cancel: bool = False,
        rank: Optional[int] = None,
    ) -> None:
        self.request_id: Optional[str] = None  # what is reported, if anything is
        self.attempt = 0
        self._quiet = True  # reports nothing
        self._interval = _clean.seconds(interval, 15.0, 0.05, 86400.0)
        self._flush = _clean.seconds(flush, 5.0, 0.0, 3600.0)
        self._raises = bool(raise_on_cancel)
        self._client: Optional[Client] = None

        self._started = False
        self._threads: List[threading.Thread] = []
        self._warned: Set[str] = set()  # of what

        # What the training says.
        self._total = self._amount(total)
        self._unit = unit
        self._at: Optional[Tuple[_clean.Number, Optional[_clean.Number], Any]] = None  # current, total, unit
        self._message: Optional[str] = None
        self._metadata: Dict[str, str] = {}  # replaced, never changed
        self._writing = threading.Lock()  # of _metadata
        self._moved = False  # it has said something since the start
        self._saw_cancel = False
        self._ends: List[Tuple[Dict[str, Any], float]] = []  # and until when to wait; the first one stands
        self._left = False  # its loop was left early: what that means is seen when the interpreter exits

        # What the service says.
        self._known = False  # the service has acknowledged a report
        self._known_metadata: Dict[str, str] = {}
        self._cancelled = False
        self._must_raise = False
        self._superseded = False
        self._over = False  # nothing is reported any more
        self.cancel_reason = ""

        # Locks as bells: released to ring, acquired to wait. Neither can hold up the one who rings.
        self._wake, self._ending, self._told = threading.Lock(), threading.Lock(), threading.Lock()
        for bell in (self._wake, self._ending, self._told):
            bell.acquire()

        try:
            self._owner = _settings.owner(owner)
            self._metadata = _clean.metadata(metadata)
            if self._total is not None:
                self._at = (self._amount(initial) or 0, self._total, unit)
            speaks = _settings.is_rank_zero() if rank is None else int(rank) == 0
            self.request_id, url = _settings.request_id(request_id), _settings.server(server)
            self.attempt = _settings.attempt(attempt)
            if speaks and self.request_id and url:
                self._client = Client(f"{url}/status/{self.request_id}", token)
                self._quiet = False
        except Exception:
            log.warning("statusd: nothing is reported", exc_info=True)

    # What a training calls.

    def start(self) -> Job:
        """Begins to report; ``with`` does it. Again, it does nothing."""
        if self._started or self._quiet:
            return self
        self._started = True
        try:
            _process.opened(self)
            for work in (self._beats, self._tells_the_end):
                thread = threading.Thread(target=work, name=f"statusd {self.request_id}", daemon=True)
                thread.start()
                self._threads.append(thread)
        except Exception:
            self._warn("start", "nothing is reported", exc_info=True)
            self._over = True
            _ring(self._told)
        return self

    def progress(
        self, current: Number, total: Optional[Number] = None, *, message: object = None, unit: Optional[str] = None
    ) -> None:
        """Says how far the job is: current of total, in that unit ("epoch"), and if you like a line for people.

        Numbers from 0 to 2**53, of any type that is one. What is not given stays as it was. Of reports that come faster
        than ``interval``, the service gets the last.
        """
        try:
            amount: Any = current
            if not ((amount.__class__ is int or amount.__class__ is float) and 0 <= amount <= _settings.MOST):
                amount = self._amount(amount)
            if total is not None:
                self._total = self._amount(total)
            if unit is not None:
                self._unit = unit
            if amount is not None:
                self._at = (amount, self._total, self._unit)
            if message is not None:
                self._message = message if isinstance(message, str) else _clean.text(message)
            if not self._moved:
                self._moved = True
                _ring(self._wake)
        except Exception:
            self._warn("progress", "progress was not understood", exc_info=True)
        if self._must_raise:
            raise Cancelled(self.cancel_reason)

    def beat(self, message: object = None) -> None:
        """Says that the job is alive, which it does by itself, and if you like a line for people."""
        self.progress(cast(Any, None), message=message)

    def metadata(self, /, **values: object) -> None:
        """Notes short texts about the job, like a link to its logs; None or "" removes one. 32 at most."""
        try:
            with self._writing:
                self._metadata = _clean.metadata({**self._metadata, **values})
        except Exception:
            self._warn("metadata", "metadata was not understood", exc_info=True)

    def success(self) -> None:
        """The job is done, whatever comes after; also if it was asked to stop. The first end told stands."""
        self._finish({"status": "success"})

    def fail(self, error: object = None, *, code: object = None, exit_code: Optional[int] = None) -> None:
        """The job has failed: an exception, or a line for people, with a short code for programs."""
        try:
            if isinstance(error, BaseException):
                code = type(error).__name__ if code is None else code
                error = _clean.exception_line(error)
            report = _failure(code, error, exit_code)
        except Exception:
            report = {"status": "fail"}
        self._finish(report)

    @property
    def reporting(self) -> bool:
        """Whether this process reports the job: not without an id, nor from another rank than 0, nor in a fork."""
        return not self._quiet and not self._over

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the job to stop; known with the first answer after that, so within ``interval``.

        Once it was seen to be true, an ordinary end counts as owed to it, and is reported as ``fail`` with the code
        ``cancelled``, unless :meth:`success` says otherwise.
        """
        if self._cancelled:
            self._saw_cancel = True
        return self._cancelled

    @property
    def superseded(self) -> bool:
        """Whether a later attempt at the job has begun. Nothing is reported any more; better stop."""
        return self._superseded

    def __enter__(self) -> Job:
        return self.start()

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], where: Optional[TracebackType]
    ) -> None:
        self.close(error)

    def close(self, error: Optional[BaseException] = None) -> None:
        """Tells the end of a block that ended with this exception, or with none. ``with`` does it."""
        try:
            report = self._verdict(error)
        except Exception:  # an exception of an odd type
            report = {"status": "fail"}
        self._finish(report)

    def __reduce__(self) -> Any:
        return _silent, ()  # a copy, in another process or in a checkpoint, reports nothing

    # How it ends.

    def _verdict(self, error: Optional[BaseException]) -> Dict[str, Any]:
        if isinstance(error, SystemExit):
            status = error.code
            if status is None or (isinstance(status, int) and status == 0):
                error = None
            elif not self._cancelled:
                return _failure("SystemExit", _clean.exception_line(error), status if isinstance(status, int) else 1)
        if error is None:
            return self._cancelled_end() if self._saw_cancel else {"status": "success"}
        if self._cancelled and isinstance(error, (Cancelled, KeyboardInterrupt, SystemExit)):
            return self._cancelled_end()
        return _failure(type(error).__name__, _clean.exception_line(error), None)

    def _cancelled_end(self) -> Dict[str, Any]:
        return _failure("cancelled", self.cancel_reason or "cancelled", None)

    def _finish(self, report: Dict[str, Any]) -> None:
        if self._quiet:
            return
        if not self._started:
            self._warn("start", "nothing is reported: the job was not started")
            return
        self._end(report)
        self._await()
        try:
            _process.closed(self)
        except Exception:
            self._warn("close", "cannot take leave", exc_info=True)

    def _end(self, report: Dict[str, Any]) -> None:
        if not self._ends:
            self._must_raise = False
            self._ends.append((report, time.monotonic() + self._flush))
        self._ring_all()  # also if another has begun that, and was interrupted by this

    def _await(self) -> None:
        """Waits until the end is told, or it is time to go on."""
        left = self._ends[0][1] - time.monotonic()
        if self._told.acquire(timeout=max(left, 0.0)):
            _ring(self._told)
        else:
            self._warn("flush", "the end could not be reported in time")

    def _terminated(self) -> None:
        """In the handler of SIGTERM, so in the midst of anything."""
        if self._cancelled:
            self._end(self._cancelled_end())
        else:
            self._end(_failure("SIGTERM", "terminated by SIGTERM", 128 + signal.SIGTERM))

    def _exits(self, error: Optional[BaseException]) -> None:
        """The interpreter does, and nobody has told the end: that is told which is known."""
        if error is not None or self._left:
            self._end(self._verdict(error))
        else:
            self._warn("exit", "nobody told how the job ended")
            self._end({"status": "in-progress"})  # with its last progress

    def _quit(self) -> None:
        """The interpreter is about to, and must not meet a thread that is at work: that may crash it."""
        self._over = True
        self._ring_all()
        if self._client is not None:
            self._client.abort()

    def _ring_all(self) -> None:
        for bell in (self._wake, self._ending):
            _ring(bell)

    def _silence(self) -> None:
        self._quiet, self._must_raise = True, False

    # What the threads do.

    def _beats(self) -> None:
        failures = 0
        while not (self._ends or self._over):
            status = "in-progress" if self._known else "started"
            moved, began = self._moved, time.monotonic()
            least = self._send({"status": status}, _TIMEOUT)
            failures = 0 if least is None else failures + 1
            if least is not None:
                pause = max(least, _backoff(failures, 1.0))
            elif status == "started" and (moved or self._moved):
                pause = 0.0
            else:
                pause = began + self._interval - time.monotonic()
            due = time.monotonic() + pause
            while not (self._ends or self._over):
                left = due - time.monotonic()
                if left <= 0 or (self._wake.acquire(timeout=left) and not failures):
                    break

    def _tells_the_end(self) -> None:
        failures = 0
        self._ending.acquire()
        if not self._ends:
            return
        report, deadline = self._ends[0]
        while not self._over:
            left = deadline - time.monotonic()
            # While somebody waits, there is to be time for another try: a hanging one may be only that connection's.
            least = self._send(report, min(max(left / 2, 1.0), _TIMEOUT) if left > 0 else _TIMEOUT)
            if least is None:
                break
            failures += 1
            pause = max(least, _backoff(failures, 0.25))
            left = deadline - time.monotonic()
            if left > 1.0:  # one try is made before the time is up, whatever the service says
                pause = min(pause, left - 0.75)
            self._ending.acquire(timeout=pause)
        self._over = True
        _ring(self._told)

    def _send(self, report: Dict[str, Any], timeout: float) -> Optional[float]:
        """Sends a report with all there is to say, and returns None, or how long to wait at least to try again."""
        try:
            return self._exchange(report, timeout)
        except Exception:
            self._warn("bug", "a report could not be made", exc_info=True)
            return _RARELY

    def _exchange(self, report: Dict[str, Any], timeout: float) -> Optional[float]:
        metadata = self._metadata
        report = {**report, "attempt": self.attempt, "report_every": math.ceil(2 * self._interval), **self._state()}
        if metadata is not self._known_metadata:
            report["metadata"] = metadata
        assert self._client is not None
        answer = self._client.post(report, timeout)
        if answer.status in (200, 201) and answer.body.get("request_id") == self.request_id:
            self._known, self._known_metadata = True, metadata
            self._learn(answer.body)
            if "away" in self._warned:
                self._warned.discard("away")
                log.info("statusd: %s is reported again", self.request_id)
            return None
        return self._refused(answer, report["status"])

    def _state(self) -> Dict[str, Any]:
        state: Dict[str, Any] = {}
        at, message = self._at, self._message
        if at is not None:
            current, total, unit = at
            current = _clean.number(current) or 0
            progress: Dict[str, Any] = {"current": current}
            if total is not None and total >= current:
                progress["total"] = total
            elif total is not None:
                self._warn("total", f"progress is beyond its total, which is left out: {current} of {total}")
            if unit is not None:
                progress["unit"] = _clean.text(unit, 64)
            state["progress"] = progress
        if message is not None:
            state["message"] = _clean.text(message, 2000)
        if self._owner is not None:
            state["owner"] = self._owner
        return state

    def _learn(self, record: Dict[str, Any]) -> None:
        if self._ends or record.get("attempt") != self.attempt:
            return
        if record.get("cancel_requested_at") and not self._cancelled:
            self.cancel_reason = str(record.get("cancel_reason", ""))
            self._cancelled = True
            self._must_raise = self._raises
            log.warning("statusd: %s is asked to stop: %s", self.request_id, self.cancel_reason or "no reason given")
        if record.get("terminal"):
            self._over = True
            self._warn("over", f"attempt {self.attempt} is over already; a new try needs a higher number")

    def _refused(self, answer: Answer, status: str) -> Optional[float]:
        if self._over:
            return None
        code = answer.body.get("code")
        if answer.status == 409 and code in ("superseded", "owner"):
            self._superseded = code == "superseded"
            self._over = True
            self._warn("over", f"it is reported no more: {answer.trouble}")
            return None
        if answer.status in (400, 409, 412, 413, 415, 422):
            self._warn(f"{answer.status}", f"{status} was refused: {answer.trouble}")
            return None
        self._warn("away", f"it can't be reported at present: {answer.trouble}")
        if 300 <= answer.status < 500 and answer.status not in (408, 429):
            return _RARELY
        return answer.retry_after

    def _warn(self, topic: str, text: str, exc_info: bool = False) -> None:
        if topic not in self._warned:
            self._warned.add(topic)
            log.warning("statusd: %s: %s", self.request_id, text, exc_info=exc_info)

    def _amount(self, value: Any) -> Optional[_clean.Number]:
        if value is None:
            return None
        found = _clean.number(value)
        if found is None:
            self._warn("number", f"not a number that can be reported: {_clean.text(value)[:60]!r}")
        return found


def _ring(bell: threading.Lock) -> None:
    try:
        bell.release()
    except RuntimeError:
        pass  # it has been rung already


def _failure(code: Any, message: Any, exit_code: Any) -> Dict[str, Any]:
    error: Dict[str, Any] = {}
    if code is not None:
        error["code"] = _clean.text(code, 100)
    if message is not None:
        error["message"] = _clean.text(message)
    if isinstance(exit_code, int) and -(2**31) <= exit_code < 2**32:
        error["exit_code"] = int(exit_code)
    return {"status": "fail", "error": error}


_chance = random.Random()  # our own: a training that seeds the common one gets the numbers that it would get without us


def _backoff(failures: int, first: float) -> float:
    return min(first * 2.0 ** min(failures - 1, 10), _SLOWEST) * _chance.uniform(0.5, 1.0)


def _silent() -> Job:
    job = Job.__new__(Job)
    Job.__init__(job, "copy", rank=1)
    return job

"""What happens to a process with open jobs: it is told to end (SIGTERM), it forks, it exits.

A signal's handler runs in the main thread in the midst of whatever that does, so nothing here waits for a lock that the
main thread may hold.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Optional, Set

if TYPE_CHECKING:
    from statusd._job import Job

_open: Set[Job] = set()  # whose end is not told
_busy: Set[Job] = set()  # whose threads may be at work


def opened(job: Job) -> None:
    """From here on the job learns of what happens to the process."""
    _open.add(job)
    _busy.difference_update([other for other in _busy if not any(t.is_alive() for t in other._threads)])
    _busy.add(job)
    # Under `statusd run` the signal comes from there, or is known there, and so is what it is for.
    if not os.environ.get("STATUSD_PROGRESS"):
        _handle_sigterm(signal.SIG_DFL, _terminated)


def closed(job: Job) -> None:
    _open.discard(job)
    if not _open:
        _handle_sigterm(_terminated, signal.SIG_DFL)


def _handle_sigterm(old: object, new: object) -> None:
    """Only the main thread can, and nobody else's handler is touched."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == old:
        signal.signal(signal.SIGTERM, new)  # type: ignore[arg-type]


def _terminated(number: int, frame: Optional[FrameType]) -> None:
    jobs = list(_open)
    for job in jobs:
        job._terminated()
    for job in jobs:
        job._await()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)  # ends as it would have without us


def _exit() -> None:
    error: Optional[BaseException] = None
    if not hasattr(sys, "ps1"):  # where a person types, the last error may be long past
        error = getattr(sys, "last_value", None)  # the exception that ends the interpreter
    jobs = list(_open)
    for job in jobs:
        job._exits(error)
    for job in jobs:
        job._await()
    for job in _busy:
        job._quit()
    end = time.monotonic() + 1.0
    for job in _busy:
        for thread in job._threads:
            thread.join(max(end - time.monotonic(), 0.0))


def _forked() -> None:
    """In a child: its parent reports. The threads are not here, and the locks may be held for ever."""
    for job in _open:
        job._silence()
    _open.clear()
    _busy.clear()
    try:
        _handle_sigterm(_terminated, signal.SIG_DFL)
    except ValueError:
        pass


atexit.register(_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

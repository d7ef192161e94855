"""Tells statusd where a training is, without ever getting in its way.

    import statusd

    with statusd.track("job-42", total=10, unit="epoch") as job:
        for epoch in range(10):
            train(epoch)
            job.progress(epoch + 1, message=f"loss {loss:.3f}")

Nothing here raises into the training (but :class:`Cancelled`, if asked to), and nothing makes it wait, but for the end
of a job: up to ``flush`` seconds, if the service does not answer. What goes wrong is said once to the logger
``statusd``.
"""

from __future__ import annotations

from typing import Any, Iterable, TypeVar

from statusd._iterate import Tracked as _Tracked
from statusd._iterate import total_of as _total_of
from statusd._job import Cancelled, Job

__all__ = ["Cancelled", "Job", "track", "track_iter"]
__version__ = "0.1.0"

_T = TypeVar("_T")


def track(request_id: Any = None, **options: Any) -> Job:
    """A job to report: use it in a ``with`` statement, or call ``start()``, and ``success()`` or ``fail()`` at the end.

    The block's end is the job's: ``success``, or after an exception ``fail`` with its type and the last line of the
    traceback; ``sys.exit(0)`` is a success. SIGTERM in the block, unless the program handles it, is reported before the
    process ends of it. A block in a forked process, and one of another rank than 0, reports nothing.

    request_id  what the job is called; or STATUSD_REQUEST_ID, AWS_BATCH_JOB_ID, the id of the Slurm job (of an array:
                ``JOB_TASK``). Without any, nothing is reported, and a warning says so.
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
    interval    seconds between reports (15). The service shows a job as late after twice that.
    flush       seconds that the end of the job may wait to be told (5).
    raise_on_cancel  raise :class:`Cancelled` from the next ``progress()`` or ``beat()`` once somebody asks the job to
                stop. Otherwise look at ``job.cancelled``.
    rank        which process of a distributed run this is, if the environment tells it wrong; 0 reports.
    """
    return Job(request_id, **options)


def track_iter(iterable: Iterable[_T], request_id: Any = None, **options: Any) -> _Tracked[_T]:
    """The same items, each counted as progress once the loop comes back for the next; takes what :func:`track` takes.

        for batch in statusd.track_iter(loader, "job-42"):
            train(batch)

    Exhausted, the job is a success; an exception of the iterable's own is a ``fail``. If the loop is left early, by
    break, return or an exception, the iterator can't tell why: the job stays open until the interpreter exits, and is
    ``fail`` if an exception ends it, else ``success`` (also after ``sys.exit(1)``, which nothing tells from a good end).
    To have that told at once and exactly, and in a notebook, write it as a block:

        with statusd.track_iter(loader, "job-42") as batches:
            for batch in batches:
                train(batch)

    The job is the attribute ``job`` of what is returned. One pass over the items is one job; to go over them many
    times, track the epochs: ``track_iter(range(10), unit="epoch")``.
    """
    options.setdefault("total", _total_of(iterable))
    return _Tracked(iterable, Job(request_id, **options))

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

track = Job  # a verb reads better in a with statement


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
    times, track the epochs: ``track_iter(range(10), "job-42", unit="epoch")``.
    """
    options.setdefault("total", _total_of(iterable))
    return _Tracked(iterable, Job(request_id, **options))

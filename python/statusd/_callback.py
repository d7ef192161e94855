"""What the call-backs for the frameworks have in common."""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import Any, Callable, Mapping, Optional, TypeVar, Union, cast

from statusd._job import Cancelled, Job

log = logging.getLogger("statusd")

AGREE_EVERY = 50  # steps after which the processes of a distributed run agree whether to stop

_F = TypeVar("_F", bound=Callable[..., Any])


def hook(method: _F) -> _F:
    """A method that the framework calls, and that does not fail, even if the framework is not as it was."""

    @functools.wraps(method)
    def quietly(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:
            if not self._failed:
                log.warning("statusd: the framework is not as expected", exc_info=True)
            self._failed = True

    return cast(_F, quietly)


class Reporter:
    """Reports what the framework tells.

    job is the id of a job, which then begins and ends with the training, and takes the options of
    :func:`statusd.track` (but ``raise_on_cancel``: a training is stopped the framework's own way); or a job that was
    begun elsewhere and is ended there.
    """

    def __init__(self, job: Union[Job, str, None] = None, **options: Any) -> None:
        super().__init__()
        self._given = job if isinstance(job, Job) else None
        self._id = None if isinstance(job, Job) else job
        self._options = options
        self._failed = False
        self.job: Optional[Job] = self._given

    def _begin(self, current: Any, total: Any, unit: str, **more: Any) -> None:
        """Begins the job. One that is open goes on: the framework tried again, with smaller batches for one."""
        if self._given is None and (self.job is None or self.job._ends):
            options = {"initial": current, "total": total, "unit": unit, **more, **self._options}
            options["raise_on_cancel"] = False
            self.job = Job(self._id, **options).start()
        else:
            self._progress(current, total, unit)

    def _progress(self, current: Any, total: Any, unit: str, message: Optional[str] = None) -> None:
        if self.job is not None:
            with contextlib.suppress(Cancelled):  # if it was given so: it is the framework that is to stop
                self.job.progress(current, total, unit=unit, message=message)

    def _end(self, error: Optional[BaseException] = None) -> None:
        if self.job is not None and self._given is None:
            self.job.close(error)

    def _is_cancelled(self) -> bool:
        return self.job is not None and self.job.cancelled


def line(metrics: Optional[Mapping[Any, Any]]) -> Optional[str]:
    """Metrics as a line for people: those that are numbers, six at most."""
    parts = []
    for name, value in (metrics or {}).items():
        try:
            parts.append(f"{name} {float(value):.4g}")
        except Exception:
            continue
    return "  ".join(parts[:6]) or None

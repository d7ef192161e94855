"""The iterator form."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, Iterable, Iterator, Optional, Type, TypeVar

from statusd._job import Job

T = TypeVar("T")


class Tracked(Generic[T]):
    """An iterable whose items are counted as progress. Made by :func:`statusd.track_iter`, which documents it."""

    def __init__(self, iterable: Iterable[T], job: Job) -> None:
        self.job = job
        self._iterable = iterable
        self._in_block = False

    def __iter__(self) -> Iterator[T]:
        job = self.job.start()
        try:
            for done, item in enumerate(self._iterable, 1):
                yield item
                job.progress(done)
        except GeneratorExit:  # break, return and an exception look alike from here
            job._left = True
            raise
        except BaseException as error:
            if not self._in_block:
                job.close(error)
            raise
        if not self._in_block:
            job.close()

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]

    def __enter__(self) -> Tracked[T]:
        self._in_block = True
        self.job.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], where: Optional[TracebackType]
    ) -> None:
        self.job.close(error)


def total_of(iterable: Any) -> Optional[int]:
    try:
        return len(iterable)
    except Exception:  # it has no length, or can't tell
        return None

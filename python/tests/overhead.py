"""What tracking costs a training: python3 -m tests.overhead [runs] [seconds]

A training in plain Python, which does the same work each time, is run alternately with and without tracking: with the
service up, away, and silent. The best of the runs is the one least disturbed by what else the machine does. Processor
time includes that of the reporting threads.
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import sys
import time
from typing import List, Optional, Tuple

import statusd
from tests.support import Proxy, Service


def train(steps: int, job: Optional[statusd.Job]) -> float:
    """Fits a line to points, by gradient descent in small batches; a step takes about 1 ms."""
    chance = random.Random(0)
    w, b, loss = 0.0, 0.0, 0.0
    for step in range(steps):
        dw = db = loss = 0.0
        for _ in range(5000):
            x = chance.random()
            error = w * x + b - (3 * x + 1)
            dw, db, loss = dw + error * x, db + error, loss + error * error
        w, b = w - 1e-4 * dw, b - 1e-4 * db
        if job is not None:
            job.progress(step + 1, message=f"loss {loss:.3f}")
    return loss


def once(steps: int, server: Optional[str]) -> Tuple[float, float]:
    """Seconds, and those of the processor, that the training takes."""
    began, worked = time.perf_counter(), time.process_time()
    if server is None:
        train(steps, None)
    else:
        with statusd.track(f"overhead-{os.urandom(4).hex()}", total=steps, unit="step", server=server, flush=0) as job:
            train(steps, job)
    return time.perf_counter() - began, time.process_time() - worked


def main() -> None:
    runs, seconds = int((sys.argv + ["5"])[1]), float((sys.argv + ["", "10"])[2])
    logging.getLogger("statusd").setLevel(logging.ERROR)
    service = Service().start()
    slow = Proxy(service.port)
    slow.mode = "hang"
    steps = int(500 * seconds / once(500, None)[0])
    job = statusd.track("overhead", server=service.url).start()
    began = time.perf_counter()
    for n in range(200_000):
        job.progress(n, message="x")
    print(f"progress() takes {(time.perf_counter() - began) / 200_000 * 1e9:.0f} ns")
    job.success()
    began = time.thread_time()
    for _ in range(200):
        job._exchange({"status": "in-progress"}, 5.0)
    each = (time.thread_time() - began) / 200
    print(f"a report takes {each * 1000:.2f} ms of the processor, which is {each / 15:.4%} with one every 15 s")
    print(f"{runs} runs of {steps} steps, each of which tells its progress")
    for name, url in (("up", service.url), ("away", "http://127.0.0.1:9"), ("slow", slow.url)):
        without: List[Tuple[float, float]] = []
        tracked: List[Tuple[float, float]] = []
        for run in range(runs):
            pair = [(without, None), (tracked, url)]
            for into, server in pair if run % 2 else reversed(pair):
                into.append(once(steps, server))
        for n, what in enumerate(("elapsed", "processor")):
            a, b = [run[n] for run in without], [run[n] for run in tracked]
            median, best = statistics.median(b) / statistics.median(a) - 1, min(b) / min(a) - 1
            print(
                f"{name:5} {what:9} median {statistics.median(a):.3f} s without, {statistics.median(b):.3f} s with, "
                f"{median:+.2%}; best {min(a):.3f} s without, {min(b):.3f} s with, {best:+.2%}", flush=True,
            )
    slow.close()
    service.kill()


if __name__ == "__main__":
    main()

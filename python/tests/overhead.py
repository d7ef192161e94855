"""What tracking costs a training: python3 -m tests.overhead [pairs]

A training in plain Python runs in pieces of some 50 ms, by turns with and without telling its progress at each step,
while its job is open: with the service up, away, and silent. Machines have moods that last longer than a piece, so what
counts is the ratio of neighbours; the first line, where both are without, shows what is left of the moods. What the
reporting threads cost is measured by itself.

The same training then runs under statusd run, and prints a line at each step. It stops statusd run for each other piece,
which then has what was written meanwhile to look at in the next one, and so is made to look worse than it is.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from typing import List, Optional

import statusd
from tests.support import FOLDER, Proxy, Service, binary

STEPS = 60  # of a piece; each takes about 1 ms, which is little for a training


def train(job: Optional[statusd.Job], prints: bool = False) -> float:
    """Fits a line to points, by gradient descent in batches; the same work each time."""
    chance = random.Random(0)
    w, b, loss = 0.0, 0.0, 0.0
    for step in range(STEPS):
        dw = db = loss = 0.0
        for _ in range(5000):
            x = chance.random()
            error = w * x + b - (3 * x + 1)
            dw, db, loss = dw + error * x, db + error, loss + error * error
        w, b = w - 1e-4 * dw, b - 1e-4 * db
        if job is not None:
            job.progress(step + 1, message=f"loss {loss:.3f}")
        if prints:
            print(f"step {step + 1}/{STEPS} loss={loss:.3f}", flush=True)
    return loss


def seconds(job: Optional[statusd.Job]) -> float:
    began = time.process_time()
    train(job)
    return time.process_time() - began


def compare(name: str, pairs: int, job: Optional[statusd.Job]) -> None:
    ratios, without, tracked = [], [], []
    for pair in range(pairs):
        for it in ((None, job), (job, None))[pair % 2]:
            (without if it is None else tracked).append(seconds(it))
        if job is None:
            tracked.append(without.pop())
        ratios.append(tracked[-1] / without[-1] - 1)
    tell(name, ratios, without, tracked)


def tell(name: str, ratios: List[float], without: List[float], tracked: List[float]) -> None:
    low, median, high = statistics.quantiles(ratios, n=4)
    print(
        f"{name:8} medians {statistics.median(without) * 1000:.2f} ms without, {statistics.median(tracked) * 1000:.2f} ms with; "
        f"ratio {median:+.2%}, quartiles {low:+.2%} and {high:+.2%}", file=sys.stderr, flush=True,
    )


def wrapped(name: str, pairs: int) -> None:
    """Runs under statusd run, and compares it at work with it at rest."""
    ratios, without, tracked = [], [], []
    wrapper, began, worked = os.getppid(), time.monotonic(), of_processor(os.getppid())
    for pair in range(pairs):
        for into, resting in ((without, True), (tracked, False))[:: 1 if pair % 2 else -1]:
            os.kill(wrapper, signal.SIGSTOP if resting else signal.SIGCONT)
            start = time.perf_counter()
            train(None, prints=True)
            into.append(time.perf_counter() - start)
        ratios.append(tracked[-1] / without[-1] - 1)
    os.kill(wrapper, signal.SIGCONT)
    tell("run " + name, ratios, without, tracked)
    share = (of_processor(wrapper) - worked) / (time.monotonic() - began)
    print(f"         statusd run itself took {share:.2%} of a processor", file=sys.stderr, flush=True)


def of_processor(pid: int) -> float:
    """Seconds that a process has had of the processor."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    pairs = int((sys.argv + ["200"])[1])
    if len(sys.argv) > 2:  # by itself
        wrapped(sys.argv[2], pairs)
        return
    logging.getLogger("statusd").setLevel(logging.ERROR)
    service = Service().start()
    silent = Proxy(service.port)
    silent.mode = "hang"

    with statusd.track("overhead", server=service.url) as job:
        began = time.perf_counter()
        for n in range(200_000):
            job.progress(n, message="x")
        print(f"progress() takes {(time.perf_counter() - began) / 200_000 * 1e9:.0f} ns")
        began = time.thread_time()
        for _ in range(200):
            job._exchange({"status": "in-progress"}, 5.0)
        each = (time.thread_time() - began) / 200
        print(f"a report takes {each * 1000:.2f} ms of the processor: {each / 15:.4%} with one every 15 s")
    compare("nothing", pairs, None)
    for name, url in (("up", service.url), ("away", "http://127.0.0.1:9"), ("silent", silent.url)):
        with statusd.track("overhead-" + name, total=STEPS, unit="step", server=url, flush=0) as job:
            compare(name, pairs, job)
    for name, url in (("up", service.url), ("away", "http://127.0.0.1:9"), ("silent", silent.url)):
        command = [binary(), "run", "--id", "wrapped-" + name, "--server", url, "--flush", "10ms", "--quiet", "--"]
        command += [sys.executable, "-m", "tests.overhead", str(pairs), name]
        subprocess.run(command, cwd=FOLDER, stdout=subprocess.DEVNULL, check=True)
    silent.close()
    service.kill()


if __name__ == "__main__":
    main()

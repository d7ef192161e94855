"""Fits a line to points, an epoch for each line of standard input, and prints how far it is.

python3 train.py            knows nothing of statusd
python3 train.py JOB EVERY  reports as JOB by the client, in that many seconds once
"""

import random
import sys
import time

EPOCHS = 4


def train(say):
    chance = random.Random(0)
    w = b = 0.0
    for epoch in range(1, EPOCHS + 1):
        began = time.monotonic()
        loss = 0.0
        for _ in range(20000):
            x = chance.random()
            error = w * x + b - (3 * x + 1)
            w, b, loss = w - 1e-3 * error * x, b - 1e-3 * error, loss + error * error
        say(epoch, loss)
        print(f"epoch {epoch}/{EPOCHS} loss={loss:.3f} took {time.monotonic() - began:.3f} s", flush=True)
        sys.stdin.readline()


if len(sys.argv) == 1:
    train(lambda epoch, loss: None)
else:
    import statusd

    with statusd.track(sys.argv[1], total=EPOCHS, unit="epoch", attempt=1, interval=float(sys.argv[2]), flush=20) as job:
        train(lambda epoch, loss: job.progress(epoch, message=f"loss {loss:.3f}"))

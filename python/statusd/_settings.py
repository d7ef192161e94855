"""What a job is called, whom it tells, and who it is among its fellows: from arguments, or from the environment.

The rules for the id and the attempt are those of ``statusd run``.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import time
from typing import Any, Optional
from urllib.parse import urlsplit

log = logging.getLogger("statusd")

MOST = 2**53  # the largest number that a report may hold


def _env(name: str) -> str:
    return os.environ.get(name, "").strip()


def _env_int(name: str, least: int) -> Optional[int]:
    text = _env(name)
    if not text:
        return None
    if re.fullmatch("[0-9]{1,16}", text) and least <= int(text) <= MOST:
        return int(text)
    log.warning("statusd: %s is not a number that can be used: %.40r", name, text)
    return None


def request_id(given: Any) -> Optional[str]:
    """The id of the job, or None if there is none that can be used; then the log says so."""
    found = str(given) if given is not None else ""
    found = found or _env("STATUSD_REQUEST_ID") or _env("AWS_BATCH_JOB_ID")
    if not found:
        array, task = _env("SLURM_ARRAY_JOB_ID"), _env("SLURM_ARRAY_TASK_ID")
        found = f"{array}_{task}" if array and task else _env("SLURM_JOB_ID")
    found = found or _env("TRAINING_JOB_NAME") or _env("RAY_JOB_SUBMISSION_ID")  # SageMaker; Ray
    if re.fullmatch("[A-Za-z0-9._:~-]{1,128}", found):
        return found
    if found:
        log.warning("statusd: nothing is reported: an id has 1 to 128 of A-Z a-z 0-9 . _ : ~ -, unlike %.140r", found)
    else:
        log.warning("statusd: nothing is reported: the job has no id; give one, or set STATUSD_REQUEST_ID")
    return None


def attempt(given: Any) -> int:
    """Which try at the job this is: a number that the next try has to exceed."""
    if given is not None:
        try:
            if 1 <= int(given) <= MOST:
                return int(given)
        except (TypeError, ValueError, OverflowError):
            pass
        log.warning("statusd: not the number of an attempt: %.40r", given)
    found = _env_int("STATUSD_ATTEMPT", 1) or _env_int("AWS_BATCH_JOB_ATTEMPT", 1)
    if found is None and _env("SLURM_JOB_ID"):
        found = (_env_int("SLURM_RESTART_COUNT", 0) or 0) + 1  # not set before the first restart
    return found or int(time.time())


def server(given: Any) -> Optional[str]:
    """The service's URL without a slash at its end, or None if it is none; then the log says so."""
    url = str(given or _env("STATUSD_SERVER") or "http://127.0.0.1:8080").rstrip("/")
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not re.search(r"[\s?#@]", url):
            return url
    except ValueError:
        pass
    log.warning("statusd: nothing is reported: the server is not a URL like https://status.example.com")
    return None


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def owner(given: Any) -> Optional[str]:
    found = str(given or "") or _env("STATUSD_OWNER")
    if len(found.encode("utf-8", "replace")) > 256:
        log.warning("statusd: an owner has 256 bytes at most: %.40r", found)
        return None
    return found.encode("utf-8", "replace").decode() or None


def token(given: Any) -> Optional[str]:
    """The token to show now. The file of STATUSD_TOKEN_FILE is read each time, since tokens are replaced.

    Raises OSError and ValueError if the file can't be read, or what it holds can't be sent.
    """
    found = str(given or "") or _env("STATUSD_TOKEN")
    path = _env("STATUSD_TOKEN_FILE")
    if not found and path:
        with open(path, encoding="ascii") as file:
            found = file.read(16 * 1024)
    found = found.strip()
    if not re.fullmatch("[!-~]*", found):
        raise ValueError("the token has characters that can't be sent")
    return found or None


def is_rank_zero() -> bool:
    """Whether this process speaks for all processes of a distributed run.

    What the launcher nearest to the process set decides: torchrun's RANK, then MPI's. Slurm's SLURM_PROCID comes later,
    as torchrun and mpirun hand on that of the task they were started from, the same to all. Launchers that name no
    global rank (Lightning's) name a local one, and the one that is not first on its node, or not on the first node, is
    not the first of all.
    """
    for name in ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK"):
        if _env(name).isdigit():
            return int(_env(name)) == 0
    return not any(_env(name).isdigit() and int(_env(name)) for name in ("SLURM_PROCID", "NODE_RANK", "LOCAL_RANK"))

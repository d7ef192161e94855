from __future__ import annotations

import os
import time
import unittest
from typing import Any, Dict
from unittest import mock

from statusd import _settings


def settings(**environ: str) -> Any:
    return mock.patch.dict(os.environ, environ)


class Settings(unittest.TestCase):
    def test_the_id(self) -> None:
        slurm = {"SLURM_JOB_ID": "17"}
        array = {"SLURM_JOB_ID": "19", "SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "2"}
        batch = {"AWS_BATCH_JOB_ID": "4e2-a:3"}
        cases: Any = [
            ("bert", {"STATUSD_REQUEST_ID": "env"}, "bert"), (42, {}, "42"), (None, {"STATUSD_REQUEST_ID": "env", **batch}, "env"),
            (None, {**batch, **slurm}, "4e2-a:3"), (None, slurm, "17"), (None, array, "17_2"), ("", array, "17_2"),
            (None, {"TRAINING_JOB_NAME": "sm", "RAY_JOB_SUBMISSION_ID": "ray"}, "sm"), (None, {"RAY_JOB_SUBMISSION_ID": "ray"}, "ray"),
        ]
        for given, environ, found in cases:
            with self.subTest(found), settings(**environ):
                self.assertEqual(_settings.request_id(given), found)
        for bad in (None, "a/b", "a\n", "ä", "x" * 129):
            with self.subTest(repr(bad)), self.assertLogs("statusd"):
                self.assertIsNone(_settings.request_id(bad))

    def test_the_attempt(self) -> None:
        cases: Any = [
            (7, {"STATUSD_ATTEMPT": "3"}, 7), (None, {"STATUSD_ATTEMPT": "3", "AWS_BATCH_JOB_ATTEMPT": "2"}, 3),
            (None, {"AWS_BATCH_JOB_ATTEMPT": "2", "SLURM_JOB_ID": "1"}, 2), (None, {"SLURM_JOB_ID": "1"}, 1),
            (None, {"SLURM_JOB_ID": "1", "SLURM_RESTART_COUNT": "2"}, 3), (None, {"SLURM_JOB_ID": "1", "SLURM_RESTART_COUNT": "0"}, 1),
        ]
        for given, environ, found in cases:
            with self.subTest(str(environ)), settings(**environ):
                self.assertEqual(_settings.attempt(given), found)
        self.assertAlmostEqual(_settings.attempt(None), time.time(), delta=5)
        for bad in (0, -1, "x", 2**53 + 1, object(), float("inf")):
            with self.subTest(repr(bad)), self.assertLogs("statusd"):
                self.assertAlmostEqual(_settings.attempt(bad), time.time(), delta=5)
        for text in ("0", "x", "1.5", "9" * 30):
            with settings(STATUSD_ATTEMPT=text, AWS_BATCH_JOB_ATTEMPT="2"), self.assertLogs("statusd"):
                self.assertEqual(_settings.attempt(None), 2)

    def test_the_server(self) -> None:
        self.assertEqual(_settings.server(None), "http://127.0.0.1:8080")
        with settings(STATUSD_SERVER="https://status.example.com/x/"):
            self.assertEqual(_settings.server(None), "https://status.example.com/x")
            self.assertEqual(_settings.server("http://[::1]:80"), "http://[::1]:80")
        self.assertTrue(all(map(_settings.is_loopback, ("http://127.8.0.1", "http://localhost:1", "http://[::1]:2"))))
        self.assertFalse(any(map(_settings.is_loopback, ("http://10.0.0.1", "http://example.com"))))

    def test_the_owner(self) -> None:
        with settings(STATUSD_OWNER="vision"):
            self.assertEqual((_settings.owner(None), _settings.owner("nlp")), ("vision", "nlp"))
        with self.assertLogs("statusd"):
            self.assertIsNone(_settings.owner("ä" * 129))

    def test_the_token(self) -> None:
        self.assertIsNone(_settings.token(None))
        with settings(STATUSD_TOKEN="b", STATUSD_TOKEN_FILE="/nowhere"):
            self.assertEqual((_settings.token("a"), _settings.token(None)), ("a", "b"))
        with settings(STATUSD_TOKEN_FILE="/nowhere"), self.assertRaises(OSError):
            _settings.token(None)
        with self.assertRaises(ValueError):
            _settings.token("a\r\nb")

    def test_who_speaks(self) -> None:
        cases: Dict[str, bool] = {
            "": True, "RANK=0": True, "RANK=1": False, "SLURM_PROCID=0": True, "SLURM_PROCID=3": False,
            "RANK=0 SLURM_PROCID=1 LOCAL_RANK=1": True, "RANK=5 SLURM_PROCID=0": False,  # torchrun in Slurm
            "OMPI_COMM_WORLD_RANK=1 SLURM_PROCID=0": False,  # mpirun in a batch script
            "LOCAL_RANK=1": False, "NODE_RANK=1 LOCAL_RANK=0": False, "NODE_RANK=0 LOCAL_RANK=0": True,  # Lightning's own
            "SLURM_PROCID=0 LOCAL_RANK=1": False, "RANK=": True, "RANK=x": True,
        }
        for text, speaks in cases.items():
            with self.subTest(text), settings(**dict(pair.split("=") for pair in text.split())):
                self.assertIs(_settings.is_rank_zero(), speaks)


if __name__ == "__main__":
    unittest.main()

from __future__ import annotations

import unittest
from typing import Iterator

import statusd
from tests.support import Case, until


class Iterator_(Case):
    def test_a_loop(self) -> None:
        batches = statusd.track_iter(["a", "b", "c"], self.name, unit="batch", **self.options)
        self.assertEqual(len(batches), 3)
        self.assertEqual(list(batches), ["a", "b", "c"])
        self.assertEqual(self.record()["status"], "success")
        progress = self.record()["progress"]
        self.assertEqual((progress["current"], progress["total"], progress["unit"]), (3, 3, "batch"))

    def test_a_generator(self) -> None:
        self.assertEqual(sum(statusd.track_iter((n for n in range(4)), self.name, **self.options)), 6)
        self.assertEqual((self.record()["status"], self.record()["progress"]["current"]), ("success", 4))
        self.assertNotIn("total", self.record()["progress"])

    def test_an_empty_one(self) -> None:
        self.assertEqual(list(statusd.track_iter([], self.name, **self.options)), [])
        self.assertEqual(self.record()["status"], "success")

    def test_a_loader_that_fails(self) -> None:
        def loader() -> Iterator[int]:
            yield 1
            raise OSError("disk")

        with self.assertRaises(OSError):
            for _ in statusd.track_iter(loader(), self.name, **self.options):
                pass
        self.assertEqual(self.record()["error"], {"code": "OSError", "message": "OSError: disk"})

    def test_no_iterable(self) -> None:
        """What a loop over it would raise is raised, and nothing else."""
        with self.assertRaisesRegex(TypeError, "not iterable"):
            for _ in statusd.track_iter(5, self.name, **self.options):  # type: ignore[var-annotated, arg-type]
                pass
        self.assertEqual(self.record()["error"]["code"], "TypeError")

    def test_a_length_that_fails(self) -> None:
        class Loader:
            def __len__(self) -> int:
                raise TypeError("an IterableDataset has no len()")

            def __iter__(self) -> Iterator[int]:
                return iter([1, 2])

        self.assertEqual(list(statusd.track_iter(Loader(), self.name, **self.options)), [1, 2])
        self.assertEqual(self.record()["progress"]["current"], 2)

    def test_left_early(self) -> None:
        batches = statusd.track_iter(range(5), self.name, **self.options)
        for n in batches:
            if n == 2:
                break
        self.await_record(lambda record: record["status"] == "in-progress")
        self.assertTrue(batches.job.reporting)  # until somebody says what that was
        batches.job.success()
        self.assertEqual((self.record()["status"], self.record()["progress"]["current"]), ("success", 2))

    def test_a_block(self) -> None:
        with statusd.track_iter(range(5), self.name, **self.options) as batches:
            for n in batches:
                if n == 2:
                    break
        self.assertEqual(self.record()["status"], "success")
        self.name += "-"
        with self.assertRaises(ValueError):
            with statusd.track_iter(range(5), self.name, **self.options) as batches:
                for _ in batches:
                    pass
                raise ValueError
        self.assertEqual(self.record()["error"]["code"], "ValueError")

    def test_cancel(self) -> None:
        with self.assertRaises(statusd.Cancelled):
            for n in statusd.track_iter(iter(int, 1), self.name, raise_on_cancel=True, **self.options):
                if n == 0 and self.record():
                    self.service.cancel(self.name)
        self.assertEqual(self.record()["error"]["code"], "cancelled")

    def test_where_nothing_is_reported(self) -> None:
        self.assertEqual(list(statusd.track_iter(range(3), self.name, rank=1, **self.options)), [0, 1, 2])
        self.assertEqual(self.record(), {})

    def test_another_pass_is_not_tracked(self) -> None:
        batches = statusd.track_iter(range(2), self.name, **self.options)
        self.assertEqual(list(batches) + list(batches), [0, 1, 0, 1])
        until(lambda: not batches.job.reporting)


if __name__ == "__main__":
    unittest.main()

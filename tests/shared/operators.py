"""Stages that do to a worker what happens to workers: they fail, wait, or kill. Processes of a cluster import them too."""

import os
import signal
import time
from pathlib import Path


class Operator:
    """A stage known by what it does to a matrix; ``before`` is called first, every time."""

    def __init__(self, matrix, before=None):
        self.matrix = matrix
        self.shape = tuple(matrix.shape)
        self.dtype = matrix.dtype
        self.before = before

    def matmat(self, matrix):
        if self.before is not None:
            self.before()
        return self.matrix @ matrix

    def rmatmat(self, matrix):
        if self.before is not None:
            self.before()
        return self.matrix.conj().T @ matrix


class Kill:
    """Kill this worker, or all others, the first time; the file remembers that it was done."""

    def __init__(self, file, others=()):
        self.file, self.others = Path(file), tuple(others)

    def __call__(self):
        time.sleep(0.1)
        if self.file.exists():
            return
        self.file.touch()
        for process in self.others or (os.getpid(),):
            if not self.others or process != os.getpid():
                os.kill(process, signal.SIGKILL)
        time.sleep(0.5)  # until the others are missed


class Fail:
    """Raise an error."""

    def __init__(self, error):
        self.error = error

    def __call__(self):
        raise self.error


class KillAlways:
    """Kill this worker each time."""

    def __call__(self):
        os.kill(os.getpid(), signal.SIGKILL)

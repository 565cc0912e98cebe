"""Hostile files and arguments: an answer or one sentence, in little time and memory, and nothing of them printed raw."""

import os
import resource
import time

import pytest
from hostile import attempts

from chainopt import ChainError
from chainopt.cli import main

SEEDS = range(10) if os.environ.get("CHAINOPT_NIGHTLY") else range(1)
SECONDS, KILOBYTES = 10, 300_000


@pytest.mark.parametrize("seed", SEEDS)
def test_hostile_inputs(seed, tmp_path, capsys):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for text, attempt in attempts(seed, 100, tmp_path):
        begin = time.perf_counter()
        try:
            status = main(attempt) if isinstance(attempt, list) else (attempt(), 0)[1]
        except ChainError as error:
            status, said = None, str(error)
        except SystemExit as error:  # of --help
            status, said = error.code, ""
        else:
            said = ""
        out, err = capsys.readouterr()
        assert time.perf_counter() - begin < SECONDS, text
        assert said.isprintable(), (text, said)
        assert status in {0, 2, None}, text
        assert all(line.isprintable() for line in [*out.split("\n"), *err.split("\n")]), (text, out, err)
        assert err.count("\n") == (status == 2), (text, err)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert used < KILOBYTES, used

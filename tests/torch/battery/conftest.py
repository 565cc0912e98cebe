"""The programs are made when their files are read: without PyTorch they are left out, unless all extras are promised."""

import importlib.util
import os

import pytest

collect_ignore_glob = []
if importlib.util.find_spec("torch") is None and not os.environ.get("CHAINOPT_REQUIRE_EXTRAS"):
    collect_ignore_glob.append("test_*")


@pytest.fixture(autouse=True)
def _as_it_is(_at_once, monkeypatch):
    """Leave first calls to the library, as users have it: kept callables come to their program at the second call."""
    from chainopt.functions import strategies
    from chainopt.functions.first_calls import first_mode

    monkeypatch.setattr(strategies, "first_mode", first_mode)

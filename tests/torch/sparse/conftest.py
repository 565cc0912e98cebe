"""These tests import PyTorch where they begin; where it is missing they are left out, unless all extras are promised."""

import importlib.util
import os

collect_ignore_glob = []
if importlib.util.find_spec("torch") is None and not os.environ.get("CHAINOPT_REQUIRE_EXTRAS"):
    collect_ignore_glob = ["test_*.py"]

"""What pytest looks at, and what not."""

from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule  # there is no public name

# The examples of what JAX and PyTorch share are in JAX.
IN_JAX = ("autotune", "jacobian", "sequential", "sparse/prepared")

collect_ignore = [] if find_spec("jax") else [f"chainopt/functions/{name}.py" for name in IN_JAX]
collect_ignore_glob = ["docs/*.py", "docs/tools/*", "docs/_build/*", "docs/jupyter_execute/*"]  # of the site pages are run


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for no doctests in tests: where one cannot be imported that would be passed over, and the file with it."""
    found = yield
    is_test = Path(__file__).parent / "tests" in file_path.parents
    return [one for one in found if not (is_test and isinstance(one, DoctestModule))]

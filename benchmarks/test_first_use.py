"""What does the first use cost? Fresh processes, against the import of NumPy alone."""

import os
import subprocess
import sys

import pytest

SHAPES = [f"{at}x{at + 1}" for at in range(1, 11)]
PROCESSES = {
    "import numpy": ["-c", "import numpy"],
    "import chainopt": ["-c", "import chainopt"],
    "chainopt order, 10 factors": ["-m", "chainopt", "order", *SHAPES],
    "1,000 chains of 10, Numba loaded": [
        "-c",
        "import chainopt, random\nfor _ in range(1000): chainopt.optimal_order([(2, 2)] * 10)",
    ],
}


@pytest.fixture(scope="module")
def as_installed(tmp_path_factory):
    """Keep bytecode, as pip does when it installs."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}


@pytest.mark.parametrize("who", PROCESSES)
def test_first_use(measure, as_installed, who):
    command = [sys.executable, *PROCESSES[who]]

    def call():
        subprocess.run(command, check=True, capture_output=True, env=as_installed)

    measure("first use, in a fresh process", "whole process", who, call)

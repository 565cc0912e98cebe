"""The import contracts of pyproject.toml see what they forbid: in a copy of the package, faults are planted one at a time."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOR_TYPES = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    {}\n"
UPWARD = "from chainopt.plan.plan import Plan"
THERE, BACK = "from chainopt.chain import planted_back", "from chainopt.chain import planted_there"
FAULTS = {
    "upward": ({"chain/planted.py": UPWARD}, "A room imports only from rooms below it"),
    "upward, for types": ({"chain/planted.py": FOR_TYPES.format(UPWARD)}, "A room imports only from rooms below it"),
    "a circle": ({"chain/planted_there.py": THERE, "chain/planted_back.py": BACK}, "Nothing is imported in circles"),
    "a circle, for types": (
        {"chain/planted_there.py": THERE, "chain/planted_back.py": FOR_TYPES.format(BACK)},
        "Nothing is imported in circles",
    ),
    "a kernel with a library": ({"kernels/planted.py": "import networkx"}, "Kernels know no other room"),
    "a room on no floor": ({"planted.py": ""}, "A room imports only from rooms below it"),
}


@pytest.fixture(scope="module")
def linted(tmp_path_factory, import_linter):
    """A function that lints a copy of the package in which files are planted, and returns what the linter says."""
    assert import_linter
    home = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "chainopt", home / "chainopt", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", home)
    code = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}

    def lint(files):
        for name, text in files.items():
            (home / "chainopt" / name).write_text(text, encoding="utf-8")
        try:
            command = [sys.executable, "-c", code, "--no-logo"]
            run = subprocess.run(command, cwd=home, env=environment, check=False, capture_output=True, text=True)
        finally:
            for name in files:
                (home / "chainopt" / name).unlink()
        return run.returncode, run.stdout + run.stderr

    return lint


def test_the_package_keeps_them(linted):
    status, answer = linted({})
    assert status == 0, answer


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(linted, fault):
    files, contract = FAULTS[fault]
    status, answer = linted(files)
    assert status != 0
    assert re.findall(rf"^{contract}.* BROKEN", answer, re.MULTILINE), answer
    assert "planted" in answer

"""What errors have in common."""

from pathlib import Path

import chainopt


def test_the_remedy_for_a_missing_extra_is_written_once():
    package = Path(chainopt.__file__).parent
    assert [file.name for file in package.rglob("*.py") if "pip install" in file.read_text()] == ["errors.py"]

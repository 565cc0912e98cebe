"""The site names every public name, and every public name has an example; `bash .ci/run docs` builds the site."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

INDEX = Path(__file__).parents[2] / "docs" / "api" / "index.rst"
MODULES = ["chainopt", *(f"chainopt.{library}" for library in ("jax", "torch") if find_spec(library))]
ELSEWHERE = {"chainopt.torch": {"JacobianFunction"}}  # the same object, on another module's page
WITHOUT_EXAMPLE = {"FAMILIES", "KNOWN_CHAINS", "LARGEST"}  # data


def listed(module):
    """Return the names below the directive of a module, up to that of the next one."""
    text = INDEX.read_text("utf-8")
    [part] = re.findall(
        rf"^\.\. module:: {re.escape(module)}\n(.*?)(?=^\.\. (?:current)?module::|\Z)", text, re.MULTILINE | re.DOTALL
    )
    return re.findall(r"^   (\w+)$", part, re.MULTILINE)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_its_page(module):
    assert sorted(listed(module)) == sorted({*import_module(module).__all__} - ELSEWHERE.get(module, set()))


@pytest.mark.parametrize("module", [*MODULES, "chainopt.testing"])
def test_every_public_name_has_an_example(module):
    home = import_module(module)
    bare = [name for name in listed(module) if ">>>" not in (getattr(home, name).__doc__ or "")]
    assert set(bare) <= WITHOUT_EXAMPLE

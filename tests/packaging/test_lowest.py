"""The lowest versions that are declared are those that the tests are run with."""

import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
OUR_NAME = "jacobian-chainopt"
TOOLS = {"dev", "docs"}  # what only developers run, in its newest version


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_constraints_are_the_lowest_versions_that_are_declared(project):
    extras = project["optional-dependencies"]
    declared = {}
    for text in [*project["dependencies"], *(text for name, texts in extras.items() if name not in TOOLS for text in texts)]:
        requirement = Requirement(text)
        if requirement.name == OUR_NAME:
            continue
        [bound] = requirement.specifier
        assert bound.operator == ">=", text
        assert declared.setdefault(requirement.name, Version(bound.version)) == Version(bound.version), text
    lines = Path(__file__).with_name("lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: Version(version) for name, version in pinned.items()} == declared


def test_all_extras_together_are_what_users_can_install(project):
    extras = project["optional-dependencies"]
    [everything] = map(Requirement, extras["all"])
    assert everything.extras == {*extras} - {"all", "test"} - TOOLS


def test_the_pythons_that_are_named_start_at_the_lowest(project):
    prefix = "Programming Language :: Python :: 3."
    minors = [int(text.removeprefix(prefix)) for text in project["classifiers"] if text.startswith(prefix)]
    assert project["requires-python"] == f">=3.{minors[0]}"
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_what_is_installed_is_typed():
    assert (Path(find_spec("chainopt").origin).parent / "py.typed").exists()

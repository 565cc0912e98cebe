"""What a release says of itself stands in several files, which agree."""

import re
import tomllib
from pathlib import Path

import pytest

import chainopt

ROOT = Path(__file__).parents[2]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CITATION.cff", r"^version: (.+)$"),
        ("CHANGELOG.md", r"^## (\S+)"),  # the first of them is the newest
        (".github/conda/meta.yaml", r'set version = "(.+?)"'),
    ],
)
def test_the_version_is_the_same_everywhere(name, pattern):
    if name.startswith(".github") and not (ROOT / ".github").exists():
        pytest.skip("the sdist holds what is built and tested, and no files of the repository's host")
    assert re.search(pattern, text(name), re.MULTILINE)[1] == chainopt.__version__


def test_links_of_the_readme_on_an_index():
    project = tomllib.loads(text("pyproject.toml"))
    repository = project["project"]["urls"]["Repository"]
    raw = repository.replace("github.com", "raw.githubusercontent.com")
    readme = text("README.md")
    relative = re.findall(r"\]\((?!https?:|#)([^)]+)\)", readme)
    assert relative
    for rule in project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        readme = re.sub(rule["pattern"], rule["replacement"], readme)
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert all(link.startswith(("https://", "#")) for link in links)
    assert {*relative} <= {re.sub(f"^(?:{re.escape(repository)}/blob|{re.escape(raw)})/main/", "", link) for link in links}


def test_files_that_the_readme_links_to_are_there():
    for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text("README.md")):
        assert (ROOT / link).exists() or link.startswith(".github")  # which is not in the sdist

"""What `chainopt` itself has, those names too that are imported only when they are asked for."""

import subprocess
import sys

import pytest

import chainopt

MODULES = {"jax", "testing", "torch"}


def test_a_star_import_brings_all_of_them():
    names = {}
    exec("from chainopt import *", names)  # noqa: S102 -- as people do in a notebook
    assert {"linearize", "calibrate", "optimal_order"} < {*chainopt.__all__} == {*names} - {"__builtins__"}


def test_completion_shows_the_public_names_only():
    assert {*dir(chainopt)} == {*chainopt.__all__, *MODULES}
    assert chainopt.__all__ == sorted(chainopt.__all__)
    with pytest.raises(AttributeError, match="no attribute 'jacobian'"):
        _ = chainopt.jacobian


@pytest.mark.usefixtures("jax")
def test_libraries_are_imported_on_first_use_only():
    lines = [
        "import sys, chainopt",
        "assert not {'jax', 'torch', 'networkx', 'scipy', 'numba', 'matplotlib'} & set(sys.modules)",
        "assert chainopt.jax.jacobian(lambda x: 2 * x)(1.0) == 2",
        "assert 'torch' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.mark.parametrize(("module", "library"), [("jax", "JAX"), ("torch", "PyTorch")])
def test_a_library_that_is_not_installed(module, library):
    lines = [
        "import sys, chainopt",
        f"sys.modules[{module!r}] = None",
        f"assert not hasattr(chainopt, {module!r})",
        f"chainopt.{module}",
    ]
    answer = subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False, capture_output=True, text=True)
    assert (
        f'AttributeError: chainopt.{module} needs {library}: install it with python -m pip install "jacobian-chainopt[{module}]"'
        in answer.stderr
    )


@pytest.mark.parametrize(("module", "library"), [("jax", "JAX"), ("torch", "PyTorch")])
def test_an_import_without_the_library_says_how_to_install_it(module, library):
    code = f"import sys; sys.modules[{module!r}] = None; from chainopt.{module} import jacobian"
    answer = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "ModuleNotFoundError" in answer.stderr
    assert (
        f'chainopt.{module} needs {library}: install it with python -m pip install "jacobian-chainopt[{module}]"' in answer.stderr
    )

"""What pytest does not look at."""

from importlib.util import find_spec

# The examples of what JAX and PyTorch share are in JAX.
IN_JAX = ("autotune", "jacobian", "sequential", "sparse/prepared")

collect_ignore = [] if find_spec("jax") else [f"chainopt/functions/{name}.py" for name in IN_JAX]
collect_ignore_glob = ["docs/*.py", "docs/tools/*", "docs/_build/*", "docs/jupyter_execute/*"]  # of the site pages are run

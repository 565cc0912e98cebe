"""Measuring how long products and stages take on this machine, and keeping it for the objective ``"time"``."""

from __future__ import annotations

from contextlib import nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, overload

from chainopt.calibration.cache import keep, saved_model
from chainopt.calibration.machine import this_machine
from chainopt.calibration.products import measure
from chainopt.calibration.stages import measured_chain
from chainopt.costs.time import TimeModel
from chainopt.errors import raise_missing_extra
from chainopt.report.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.typing import Array, PlainDict

__all__ = ["calibrate", "measure", "saved_model"]


def cost_model() -> TimeModel:
    """Return the model of the objective "time" on this machine."""
    return saved_model()


def read_cost_model(data: PlainDict) -> TimeModel:
    """Make a model of the objective "time" from its dict, wherever it was measured."""
    return TimeModel.from_dict(data)


@overload
def calibrate(stages: None = None, *, progress: bool = False) -> TimeModel: ...
@overload
def calibrate(stages: Sequence[Array], *, progress: bool = False) -> JacobianChain: ...
def calibrate(stages: Sequence[Array] | None = None, *, progress: bool = False) -> TimeModel | JacobianChain:
    """Measure this machine once and for all, or the stages of a chain.

    Without stages, products of matrices of many shapes are timed for some seconds, and the times are kept in the user's
    cache directory, for this processor, BLAS and number of threads; from then on the objective ``"time"`` predicts with
    them.

    Parameters
    ----------
    stages : sequence, optional
        In product order: matrix-free stages (``shape``, and ``matmat`` or ``rmatmat`` or both), whose products are timed
        with a block of 16 columns or rows; matrices, and `Jacobian` objects, which are kept as they are.
    progress : bool, optional
        Show a bar; needs rich.

    Returns
    -------
    TimeModel or JacobianChain
        The times of this machine; for stages, a chain whose costs are seconds per JVP and VJP.

    Raises
    ------
    ChainError
        If a package is missing, the times cannot be kept (this process has them all the same), or a stage fails.

    Examples
    --------
    >>> import numpy as np
    >>> class Doubling:
    ...     shape = (3, 3)
    ...
    ...     def matmat(self, V):
    ...         return 2 * V
    >>> chain = calibrate([np.ones((2, 3)), Doubling()])
    >>> chain[0], chain[1].jvp_cost > 0, chain[1].vjp_cost
    (Jacobian((2, 3)), True, None)
    """
    if stages is not None:
        return measured_chain(stages, progress=progress)
    for package in ("platformdirs", "threadpoolctl"):
        if find_spec(package) is None:
            raise_missing_extra("calibrate", package, "calibrate")
    with progress_bar("measuring products") if progress else nullcontext() as bar:
        model = measure(source=f"measured on {this_machine().text}", report=None if bar is None else bar.reach)
    keep(model)
    return model

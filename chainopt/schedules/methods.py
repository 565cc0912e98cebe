"""The methods for several workers, by name."""

from __future__ import annotations

import math

from chainopt.schedules.automatic import Automatic
from chainopt.schedules.cp_sat import CpSat
from chainopt.schedules.exact import Exact
from chainopt.schedules.heuristic import Heuristic
from chainopt.schedules.unlimited import Unlimited

UNLIMITED = Unlimited()
SCHEDULING = {method.name: method for method in (Automatic(), Heuristic(), Exact(), CpSat())}


def scheduling_method(name: str, workers: float) -> Automatic | CpSat | Exact | Heuristic | Unlimited:
    """Return the method that answers: with as many workers as one likes the interval program is exact."""
    return UNLIMITED if math.isinf(workers) else SCHEDULING[name]

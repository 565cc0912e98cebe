"""Whether a cache of ``functools`` keeps what was traced: where it does it is emptied, for nobody can take out one entry."""

from __future__ import annotations

import gc
from functools import cache, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.signature import SCALARS

if TYPE_CHECKING:
    from chainopt.functions.backend import Backend
    from chainopt.typing import Array

CACHE = type(lru_cache(len))
MANY = 10_000  # objects: beyond them it takes longer to look than to compute again what is kept
_MARK = object()


def may_keep_traced(backend: Backend, kept: Array) -> bool:
    """Whether an array without numbers may be among the results that a cache holds, or in them.

    What Python shows to its collector of garbage is followed from the cache on. Where that ends at something that may hide what
    it holds, or leads too far, the answer is yes.
    """
    if not _shows_results():
        return True
    seen = {id(kept.__wrapped__), id(vars(kept))}
    reached = gc.get_referents(kept)
    while reached:
        held = reached.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        if len(seen) > MANY or (isinstance(held, np.ndarray) and held.dtype.hasobject):
            return True
        if backend.is_result(held):
            if backend.is_traced(held):
                return True
        elif type(held) not in SCALARS and not isinstance(held, (type, ModuleType, np.ndarray)):
            reached += gc.get_referents(held)
    return False


@cache
def _shows_results() -> bool:
    """Whether this Python shows what caches of either kind hold."""
    for size in (None, 2):
        probe = lru_cache(maxsize=size)(lambda: _MARK)
        probe()
        shown = gc.get_referents(probe)
        if not any(each is _MARK for each in [*shown, *gc.get_referents(*shown)]):
            return False
    return True

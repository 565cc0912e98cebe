"""Kernels know no other room, so they hold copies of some numbers; here the copies are held together."""

import importlib
import pkgutil

from chainopt import kernels
from chainopt.bracketing import operations
from chainopt.costs import stage_choices

NAMES = ("PRODUCT", "PUSHED", "PULLED", "ACCUMULATED", "GIVEN", "BY_JVPS", "BY_VJPS", "OTHERWISE")


def test_the_copies_in_kernels_are_what_they_copy():
    seen = set()
    for entry in pkgutil.iter_modules(kernels.__path__):
        module = importlib.import_module(f"chainopt.kernels.{entry.name}")
        for name in NAMES:
            if hasattr(module, name):
                assert getattr(module, name) == getattr(operations, name)
                seen.add(name)
        assert getattr(module, "NEVER", stage_choices.NEVER) == stage_choices.NEVER
    assert seen == set(NAMES)

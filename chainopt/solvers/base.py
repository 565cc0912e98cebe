"""What every solver returns."""

from __future__ import annotations

from typing import Any, TypeAlias

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode

Solution: TypeAlias = tuple[Bracketing, Any, Mode]
"""A bracketing, its exact cost and its mode; among equals forward goes first, then reverse, then a hybrid."""

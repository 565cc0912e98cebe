"""Types that the whole house uses."""

from __future__ import annotations

from typing import TypeAlias

Cost: TypeAlias = int | float
"""An int counts fused multiply-adds, or what a custom objective counts; a float is a time in seconds, or such a count."""

"""Factors in, their product out, in the order of a bracketing."""

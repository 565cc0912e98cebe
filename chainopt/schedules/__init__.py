"""Plans for several workers: which bracketing, who does what when, and a lower bound for all plans.

A method makes an `instance` of the problem, whose `clock` tells times in ints wherever that is exact, and hands an `incumbent`
from search to search: `starts`, `annealing` on `trees`, `branch_and_bound`, `cp_sat`. Where costs are floats that cannot be
counted, sums are rounded: bounds are then lowered by the possible error, a share of some 1e-14, and a plan is called optimal
if it is at most twice that above its bound.
"""

"""Plans for several workers: which bracketing, who does what when, and what no plan takes less than.

A method makes an `instance` of the problem, whose `clock` tells times in ints wherever that is exact, and hands an `incumbent`
from search to search: `starts`, `annealing` on `trees`, `branch_and_bound`, `cp_sat`. Where costs are floats that cannot be
counted, sums are rounded: bounds are then lowered by what that can be, some 1e-14 of them, and a plan is called optimal if it
takes no more than twice of that above its bound.
"""

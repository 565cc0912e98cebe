"""What can be done last, and what it costs, against prices found one at a time."""

import numpy as np
import pytest
from oracles import prices, recurrence

from chainopt import InfeasibleError, Jacobian, JacobianChain
from chainopt.bracketing.operations import ACCUMULATED, PRODUCT, PULLED, PUSHED
from chainopt.costs.custom import CustomModel
from chainopt.costs.last_operations import LastOperation, at_gap, last_operations
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.costs.stage_choices import stage_choices
from chainopt.costs.time import DEFAULT
from chainopt.structure.structures import Banded, Diagonal
from chainopt.testing import random_stages

MODELS = {"multiplications": MULTIPLICATIONS, "time": DEFAULT, "custom": CustomModel(lambda m, k, n: m * k * n + 3 * k)}
DIAGONAL = Jacobian((4, 4), structure=Diagonal())
RNG = np.random.default_rng(3)
CHAINS = {
    "dense": JacobianChain.from_dims([4, 3, 6, 2, 5]),
    "stacks": JacobianChain([Jacobian((4, 3), batch=(3, 1)), (3, 6), Jacobian((6, 2), batch=(5,))]),
    "stages": JacobianChain(random_stages(RNG, 6, largest_size=7, largest_cost=30)),
    "huge": JacobianChain(random_stages(RNG, 5, largest_size=7, largest_cost=10**30)),
    "structured": JacobianChain([DIAGONAL, Jacobian((4, 5), structure=Banded(1, 0)), Jacobian((5, 3), jvp_cost=2, vjp_cost=4)]),
}
PRICED = [(kind, objective) for kind in CHAINS for objective in MODELS if (kind, objective) != ("structured", "custom")]


@pytest.mark.parametrize(("kind", "objective"), PRICED)
@pytest.mark.parametrize("tape_limit", [None, 3])
def test_all_that_can_be_done_last(kind, objective, tape_limit):
    chain, model = CHAINS[kind], MODELS[objective]
    try:
        choices = stage_choices(chain, tape_limit, model)
    except InfeasibleError:  # a stage cannot be accumulated within the limit
        return
    operations, price, dims = last_operations(chain, choices, model), prices(chain, model), chain.dims
    factors = len(chain)
    for i in range(factors):
        assert operations.of(i, i + 1) == [LastOperation(ACCUMULATED, i, choices.leaves[i])]
        for j in range(i + 2, factors + 1):
            expected = {(PRODUCT, k): price(i, k, j) for k in range(i + 1, j)}
            if choices.push[i] >= 0:
                expected[PUSHED, i + 1] = dims[j] * choices.push[i]
            if choices.pull[j - 1] >= 0:
                expected[PULLED, j - 1] = dims[i] * choices.pull[j - 1]
            assert {(operation.kind, operation.split): operation.cost for operation in operations.of(i, j)} == expected
            for kind_of, split, cost in operations.of(i, j):
                at_hand = at_gap(dims, choices, split, dims[i], dims[j])
                assert kind_of in at_hand
                assert kind_of == PRODUCT or at_hand[kind_of] == cost


def test_what_they_are_applied_to():
    sides = {PRODUCT: [(2, 4), (4, 7)], PUSHED: [(4, 7)], PULLED: [(2, 4)], ACCUMULATED: []}
    for kind, expected in sides.items():
        assert LastOperation(kind, 4, 0).operands(2, 7) == expected


@pytest.mark.parametrize("kind", CHAINS)
def test_the_recurrence_over_them_is_the_plain_one(kind):
    chain = CHAINS[kind]
    choices = stage_choices(chain)
    operations = last_operations(chain, choices, MULTIPLICATIONS)
    least = {}
    for i in range(len(chain) - 1, -1, -1):
        for j in range(i + 1, len(chain) + 1):
            least[i, j] = min(
                operation.cost + sum(least[side] for side in operation.operands(i, j)) for operation in operations.of(i, j)
            )
    assert least == recurrence(chain.dims, choices, prices(chain, MULTIPLICATIONS)).cost

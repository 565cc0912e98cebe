import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainopt import ChainError, Jacobian, JacobianChain, optimal_order
from chainopt.bracketing.bracketing import Bracketing
from chainopt.testing import chain_dims


def from_tree(draw, first, last, spans):
    if first == last:
        return
    split = draw(st.integers(first, last - 1))
    spans[:, split] = first, last
    from_tree(draw, first, split, spans)
    from_tree(draw, split + 1, last, spans)


@st.composite
def bracketings(draw, largest=70):
    factors = draw(st.integers(1, largest))
    spans = np.zeros((2, factors - 1), dtype=np.int32)
    from_tree(draw, 0, factors - 1, spans)
    return Bracketing(spans)


@given(bracketings())
def test_steps_are_in_an_order_that_can_be_executed(bracketing):
    bracketing.check()
    done = {(at, at) for at in range(bracketing.factors)}
    for first, split, last in bracketing.steps():
        assert {(first, split), (split + 1, last)} <= done
        done.add((first, last))
    assert (0, bracketing.factors - 1) in done
    assert [split for _, split, _ in bracketing.steps()] == bracketing.splits_in_order().tolist()


@given(bracketings(), st.randoms(use_true_random=False))
def test_peak_is_what_a_simulation_holds(bracketing, random):
    sizes = [random.randrange(5) for _ in range(bracketing.factors + 1)]
    held, most = {}, 0
    for first, split, last in bracketing.steps():
        held[first, last] = sizes[first] * sizes[last + 1]
        most = max(most, sum(held.values()))
        held.pop((first, split), None)
        held.pop((split + 1, last), None)
    assert bracketing.peak(lambda first, _, last: sizes[first] * sizes[last + 1]) == most


@given(bracketings(largest=12))
def test_path_contracts_what_the_tree_joins(bracketing):
    operands = list(range(bracketing.factors))
    for left, right in bracketing.path():
        joined = operands[left], operands[right]
        operands = [operand for at, operand in enumerate(operands) if at not in (left, right)]
        operands.append(joined)
    assert normal(operands[0]) == normal(bracketing.tree())


def normal(tree):
    return tree if isinstance(tree, int) else tuple(sorted(map(normal, tree), key=str))


@given(bracketings(largest=8), st.data())
def test_what_is_no_bracketing_is_refused(bracketing, data):
    if bracketing.factors < 3:
        return
    spans = bracketing.spans.copy()
    row, gap = data.draw(st.integers(0, 1)), data.draw(st.integers(0, bracketing.factors - 2))
    value = data.draw(st.integers(0, bracketing.factors - 1))
    changed = spans[row, gap] != value
    spans[row, gap] = value
    if changed:
        with pytest.raises(ChainError, match="cannot span"):
            Bracketing(spans).check()


def test_bracketings_are_values():
    one, other = Bracketing.right_to_left(5), Bracketing.left_to_right(5)
    assert one == Bracketing.right_to_left(5)
    assert hash(one) == hash(Bracketing.right_to_left(5))
    assert one != other
    assert one != "bracketing"
    assert one.tree() == (0, (1, (2, (3, 4))))
    assert other.tree() == ((((0, 1), 2), 3), 4)


def test_long_and_short_ways_agree():
    for factors in (50, 51, 52, 300):
        association = optimal_order(JacobianChain.from_dims(chain_dims("random", factors))).association
        assert [split for _, split, _ in association.steps()] == association.splits_in_order().tolist()


def test_nothing_can_be_written_to():
    stages = [Jacobian((4, 5), jvp_cost=3, vjp_cost=2), Jacobian((5, 6), jvp_cost=1), (6, 7)]
    for plan in (optimal_order([(2, 3), (3, 4), (4, 5), (5, 6)]), optimal_order(stages, workers=2)):
        held = plan.association
        for array in (held.spans, held.kinds, held.ways, held.order):
            if array is not None:
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0

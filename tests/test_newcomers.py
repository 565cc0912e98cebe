"""What somebody tries who has read the README: the message says what to do instead."""

import copy
import pickle

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

import chainopt
from chainopt import ChainError, Jacobian, Plan, optimal_order

MATRICES = [np.ones((2, 3)), np.ones((3, 3)), np.ones((3, 2))]
GRAPH = nx.DiGraph([("x", "u"), ("u", "y")])


class Future:
    """Of a cluster, as it is called there."""


class Vectors:
    """A stage for single vectors."""

    shape = (3, 3)

    def matvec(self, v):
        return v


def stage_of_vectors():
    return optimal_order([(2, 3), Jacobian((3, 3), jvp_cost=1), (3, 2)]).execute([MATRICES[0], Vectors(), MATRICES[2]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: optimal_order(GRAPH), "linearize"),
        (lambda: chainopt.compare(GRAPH), "optimal_elimination"),
        (lambda: chainopt.optimal_orders([10, 20, 30]), r"\[\[10, 20, 30\]\].*from_dims"),
        (lambda: Plan.from_json("plan.json"), "read_text"),
        (lambda: Plan.from_json(3), "read_text"),
        (lambda: Plan.from_dict(optimal_order(MATRICES).to_json()), "but a str, which json.loads reads"),
        (lambda: Plan.from_dict(optimal_order(MATRICES).chain.to_dict()), "not a chainopt.plan, but 'chainopt.chain'"),
        (lambda: Plan.from_json('{"format": '), "not the JSON of a plan \\("),
        (lambda: chainopt.multi_dot([MATRICES[0], splu(csc_array(np.eye(3))), MATRICES[2]]), "SuperLU, which is not a matrix"),
        (lambda: optimal_order(MATRICES).execute([MATRICES[0], Future(), MATRICES[2]]), "Future.*client="),
        (stage_of_vectors, "LinearOperator"),
    ],
)
def test_messages(call, words):
    with pytest.raises(ChainError, match=words):
        call()


@pytest.mark.parametrize("name", ["jacobian", "hessian", "sparsity"])
def test_names_of_libraries(name):
    with pytest.raises(AttributeError, match=f"it is chainopt.jax.{name} or chainopt.torch.{name}$"):
        getattr(chainopt, name)
    with pytest.raises(AttributeError, match=r"has no attribute .nothing.$"):
        chainopt.nothing  # noqa: B018


def test_misspelt_attributes_of_graphs():
    graph = nx.DiGraph([("x", "y", {"jacobain": np.ones((2, 3)), "weight": 3, 7: 1})])
    graph.add_node("x", sizes=3, color="red")
    assert chainopt.linearize(graph).notes == (
        "nodes have 'sizes', which is not read: did you mean size?",
        "edges have 'jacobain', which is not read: did you mean jacobian?",
    )
    assert chainopt.linearize(GRAPH).notes == ()


def test_functions_without_a_point(jax):
    with pytest.raises(ChainError, match=r"0 positional arguments: give the point, as in jacobian\(f\)\(x\)"):
        chainopt.jax.jacobian(lambda x: x).plan()
    with pytest.raises(ChainError, match=r"1 positional argument$"):
        chainopt.jax.jacobian(lambda x: x, argnums=2).plan(jax.numpy.ones(2))
    with pytest.raises(ChainError, match=r"sequential\(f1, f2\)"):
        chainopt.jax.sequential([abs])


def test_products_overflow_in_one_order_and_not_in_another():
    """As README and `multi_dot` say; nothing is scaled, and the order alone decides."""
    factors = [np.full((4, 4), number, np.float32) for number in (1e25, 1e25, 1e-30)]
    with np.errstate(over="ignore", invalid="ignore"):
        reverse = chainopt.reverse_order(factors).execute(factors)
    forward = chainopt.forward_order(factors).execute(factors)
    assert np.isinf(reverse).all()
    np.testing.assert_allclose(forward, 16e20, rtol=1e-5)
    doubles = [factor.astype(np.float64) for factor in factors]
    np.testing.assert_allclose(chainopt.multi_dot(doubles), 16e20, rtol=1e-5)


def test_parts_of_chains():
    chain = chainopt.JacobianChain.from_dims([2, 3, 4, 5])
    assert chain[1:] == chainopt.JacobianChain.from_dims([3, 4, 5])
    with pytest.raises(ChainError, match="neighbors must share a size"):
        chain[::2]
    with pytest.raises(ChainError, match="empty"):
        chain[3:]
    with pytest.raises(IndexError, match=r"chain\[7\] is not there: the chain has 3 factors"):
        chain[7]
    assert list(chain) == [chain[0], chain[1], chain[-1]]


def test_plans_do_not_change():
    plan = optimal_order(MATRICES)
    for name in ("cost", "anything", "solution"):
        with pytest.raises(AttributeError, match=f"its {name} cannot be set"):
            setattr(plan, name, 3)
    assert pickle.loads(pickle.dumps(plan)) == copy.deepcopy(plan) == plan  # noqa: S301 -- its own


def test_numbers_are_no_matrices():
    with pytest.raises(ChainError, match=r"has the shape \(\), but the plan is for .*: give a matrix"):
        optimal_order(MATRICES).execute([1, 2, 3])

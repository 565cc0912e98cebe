"""Products in functions that PyTorch compiles or JAX exports: there sizes may be symbols."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainopt
from chainopt import ChainError
from chainopt.execution import compiled_plans, compiling

OPTIONS = [{"fullgraph": True}, {"dynamic": True, "fullgraph": True}]


def cost_of(dims, pairs):
    held = {place: (dims[place], dims[place + 1]) for place in range(len(dims) - 1)}
    cost = 0
    for left, right in pairs:
        (rows, inner), (again, columns) = held[left], held.pop(right)
        assert inner == again
        cost += rows * inner * columns
        held[left] = rows, columns
    assert held == {0: (dims[0], dims[-1])}
    return cost


@given(st.lists(st.integers(1, 40), min_size=3, max_size=16))
def test_orders_of_sizes_that_may_be_symbols(dims):
    least = chainopt.optimal_order(chainopt.JacobianChain.from_dims(dims)).cost
    assert cost_of(dims, compiling._cheapest(dims)) == least
    assert cost_of(dims, compiling._nearly_cheapest(dims)) <= 1.155 * least


def tensors(*shapes):
    torch = pytest.importorskip("torch")
    torch._dynamo.reset()
    generator = torch.Generator().manual_seed(5)
    return torch, [torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("shapes", [[(3, 40), (40, 2), (2, 30)], [(4,), (4, 5), (5,)], [(7, 3, 4), (4, 5), (7, 5, 3)]], ids=repr)
def test_compiled_products(options, shapes):
    torch, factors = tensors(*shapes)
    product = torch.compile(lambda *factors: chainopt.multi_dot(factors), backend="eager", **options)
    expected = factors[0] @ factors[1] @ factors[2]
    torch.testing.assert_close(product(*factors), expected)


def test_a_long_compiled_product():
    dims = [3, 9, 2, 8, 5, 7, 2, 6, 4, 9, 1]
    torch, factors = tensors(*pairwise(dims))
    product = torch.compile(lambda *factors: chainopt.multi_dot(factors), backend="eager", fullgraph=True)
    torch.testing.assert_close(product(*factors), torch.linalg.multi_dot(factors))


def test_compiled_plans():
    torch, factors = tensors((3, 40), (40, 2), (2, 30))
    plan = chainopt.optimal_order(factors)
    product = torch.compile(lambda *factors: plan.execute(factors), backend="eager", fullgraph=True)
    torch.testing.assert_close(product(*factors), torch.linalg.multi_dot(factors))
    planned = torch.compile(lambda *factors: chainopt.optimal_order(factors).execute(factors), backend="eager")
    torch.testing.assert_close(planned(*factors), torch.linalg.multi_dot(factors))
    out = torch.empty(3, 30, dtype=torch.float64)
    into = torch.compile(lambda *factors: plan.execute(factors, out=out), backend="eager")
    assert into(*factors) is out


def test_what_compiled_plans_refuse():
    torch, factors = tensors((3, 4), (4, 2))
    plan = chainopt.optimal_order(factors)
    product = torch.compile(lambda *factors: plan.execute(factors), backend="eager")
    with pytest.raises(ChainError, match=r"has the shape \(5, 4\), but the plan is for \(3, 4\)"):
        product(torch.ones(5, 4, dtype=torch.float64), factors[1])
    with pytest.raises(ChainError, match="1 matrix, but the plan is for a chain of 2"):
        compiled_plans.compiled_product((((3, 4), (4, 2)), (False, False), ((0, 1),), None), factors[:1])
    with pytest.raises(ChainError, match="fewer than two arrays"):
        compiling.symbolic_product(factors[:1])
    with pytest.raises(np.linalg.LinAlgError, match="may have one dimension"):
        compiling.symbolic_product([factors[0], torch.ones(4), factors[1]])
    with pytest.raises(ChainError, match="out is of shape"):
        compiling.symbolic_product(factors, torch.ones(2, 2))


@pytest.mark.parametrize("dims", [(4, 5, 6), (None, 5, 6), (4, 5, None), (None, 5, None)], ids=repr)
def test_tensors_with_ends_of_one_dimension_go_where_torch_puts_them(dims):
    first, inner, last = dims
    torch, factors = tensors((first, inner) if first else (inner,), (inner, 3), (3, last) if last else (3,))
    expected = torch.linalg.multi_dot(factors)
    out = torch.empty_like(expected)
    assert chainopt.multi_dot(factors, out=out) is out
    torch.testing.assert_close(out, expected)
    with pytest.raises(ChainError, match="out has the shape"):
        chainopt.multi_dot(factors, out=torch.empty(1, 9, 1, dtype=torch.float64))


def test_what_is_traced_of_products_with_ends_of_one_dimension():
    torch, (row, middle, column) = tensors((4,), (4, 5), (5,))
    for arrays in ([row, middle, column], [middle, column], [row, middle]):
        torch.testing.assert_close(compiling.symbolic_product(arrays), chainopt.multi_dot(arrays))
    out = torch.zeros((), dtype=torch.float64)
    assert compiling.symbolic_product([row, middle, column], out) is out
    with pytest.raises(ChainError, match="fewer than two arrays"):
        compiling.symbolic_product([row])
    with pytest.raises(np.linalg.LinAlgError, match="may have one dimension"):
        compiling.symbolic_product([row, column, column])
    with pytest.raises(ChainError, match=r"out is of shape \(4,\)"):
        compiling.symbolic_product([middle, column], row.new_zeros(4).float())


def test_exported_products_of_symbolic_sizes():
    jax = pytest.importorskip("jax")
    export = pytest.importorskip("jax.export")
    rows, inner = export.symbolic_shape("m, n")
    symbols = [jax.ShapeDtypeStruct(shape, np.float32) for shape in ((rows, inner), (inner, 5), (5, 3))]
    exported = export.export(jax.jit(lambda *factors: chainopt.multi_dot(factors)))(*symbols)
    factors = [np.random.default_rng(3).random(shape, dtype=np.float32) for shape in ((4, 7), (7, 5), (5, 3))]
    np.testing.assert_allclose(exported.call(*factors), np.linalg.multi_dot(factors), rtol=1e-5)
    with pytest.raises(ChainError, match="multi_dot multiplies arrays with symbolic sizes"):
        export.export(jax.jit(lambda *factors: chainopt.optimal_order(factors).execute(factors)))(*symbols)


def test_dask_arrays_of_unknown_sizes():
    array = pytest.importorskip("dask.array")
    ones = array.ones((10, 4), chunks=5)
    unknown = ones[ones[:, 0] > 0]
    others = [array.ones((4, 5)), array.ones((5, 3))]
    for call in (
        lambda: chainopt.multi_dot([unknown, *others]),
        lambda: chainopt.optimal_order([unknown, *others]),
        lambda: chainopt.optimal_order([(10, 4), (4, 5), (5, 3)]).execute([unknown, *others]),
    ):
        with pytest.raises(ChainError, match=r"compute_chunk_sizes\(\)"):
            call()


MIDDLES = {
    "diagonal": (chainopt.Diagonal(), lambda torch: torch.diag(torch.arange(1.0, 5, dtype=torch.float64))),
    "vector": (chainopt.Diagonal(), lambda torch: torch.arange(1.0, 5, dtype=torch.float64)),
    "identity": (chainopt.Identity(), lambda torch: torch.eye(4, dtype=torch.float64)),
    "banded": (chainopt.Banded(1, 0), lambda torch: torch.tril(torch.ones(4, 4, dtype=torch.float64)).triu(-1)),
    "blocks": (chainopt.BlockDiagonal([(2, 2), (2, 2)]), lambda torch: torch.eye(4, dtype=torch.float64)),
    "dense": (None, lambda torch: torch.ones(4, 4, dtype=torch.float64)),
}


@pytest.mark.parametrize("middle", MIDDLES)
def test_compiled_plans_of_structured_matrices(middle):
    torch, (left, right) = tensors((3, 4), (4, 6))
    structure, make = MIDDLES[middle]
    factors = [left, make(torch), right]
    plan = chainopt.optimal_order([(3, 4), chainopt.Jacobian((4, 4), structure=structure), (4, 6)])
    product = torch.compile(lambda *factors: plan.execute(factors), backend="eager", fullgraph=True)
    torch.testing.assert_close(product(*factors), plan.execute(factors))
    with pytest.raises(ChainError, match="the plan is for"):  # not traced, so that the error is seen as it is
        compiled_plans.compiled_product(plan._traceable(), [left, right[:, :4], right[:, :5]])


def test_compiled_plans_of_diagonals_alone_and_of_stacks():
    torch, (stack, matrix) = tensors((5, 3, 4), (4, 6))
    plan = chainopt.optimal_order([stack, matrix])
    product = torch.compile(lambda *factors: plan.execute(factors), backend="eager", fullgraph=True)
    torch.testing.assert_close(product(stack, matrix), stack @ matrix)
    diagonals = chainopt.optimal_order([chainopt.Jacobian((4, 4), structure=chainopt.Diagonal())] * 2)
    vectors = [matrix[:, 0], matrix[:, 1]]
    product = torch.compile(lambda *factors: diagonals.execute(factors), backend="eager", fullgraph=True)
    torch.testing.assert_close(product(*vectors), torch.diag(vectors[0] * vectors[1]))


def test_what_is_planned_in_a_compiled_function():
    torch, (left, right) = tensors((3, 4), (4, 6))

    def product(*factors):
        return chainopt.optimal_order([(3, 4), (4, 6)]).execute(factors)

    torch.testing.assert_close(torch.compile(product, backend="eager")(left, right), left @ right)
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported, match="outside the compiled function, or leave fullgraph out"):
        torch.compile(product, backend="eager", fullgraph=True)(left, right)


class Operator:
    """A stage of the user's own, on tensors."""

    def __init__(self, matrix):
        self.matrix, self.shape = matrix, tuple(matrix.shape)

    def matmat(self, tangents):
        return self.matrix @ tangents

    def rmatmat(self, cotangents):
        return self.matrix.mH @ cotangents


class Known(Operator):
    def elemental_jacobian(self):
        return self.matrix


STAGES = {  # what is multiplied with 3x4 and 6x2; what the plan does with it is in the costs
    "pushed": ({"jvp_cost": 1}, Operator),
    "pulled": ({"vjp_cost": 1}, Operator),
    "built": ({"jvp_cost": 10**6, "accumulation_cost": 0}, Known),
    "built from JVPs": ({"jvp_cost": 10**6, "accumulation_cost": 0}, Operator),
    "a matrix in its place": ({"jvp_cost": 1}, lambda matrix: matrix),
    "banded": ({"jvp_cost": 5, "structure": chainopt.Banded(1, 1)}, Operator),
    "banded, by VJPs": ({"vjp_cost": 5, "structure": chainopt.Banded(1, 1)}, Operator),
    "sparse": ({"jvp_cost": 1, "structure": chainopt.Sparse(np.eye(4, 6, 2))}, Operator),
}


def test_compiled_stages_without_matrices():
    torch, (left, right) = tensors((9, 4), (6, 9))
    programs, middles = [], []
    for number, (costs, make) in enumerate(STAGES.values()):
        mask = chainopt.structure.patterns.places(costs["structure"].pattern((4, 6))).toarray() if "structure" in costs else 1
        middles.append(torch.as_tensor(np.random.default_rng(number).random((4, 6)) * mask).requires_grad_())
        programs.append((chainopt.optimal_order([(9, 4), chainopt.Jacobian((4, 6), **costs), (6, 9)]), make))

    def products(*middles):
        return [plan.execute([left, make(middle), right]) for (plan, make), middle in zip(programs, middles, strict=True)]

    found = torch.compile(products, backend="eager", fullgraph=True)(*middles)
    for name, middle, product, (plan, make) in zip(STAGES, middles, found, programs, strict=True):
        expected = left @ middle @ right
        torch.testing.assert_close(product, expected, msg=name)
        traced = compiled_plans.compiled_product(plan._traceable(), [left, make(middle), right])  # what is traced, run as it is
        torch.testing.assert_close(traced, expected, msg=name)
        gradients = [torch.autograd.grad(value.sin().sum(), middle)[0] for value in (product, expected)]
        torch.testing.assert_close(gradients[0][middle != 0], gradients[1][middle != 0], msg=name)


class Seeded(Operator):
    def identity_seed(self, size, width, begin):
        assert begin == 0
        return self.matrix.new_ones(size).diag()[:, :width]


def test_what_is_traced_of_stages_beside_diagonals_and_seeds_of_their_own():
    torch, (left, right) = tensors((4, 4), (4, 6))
    for costs in ({"jvp_cost": 10**6, "accumulation_cost": 0}, {"vjp_cost": 10**6, "accumulation_cost": 0}):
        plan = chainopt.optimal_order([chainopt.Jacobian((4, 4), **costs), (4, 6)])
        traced = compiled_plans.compiled_product(plan._traceable(), [Seeded(left), right])
        torch.testing.assert_close(traced, left @ right)
    diagonal = chainopt.Jacobian((4, 4), structure=chainopt.Diagonal())
    values = left[0]
    for costs, pair, expected in (
        ({"jvp_cost": 1}, (Operator(left), values), left * values),
        ({"vjp_cost": 1}, (values, Operator(left)), values[:, None] * left),
    ):
        stage = chainopt.Jacobian((4, 4), **costs)
        plan = chainopt.optimal_order([stage, diagonal] if "jvp_cost" in costs else [diagonal, stage])
        torch.testing.assert_close(compiled_plans.compiled_product(plan._traceable(), pair), expected)
        whole = torch.compile(lambda pair, plan=plan: plan.execute(pair), backend="eager", fullgraph=True)
        torch.testing.assert_close(whole(pair), expected)
    out = torch.zeros(4, 6, dtype=torch.float64)
    plan = chainopt.optimal_order([chainopt.Jacobian((4, 4), jvp_cost=1), (4, 6)])
    assert compiled_plans.compiled_product(plan._traceable(), [Operator(left), right], out) is out
    torch.testing.assert_close(out, left @ right)
    with pytest.raises(ChainError, match="factors has 1 matrix, but the plan is for a chain of 2"):
        compiled_plans.compiled_product(plan._traceable(), [right])


def test_compiled_stages_that_do_not_do_what_the_plan_asks_for():
    torch, (left, right) = tensors((3, 4), (4, 6))
    plan = chainopt.optimal_order([chainopt.Jacobian((3, 4), jvp_cost=1), (4, 6)])

    class OneWay:
        shape = (3, 4)

        def rmatmat(self, cotangents):
            return left.mH @ cotangents

    class Wrong(Operator):
        def matmat(self, tangents):
            return self.matrix @ tangents[:, :2]

    for stage, message in (OneWay(), "without matmat"), (Wrong(left), "makes"), (left[:, :3], "the plan is for"):
        with pytest.raises(ChainError, match=message):
            torch.compile(lambda right, stage=stage: plan.execute([stage, right]), backend="eager")(right)
        with pytest.raises(ChainError, match=message):
            compiled_plans.compiled_product(plan._traceable(), [stage, right])
    with pytest.raises(ChainError, match="plan needs its matrix"):
        torch.compile(lambda right: plan.execute([left, Operator(right)]), backend="eager")(right)
    with pytest.raises(ChainError, match="plan needs its matrix"):
        compiled_plans.compiled_product(plan._traceable(), [Operator(left), Operator(right)])
    with pytest.raises(ChainError, match="matrix-free"):
        torch.compile(lambda right: chainopt.multi_dot([Operator(left), right]), backend="eager")(right)


def test_compiled_operators_of_scipy_break_the_graph():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    torch, (left, right) = tensors((3, 4), (4, 6))
    operator = linalg.aslinearoperator(left.numpy())
    plan = chainopt.optimal_order([chainopt.Jacobian((3, 4), jvp_cost=1), (4, 6)])
    product = torch.compile(lambda right: plan.execute([operator, right]), backend="eager")(right)
    np.testing.assert_allclose(product, left.numpy() @ right.numpy())
    with pytest.raises(torch._dynamo.exc.Unsupported, match="outside the compiled function, or leave fullgraph out"):
        torch.compile(lambda right: plan.execute([operator, right]), backend="eager", fullgraph=True)(right)

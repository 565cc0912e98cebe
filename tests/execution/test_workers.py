"""Threads that share a product: the same numbers, nothing kept too long, and an end to everything when one fails."""

import gc
import math
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from contextvars import Context
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operators import Fail, Operator
from scipy import sparse
from strategies import chains, written_out
from threadpoolctl import threadpool_info, threadpool_limits

import chainopt
from chainopt import ChainError, Identity, Jacobian, Plan, optimal_order
from chainopt.execution import threads
from chainopt.execution.dependencies import consumers, critical_path, in_order_of_schedule, sources
from chainopt.execution.perform import Performer
from chainopt.execution.thread_limits import Pin, one_thread_each
from chainopt.testing import chain_dims, random_stages

HALVES = [7, 5, 4, 1, 3, 6, 8]  # (J6 (J5 J4)) and ((J3 J2) J1) do not wait for each other
STAGES = [Jacobian((9, 8)), Jacobian((8, 2), vjp_cost=1), Jacobian((2, 8), jvp_cost=1), Jacobian((8, 9))]


def random_factors(dims, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) for shape in pairwise(dims)]


def halves(before):
    """List factors for STAGES, ((J4 < J3) (J2 > J1)); its stages are two operators."""
    return [Operator(np.ones(item.shape), before) if item.is_matrix_free else np.ones(item.shape) for item in STAGES]


def one_after_the_other(plan, factors, **options):
    with threadpool_limits(1):
        return plan.execute(factors, **options)


def assert_same(left, right):
    assert type(left) is type(right)
    left, right = (matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix) for matrix in (left, right))
    assert left.dtype == right.dtype
    np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("family", ["random", "bottleneck", "log-uniform", "zeros", "alternating"])
@pytest.mark.parametrize("workers", [2, 5, math.inf, np.int64(3)])
def test_bit_for_bit_what_one_worker_finds(family, workers):
    for seed in range(4):
        dims = [size // 5 for size in chain_dims(family, 3 + 3 * seed, seed)]
        factors = random_factors(dims, seed)
        for order in (optimal_order, chainopt.forward_order, chainopt.reverse_order):
            plan = order(factors)
            assert_same(plan.execute(factors, workers=workers), one_after_the_other(plan, factors))


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([None, 1, 3]), st.integers(2, 4))
def test_stages_of_all_kinds(seed, chunk_size, workers):
    rng = np.random.default_rng(seed)
    jacobians = random_stages(rng, int(rng.integers(1, 9)), largest_size=5, largest_cost=12)
    matrices = [rng.random(jacobian.shape) for jacobian in jacobians]
    factors = [
        Operator(matrix) if jacobian.is_matrix_free or jacobian.accumulation_cost is not None else matrix
        for matrix, jacobian in zip(matrices, jacobians, strict=True)
    ]
    comparison = chainopt.compare(jacobians)
    for plan in (comparison.optimal, comparison.forward, comparison.reverse):
        if plan is not None:
            result = plan.execute(factors, workers=workers, chunk_size=chunk_size)
            assert_same(result, one_after_the_other(plan, factors, chunk_size=chunk_size))


@settings(max_examples=60)
@given(chains(most_factors=8), st.integers(0, 10**6))
def test_structures(problem, seed):
    dims, structures = problem
    rng = np.random.default_rng(seed)
    factors = []
    for shape, structure in zip(pairwise(dims), structures, strict=True):
        unit = isinstance(structure, Identity)
        matrix = np.eye(*shape) if unit else rng.uniform(1, 2, shape) * written_out(structure, shape)
        factors.append(sparse.csr_array(matrix) if rng.random() < 0.3 else matrix)
    plan = optimal_order([Jacobian(shape, structure=kind) for shape, kind in zip(pairwise(dims), structures, strict=True)])
    assert_same(plan.execute(factors, workers=2), one_after_the_other(plan, factors))


def test_stacks_out_and_progress(capsys):
    factors = [np.random.default_rng(at).random((3, *shape)) for at, shape in enumerate(pairwise(HALVES))]
    plan = optimal_order(factors)
    expected = one_after_the_other(plan, factors)
    out = np.empty_like(expected)
    assert plan.execute(factors, workers=2, out=out, progress=True) is out
    np.testing.assert_array_equal(out, expected)
    assert "multiplying" in capsys.readouterr().out


def test_a_chain_of_one():
    factor = np.ones((2, 3))
    assert optimal_order([factor]).execute([factor], workers=3) is factor
    stage = optimal_order([Jacobian((2, 3), jvp_cost=1)])
    np.testing.assert_array_equal(stage.execute([Operator(factor)], workers=3), factor)


def test_two_workers_are_at_work_at_once():
    meeting = threading.Barrier(2)
    assert optimal_order(STAGES).bracketing == "((J4 < J3) (J2 > J1))"
    assert (optimal_order(STAGES).execute(halves(lambda: meeting.wait(30)), workers=2) == 128).all()
    assert meeting.n_waiting == 0


class Factor:
    """A matrix that says who multiplies it, and that can be watched."""

    def __init__(self, shape, log, alive):
        self.shape, self.log, self.alive = shape, log, alive
        alive.add(self)

    def __matmul__(self, other):
        self.log.append((self.shape, other.shape, threading.current_thread().name, len(self.alive)))
        return Factor((self.shape[0], other.shape[1]), self.log, self.alive)


def test_operands_are_released_as_soon_as_they_are_used():
    log, alive = [], weakref.WeakSet()
    plan = chainopt.reverse_order(list(pairwise([2, 3, 4, 5, 6, 7])))
    result = plan.execute((Factor(shape, log, alive) for shape in pairwise([2, 3, 4, 5, 6, 7])), workers=2)
    assert [left for *_, left in log] == [5, 4, 3, 2]
    assert [*alive] == [result]
    del result
    assert not alive


def test_a_schedule_is_followed():
    shapes = list(pairwise(HALVES))
    plan = optimal_order(shapes)
    takes = sources(plan.operations)
    for turned in (0, 1):
        # Each half on its own worker, in whatever order; the last product on the second.
        worker_of = {at: (int(operation.first >= 3) + turned) % 2 for at, operation in enumerate(plan.operations[:-1])}
        start, operations = [0, 0], []
        for at, operation in enumerate(plan.operations):
            worker = worker_of.get(at, 1)
            begin = max(start) if at not in worker_of else start[worker]
            operations.append(replace(operation, worker=worker, start=begin))
            start[worker] = begin + operation.cost
        assert in_order_of_schedule(operations, takes, 2) is not None
        log = []
        threads.execute(Performer(tuple(operations)), [Factor(shape, log, weakref.WeakSet()) for shape in shapes], 2, 2)
        done_by = {(left, right): thread for left, right, thread, _ in log}
        assert len(done_by) == len(operations)
        for operation in operations:
            ends = [HALVES[at] for at in (operation.first, operation.split + 1, operation.last + 1)]
            assert done_by[(ends[0], ends[1]), (ends[1], ends[2])] == f"chainopt worker {operation.worker}"
    assert in_order_of_schedule(operations, takes, 1) is None
    late = [replace(operation, start=-at) for at, operation in enumerate(operations)]
    assert in_order_of_schedule(late, takes, 2) is None
    assert in_order_of_schedule(plan.operations, takes, 2) is None
    factors = random_factors(HALVES)
    assert_same(threads.execute(Performer(late), [*factors], 2, 2), one_after_the_other(plan, factors))


def test_what_holds_up_the_product_comes_first():
    operations = optimal_order([(50, 40), (40, 1), (1, 2), (2, 3)]).operations
    taken_by = consumers(sources(operations))
    left = critical_path(operations, taken_by)
    assert left[-1] == operations[-1].cost
    assert taken_by[-1] is None
    assert all(
        left[at] == operation.cost + left[taken_by[at]] for at, operation in enumerate(operations) if taken_by[at] is not None
    )


@pytest.mark.parametrize("error", [RuntimeError("a stage failed"), SystemExit(3), KeyboardInterrupt()])
def test_an_error_ends_all_and_is_raised_once(error):
    before = threadpool_info()
    factors = halves(None)
    factors[1].before = Fail(error)
    with pytest.raises(type(error)) as caught:
        optimal_order(STAGES).execute(factors, workers=2)
    assert caught.value is error
    assert caught.value.__notes__[-1].endswith("was at operations[0]")
    assert threadpool_info() == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("chainopt")]


def test_what_failed_is_not_held():
    class Heavy(np.ndarray):
        pass

    heavy = np.ones((4, 4)).view(Heavy)
    watched = weakref.ref(heavy)
    jacobians = [Jacobian((4, 4)), Jacobian((4, 4), vjp_cost=1)]
    with pytest.raises(ZeroDivisionError):
        optimal_order(jacobians).execute([heavy, Operator(np.ones((4, 4)), lambda: 1 / 0)], workers=2)
    del heavy
    gc.collect()
    assert watched() is None


def test_ctrl_c_ends_all():
    before = threadpool_info()
    calls = []

    def slowly():
        calls.append(1)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)

    with pytest.raises(KeyboardInterrupt):
        optimal_order(STAGES).execute(halves(slowly), workers=2)
    assert len(calls) <= 2
    assert threadpool_info() == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("chainopt")]


def test_one_blas_thread_a_worker():
    threads = []
    jacobians = [Jacobian((3, 2)), Jacobian((2, 3), vjp_cost=1)]

    def look():
        threads.extend(library["num_threads"] for library in threadpool_info())

    before = threadpool_info()
    optimal_order(jacobians).execute([np.ones((3, 2)), Operator(np.ones((2, 3)), look)], workers=2)
    assert {*threads} == {1}
    assert threadpool_info() == before


def test_products_inside_of_products_and_beside_them():
    inner = random_factors(HALVES)
    plan = optimal_order(inner)
    before = threadpool_info()
    results = []

    def nested():
        results.append(plan.execute(inner, workers=2))

    outer = optimal_order(STAGES)
    users = [
        threading.Thread(target=outer.execute, args=(halves(nested),), kwargs=kind)
        for kind in ({"workers": 2}, {"workers": 3}, {})
    ]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert threadpool_info() == before
    expected = one_after_the_other(plan, inner)
    assert all((result == expected).all() for result in results)


def test_whoever_leaves_last_gives_blas_its_threads_back():
    before = threadpool_info()
    first_left, may_end = threading.Event(), threading.Event()
    entered = threading.Event()

    def first():
        with one_thread_each():
            entered.set()
            second_entered.wait()
        first_left.set()
        may_end.wait()  # a thread that lives keeps the control of OpenBLAS, if it took it

    second_entered = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with one_thread_each():
        second_entered.set()
        first_left.wait()
        assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {1}
    restored = threadpool_info()
    may_end.set()
    thread.join()
    assert restored == before


def test_a_limit_that_somebody_else_sets_is_left_to_them():
    before = threadpool_info()
    with one_thread_each(), threadpool_limits(1):
        pass
    assert threadpool_info() == before
    with threadpool_limits(1), one_thread_each():
        pass
    assert threadpool_info() == before


def test_blas_on_openmp_is_limited_by_each_worker_itself(monkeypatch):
    class Library:
        num_threads, internal_api, threading_layer = 4, "openblas", "openmp"

    class Controller:
        lib_controllers = (Library(),)

        def select(self, user_api):
            assert user_api == "blas"
            return self

    monkeypatch.setattr("chainopt.execution.thread_limits._controller", lambda _: Controller())
    with one_thread_each():
        assert Library.num_threads == 4


def test_a_pin_is_restored_by_who_leaves_last():
    log = []

    def change():
        log.append("changed")
        return lambda: log.append("restored")

    pin = Pin(change)
    with pin:
        with pin:
            pass
        assert log == ["changed"]
    assert log == ["changed", "restored"]


@pytest.mark.parametrize("workers", [0, -1, True, np.True_, 1.5, "2", math.nan, -math.inf, [2], np.array([1, 2])])
def test_workers_that_are_none(workers):
    factors = random_factors(HALVES)
    with pytest.raises(ChainError, match=r"^workers is .*: give an int of at least 1"):
        optimal_order(factors).execute(factors, workers=workers)


def test_one_worker_needs_no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    factors = random_factors(HALVES)
    plan = optimal_order(factors)
    np.testing.assert_array_equal(plan.execute(factors, workers=1), plan.execute(factors))
    with pytest.raises(ChainError, match=r"jacobian-chainopt\[threads\]"):
        plan.execute(factors, workers=2)


def test_numpys_settings_of_the_calling_thread_hold():
    factors = [np.full((2, 2), 1e200)] * 4
    with np.errstate(over="raise", invalid="raise"), pytest.raises(FloatingPointError):
        optimal_order(factors).execute(factors, workers=2)
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isinf(optimal_order(factors).execute(factors, workers=2)).all()


def test_numpys_settings_reach_workers_that_have_no_context(monkeypatch):
    monkeypatch.setattr("chainopt.execution.thread_team.copy_context", Context)  # for NumPy 1 there is none, in any case
    factors = [np.full((2, 2), 1e200)] * 4
    calls = []
    with np.errstate(over="call", invalid="ignore", call=lambda *_: calls.append(threading.current_thread().name)):
        optimal_order(factors).execute(factors, workers=2)
    assert calls
    assert all(name.startswith("chainopt worker") for name in calls)


def test_jax(jax):
    factors = [jax.numpy.asarray(factor) for factor in random_factors(HALVES)]
    plan = optimal_order(factors)
    expected = plan.execute(factors)
    np.testing.assert_allclose(plan.execute(factors, workers=2), expected, rtol=1e-6)
    # Traced factors are multiplied in the thread that traces them.
    np.testing.assert_allclose(jax.jit(lambda *arrays: plan.execute(arrays, workers=2))(*factors), expected, rtol=1e-6)
    gradient = jax.grad(lambda first: plan.execute([first, *factors[1:]], workers=2).sum())(factors[0])
    assert gradient.shape == factors[0].shape


def test_torch(torch):
    factors = [torch.tensor(factor, requires_grad=True) for factor in random_factors(HALVES)]
    plan = optimal_order(factors)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = plan.execute(factors)
    torch.set_num_threads(threads)
    result = plan.execute(factors, workers=2)
    assert torch.equal(result, expected)
    assert torch.get_num_threads() == threads
    result.sum().backward()
    assert factors[0].grad is not None
    with threadpool_limits(1):  # of this thread alone: threads to come have what they had
        plan.execute(factors, workers=2)
    of_new_thread = []
    thread = threading.Thread(target=lambda: of_new_thread.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert of_new_thread == [threads]
    with torch.no_grad():
        assert not plan.execute(factors, workers=2).requires_grad
    with torch.inference_mode():
        assert plan.execute(factors, workers=2).is_inference()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halves = [factor.detach().float() for factor in factors]
        assert plan.execute(halves, workers=2).dtype == plan.execute(halves).dtype
    batched = torch.func.vmap(lambda first: plan.execute([first, *factors[1:]], workers=2))(torch.stack([factors[0]] * 2))
    torch.testing.assert_close(batched[1], expected)
    out = torch.empty_like(expected)
    plain = [factor.detach() for factor in factors]
    assert plan.execute(plain, workers=2, out=out) is out
    assert torch.equal(out, expected)


def test_seeds_are_of_the_factors_library_whatever_is_done_first(torch):
    jacobians = [Jacobian((2, 3)), Jacobian((3, 1)), Jacobian((1, 4), jvp_cost=1), Jacobian((4, 2), jvp_cost=1)]
    matrices = [torch.ones(jacobian.shape) for jacobian in jacobians]

    class Untyped:
        def __init__(self, matrix):
            self.matrix, self.shape = matrix, tuple(matrix.shape)

        def matmat(self, matrix):
            return self.matrix @ matrix

    plan = optimal_order(jacobians)
    factors = [*matrices[:2], *map(Untyped, matrices[2:])]
    for workers in (None, 2):
        assert torch.equal(plan.execute(factors, workers=workers), torch.full((2, 2), 12.0))


def test_plans_from_json_run_on_workers_too():
    factors = random_factors(HALVES)
    plan = Plan.from_json(optimal_order(factors).to_json())
    assert_same(plan.execute(factors, workers=2), one_after_the_other(plan, factors))


def test_nothing_of_it_is_imported_before_it_is_needed():
    code = (
        "import sys, numpy, chainopt; plan = chainopt.optimal_order([(2, 3), (3, 4), (4, 2)]);"
        "plan.execute([numpy.ones(shape) for shape in plan.chain.shapes]);"
        "print(*{'threadpoolctl', 'dask', 'distributed', 'chainopt.execution.threads', 'chainopt.execution.dask',"
        "'concurrent.futures'} & {*sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""

import pickle
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import chainopt
from chainopt import ChainError, Jacobian, JacobianChain

SHAPES = ((10, 2000), (2000, 30), (30, 1000))


def optimal_peak(chain):
    return chainopt.reverse_order(chain).peak_memory


@pytest.mark.parametrize(
    "given",
    [
        SHAPES,
        list(SHAPES),
        [list(shape) for shape in SHAPES],
        [(np.int64(rows), np.uint8(columns % 251)) for rows, columns in ((10, 20), (20, 30))],
        np.array(SHAPES),
        np.array(SHAPES, dtype=object),
        [Jacobian(shape) for shape in SHAPES],
        [np.empty(shape) for shape in SHAPES],
        [(10, 2000), Jacobian((2000, 30)), np.empty((30, 1000))],
        (shape for shape in SHAPES),
        JacobianChain(SHAPES),
    ],
    ids=lambda given: type(given).__name__,
)
def test_every_form_of_input(given):
    plan = chainopt.optimal_order(given)
    assert plan.chain.shapes in (SHAPES, ((10, 20), (20, 30)))
    assert {type(size) for size in plan.chain.dims} == {int}


def test_the_ways_to_make_a_chain_agree():
    chain = JacobianChain.from_shapes(SHAPES)
    assert chain == JacobianChain.from_dims([10, 2000, 30, 1000]) == JacobianChain([Jacobian(shape) for shape in SHAPES])
    assert chain == JacobianChain.from_stages(SHAPES[::-1]) == JacobianChain.from_dims(np.array([10, 2000, 30, 1000]))
    assert chain == JacobianChain.from_dims(np.array([10, 2000, 30, 1000], dtype=np.uint64))
    assert chain.shapes == SHAPES
    assert chain.dims == (10, 2000, 30, 1000)
    assert len(chain) == 3
    assert chain[0] == chain[-3] == Jacobian((10, 2000))
    assert [jacobian.shape for jacobian in chain] == list(SHAPES)
    with pytest.raises(IndexError):
        chain[3]


def test_chains_are_values():
    chain, other = JacobianChain(SHAPES), JacobianChain([Jacobian(SHAPES[0], name="readout"), *SHAPES[1:]])
    assert hash(chain) == hash(JacobianChain(SHAPES))
    assert chain != other
    assert chain != "chain"
    for value in (chain, other, JacobianChain([(10**30, 2), (2, 3)])):
        again = pickle.loads(pickle.dumps(value))  # noqa: S301 -- our own bytes
        assert again == value
        assert hash(again) == hash(value)
        assert not again.sizes.flags.writeable
        assert JacobianChain.from_dict(value.to_dict()) == value
    with pytest.raises(AttributeError):
        chain.sizes = None
    with pytest.raises(ValueError, match="read-only"):
        chain.sizes[0] = 1


def test_a_chain_does_not_follow_the_array_it_was_made_of():
    dims = np.array([2, 3, 4])
    chain = JacobianChain.from_dims(dims)
    pairs = np.array([[2, 3], [3, 4]])
    other = JacobianChain.from_shapes(pairs)
    dims[0] = pairs[0, 0] = 7
    assert chain == other == JacobianChain.from_dims([2, 3, 4])


def test_names_and_stacks():
    chain = JacobianChain([Jacobian((2, 3), batch=(5, 1), name="readout"), Jacobian((3, 4), batch=(7,)), (4, 1)])
    assert chain.batches == ((5, 1), (7,), ())
    assert repr(chain) == "JacobianChain(readout: 5x1x2x3, J2: 7x3x4, J1: 4x1)"
    assert chain[1] == Jacobian((3, 4), batch=(7,))
    assert chain[0].stack_size == 5
    assert optimal_peak(chain) == 35 * 8 + 35 * 2
    assert JacobianChain.from_dict(chain.to_dict()) == chain
    assert repr(JacobianChain.from_dims([1] * 9)) == "JacobianChain(J8: 1x1, J7: 1x1, ..., J2: 1x1, J1: 1x1)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "chain is empty"),
        ((), "chain is empty"),
        (np.empty((0, 2), dtype=int), "chain is empty"),
        (7, "of type int"),
        ("10x20", "of type str"),
        ({"a": 1}, "of type dict"),
        ([(2, 3), (4, 5)], r"J2 \(chain\[0\]\) has 3 columns, but J1 \(chain\[1\]\) has 4 rows"),
        (np.array([(2, 3), (4, 5)]), r"J2 \(chain\[0\]\) has 3 columns"),
        ([(30, 1000), (2000, 30), (10, 2000)], "evaluation order.*reverse it, or use JacobianChain.from_stages"),
        ([(2, 3), (3, -4)], r"chain\[1\]\[1\] is -4"),
        (np.array([(2, 3), (3, -4)]), r"chain\[1\]\[1\] is -4"),
        ([(2, 3), (3.0, 4)], r"chain\[1\]\[0\] is 3.0"),
        ([(2, True), (True, 4)], r"chain\[0\]\[1\] is True"),
        ([(2, "3"), (3, 4)], r"chain\[0\]\[1\] is '3'"),
        ([(2, float("nan"))], r"chain\[0\]\[1\] is nan"),
        ([(2, None)], r"chain\[0\]\[1\] is None"),
        ([(2, 3, 4)], r"chain\[0\] is \(2, 3, 4\): give a pair"),
        ([(2, 3), (3,)], r"chain\[1\] is \(3,\): give a pair"),
        ([(2, 3), 7], r"chain\[1\] is 7: give a pair"),
        ([(2, 3), "34"], r"chain\[1\] is '34'"),
        ([b"ab", b"bc"], r"chain\[0\] is b'ab'"),
        ([np.ones(3)], r"chain\[0\] has the shape \(3,\)"),
        ([np.ones((2, 3, 3)), np.ones((4, 3, 2))], r"chain\[1\] is a stack of shape \(4,\)"),
        ([SimpleNamespace(shape=(2.5, 3))], r"chain\[0\].shape\[0\] is 2.5"),
        ([SimpleNamespace(shape=(2, 3), matmat=None)], r"chain\[0\] is matrix-free.*Jacobian\(shape\)"),
    ],
)
def test_what_is_no_chain_is_named(given, message):
    with pytest.raises(ChainError, match=message):
        chainopt.optimal_order(given)


def test_operators_are_refused_and_sparse_arrays_taken():
    from scipy import sparse
    from scipy.sparse.linalg import aslinearoperator

    with pytest.raises(ChainError, match=r"chain\[0\] is matrix-free .*Jacobian"):
        chainopt.optimal_order([aslinearoperator(np.ones((2, 3))), np.ones((3, 2))])
    assert chainopt.optimal_order([sparse.eye_array(3), sparse.csr_matrix((3, 2))]).chain.dims == (3, 3, 2)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([3], "dims has one size"),
        ([], "dims has 0 sizes"),
        (np.array([3]), "dims has one size"),
        ([3, -1], r"dims\[1\] is -1"),
        (np.array([3, -1]), r"dims\[1\] is -1"),
        (np.array([3.0, 1.0]), r"dims\[0\] is .*3.0"),
        ([3, 1.5], r"dims\[1\] is 1.5"),
        (None, "of type NoneType"),
    ],
)
def test_what_are_no_dims_is_named(dims, message):
    with pytest.raises(ChainError, match=message):
        JacobianChain.from_dims(dims)


def test_stages_come_first_stage_first():
    assert JacobianChain.from_stages([(3, 2), (5, 3)]).shapes == ((5, 3), (3, 2))
    assert JacobianChain.from_stages(np.array([[3, 4], [2, 3]])).shapes == ((2, 3), (3, 4))
    assert JacobianChain.from_stages(shape for shape in [(3, 4), (2, 3)]).shapes == ((2, 3), (3, 4))
    assert JacobianChain.from_stages([Jacobian((3, 4)), (2, 3)]).shapes == ((2, 3), (3, 4))
    with pytest.raises(ChainError, match="stages is of type int"):
        JacobianChain.from_stages(7)
    with pytest.raises(ChainError, match="stages is of type dict"):
        JacobianChain.from_stages({(3, 4): 1})
    with pytest.raises(ChainError, match=r"J2 \(stages\[1\]\) has 4 columns.*J1 \(stages\[0\]\).*product order.*JacobianChain"):
        JacobianChain.from_stages([(2, 3), (3, 4)])
    with pytest.raises(ChainError, match=r"stages\[1\]\[0\] is -2"):
        JacobianChain.from_stages([(3, 4), (-2, 3)])


def test_masked_sizes_are_refused():
    masked = np.ma.masked_array([10, 20, 30], [0, 1, 0])
    with pytest.raises(ChainError, match="dims has masked sizes"):
        JacobianChain.from_dims(masked)
    with pytest.raises(ChainError, match="chain has masked sizes"):
        chainopt.optimal_order(np.ma.masked_array([[2, 3], [3, 4]], [[0, 1], [0, 0]]))


def test_stacks_of_any_magnitude():
    huge = Jacobian((2, 3), batch=(2**70, 1))
    chain = JacobianChain([huge, Jacobian((3, 4), batch=(2**40,)), (4, 1)])
    plan = chainopt.reverse_order(chain)
    assert plan.cost == 2**110 * (2 * 3 * 4 + 2 * 4)
    assert plan.peak_memory == 2**110 * (2 * 4 + 2)
    assert chainopt.optimal_order([Jacobian((2, 3), batch=(1,) * 70), (3, 4)]).cost == 24


def test_long_chains_of_stacks_are_not_quadratic():
    plan = chainopt.optimal_order([Jacobian((2, 2), batch=(3,))] * 20_000)
    assert plan.peak_memory == 24


def test_equal_stacks_that_are_empty_are_forward():
    for dims in ([10, 15, 18, 19, 13], [14, 13, 11, 11, 18]):
        jacobians = [Jacobian(shape, batch=(0, 2)) for shape in pairwise(dims)]
        for method in ("auto", "polygon", "interval", "textbook"):
            plan = chainopt.optimal_order(jacobians, method=method)
            assert (plan.cost, plan.mode) == (0, "forward")


def test_errors_about_numbers_too_long_to_print():
    long = 10**5000
    for given, message in (
        ([(2, long), (3, 4)], r"has about 1\.00e\+5000 columns"),
        ([(2, -long)], "is an? int with a number of more than 4300 digits"),
    ):
        with pytest.raises(ChainError, match=message):
            chainopt.optimal_order(given)
    assert "more than 4300 digits" in repr(Jacobian((long, 3)))
    with pytest.raises(ChainError, match="more than 4300 digits"):
        chainopt.optimal_order([(2, long), (long, 3)]).execute([np.ones((2, 3)), np.ones((3, 3))])


def test_options_that_are_no_texts():
    for option in ("method", "objective"):
        for value in (np.array(["a", "b"]), 7, None, ["auto"]):
            with pytest.raises(ChainError, match=f"{option} is"):
                chainopt.optimal_order([(2, 3)], **{option: value})


@pytest.mark.parametrize("name", ["", "a\nb", "\ud800", 7])
def test_names_can_be_printed_on_a_line(name):
    with pytest.raises(ChainError, match="name is"):
        Jacobian((2, 3), name=name)


def test_large_sizes_stay_python_ints():
    for dims in ([2**63 - 1, 1, 2**63 - 1], [2**63, 1, 2**63], np.array([2**64 - 1, 1, 2**63], dtype=np.uint64)):
        chain = JacobianChain.from_dims(dims)
        assert chain.dims == tuple(int(size) for size in dims)
        assert chainopt.optimal_order(chain).cost == int(dims[0]) * int(dims[2])
    assert JacobianChain.from_shapes(np.array([[2**64 - 1, 1], [1, 2]], dtype=np.uint64)).dims == (2**64 - 1, 1, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "something"}, "format"),
        ({"version": 99}, "version 99.*reads version 1"),
        ({"dims": [1, "2"]}, r"dims\[1\]"),
        ({"dims": None}, "dims is of type NoneType"),
        ({"names": ["a"]}, r'data\["names"\]'),
        ({"batches": [3, 4]}, "batch"),
        ({"names": ["a", 4]}, "data, factor 1: name is 4"),
        ({"version": np.array([1, 1])}, "version"),
    ],
)
def test_dicts_that_are_no_chain(change, message):
    data = JacobianChain.from_dims([1, 2, 3]).to_dict() | change
    with pytest.raises(ChainError, match=message):
        JacobianChain.from_dict(data)
    with pytest.raises(ChainError, match="must be a dict"):
        JacobianChain.from_dict([1, 2])


@pytest.mark.parametrize("arguments", [((2,),), ((2, -1),), ("23",), ((2, 3), {"name": ""}), ((2, 3), {"batch": (-1,)})])
def test_what_is_no_jacobian(arguments):
    *shape, options = (*arguments, {}) if len(arguments) == 1 else arguments
    with pytest.raises(ChainError):
        Jacobian(*shape, **options)


def test_sizes_too_long_to_print():
    chain = JacobianChain([(10**5000, 1), (1, 10**5000)])
    plan = chainopt.optimal_order(chain)
    assert plan.cost == 10**10000
    assert "about 1.00e+5000x1" in repr(chain)
    assert "about 1.00e+10000 fused multiply-adds" in str(plan)
    with pytest.raises(ChainError, match="set_int_max_str_digits"):
        plan.to_json()

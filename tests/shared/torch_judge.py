"""Judges `chainopt.torch.jacobian` of a program against `torch.func`, in all the ways in which it is called."""

import copy
import functools
import os
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch.utils import _pytree as pytree

from chainopt import ChainError
from chainopt.torch import jacobian

EVERYTHING = bool(os.environ.get("CHAINOPT_NIGHTLY"))
TOLERANCES = {torch.float64: 1e-9, torch.complex128: 1e-9, torch.float32: 2e-4, torch.bfloat16: 6e-2, torch.float16: 2e-2}
INSIDE = {"planned", "vmap", "grad", "backward"}
F64 = torch.float64
_numbers = torch.Generator().manual_seed(5)


def numbers(*shape, dtype=F64, scale=1.0):
    """Return the same normal numbers in every process."""
    return (torch.randn(*shape, generator=_numbers, dtype=F64) * scale).to(dtype)


def seeded(make, seed=0):
    """Make a module whose parameters are the same in every process, in double precision."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().double()


def positive(x):
    """Return a symmetric positive definite matrix of a vector, with eigenvalues that are far from each other."""
    return torch.outer(x, x) + torch.diag(2 + 3 * torch.arange(len(x), dtype=x.dtype))


@dataclass(frozen=True)
class Program:
    """A function and the points at which it is differentiated.

    Attributes
    ----------
    function : callable
    points : tuple of tuple
        Arguments, those that are not differentiated by among them; at least one.
    options : dict
        `argnums` and `has_aux`.
    kwargs : dict
        Further arguments.
    module : torch.nn.Module, optional
        Whose buffers are to be as the library's own call leaves them.
    changes : tuple of callable
        What the function reads is changed by each, and the kept callable is asked again.
    tolerance : float, optional
        Of values, by the largest of them; by dtype if it is not given.
    batched, derived : bool
        Whether batches and derivatives of the Jacobian are judged: not where torch.func itself is wrong.
    writes : bool
        Whether it changes its argument, and has to be given another one each time.
    """

    function: Any
    points: tuple
    options: dict = field(default_factory=dict)
    kwargs: dict = field(default_factory=dict)
    module: Any = None
    changes: tuple = ()
    tolerance: float | None = None
    batched: bool = True
    derived: bool = True
    writes: bool = False


def at(function, *points, kwargs=None, **more):
    """Write a program shortly: a point that is no tuple is the one argument."""
    each = tuple(point if type(point) is tuple else (point,) for point in points)
    options = {name: more.pop(name) for name in ("argnums", "has_aux") if name in more}
    return Program(function, each, options, kwargs or {}, **more)


def as_torch_does(programs):
    """Make the test of a family of programs: of every second one, and with the environment variable CHAINOPT_NIGHTLY of all."""

    @pytest.mark.parametrize("name", programs if EVERYTHING else [*programs][::2])
    @pytest.mark.filterwarnings("ignore")  # what torch.func itself says of slow batching, of nested tensors, and the like
    def test(name):
        Judge(programs[name]).judge()

    return test


@dataclass
class Outcome:
    """What a call returned or raised, and what it left of the generator and of buffers."""

    result: Any
    error: Exception | None
    state: list


class Judge:
    """Judges one program."""

    def __init__(self, program):
        self.program = program
        self.buffers = [] if program.module is None else [*program.module.buffers()]
        self.kept = [buffer.clone() for buffer in self.buffers]

    def judge(self):
        """Call it in all ways."""
        program = self.program
        derivative = self.ours()
        for point in (program.points[0], program.points[0], program.points[-1], *program.points):
            self.is_same("a kept callable", derivative, point)
        self.planned()
        if program.batched and len(program.points) > 1:
            self.batched(derivative)
        if program.derived:
            self.derived(derivative)
        for change in program.changes:
            change()
            for _ in range(2):
                self.is_same("after a change", derivative, program.points[0])

    def ours(self, **options):
        return jacobian(self.program.function, **self.program.options, **options)

    def pure(self, name):
        options = {"argnums": 0, **self.program.options}
        function, kwargs = self.program.function, self.program.kwargs
        return getattr(torch.func, name)(functools.partial(function, **kwargs) if kwargs else function, **options)

    def outcome(self, call, *args):
        """Call, from the same state of the generator and of the buffers."""
        with torch.no_grad():
            for buffer, kept in zip(self.buffers, self.kept, strict=True):
                buffer.copy_(kept)
        torch.manual_seed(11)
        result = error = None
        try:
            result = call(*args)
        except Exception as raised:  # noqa: BLE001 -- whatever the library's own function raises
            error = raised
        return Outcome(result, error, [torch.get_rng_state(), *(buffer.clone() for buffer in self.buffers)])

    def expected(self, way, *args):
        """Return what `torch.func` makes of it, which takes no keywords: jacrev, or jacfwd where that raises."""
        first = self.outcome(way(self.pure("jacrev")), *args)
        if first.error is None:
            return first
        second = self.outcome(way(self.pure("jacfwd")), *args)
        return second if second.error is None else first

    def is_same(self, how, derivative, point, way=lambda call: call):
        """Hold one call against the library's own."""
        program = self.program
        copied = copy.deepcopy if program.writes else tuple
        wanted = self.expected(way, *copied(point))
        found = self.outcome(way(lambda *args: derivative(*args, **program.kwargs)), *copied(point))
        if wanted.error is not None and found.error is None and how in INSIDE:
            return  # a program has other steps than the derivative of torch.func, which lacks a rule for one of its own
        if wanted.error is not None:
            assert type(found.error) is type(wanted.error), f"{how}: {found.error!r} for {wanted.error!r}"
        elif found.error is not None:
            msg = f"{how}: it raises"
            raise AssertionError(msg) from found.error
        else:
            assert_same(how, found.result, wanted.result, program.tolerance)
        for mine, theirs in zip(found.state, wanted.state, strict=True):
            torch.testing.assert_close(mine, theirs, msg=f"{how}: another state", equal_nan=True)

    def planned(self):
        """Call it where a plan is demanded: the values, or a refusal."""
        derivative = self.ours(mode="planned")
        for point in self.program.points:
            given = copy.deepcopy(point) if self.program.writes else point
            found = self.outcome(lambda *args: derivative(*args, **self.program.kwargs), *given)
            if not isinstance(found.error, ChainError):
                self.is_same("planned", derivative, point)

    def batched(self, derivative):
        """Call it under vmap: of a fresh callable, and of the one that was called before."""
        leaves = [pytree.tree_leaves(point) for point in self.program.points]
        if not all(isinstance(leaf, torch.Tensor) for of_point in leaves for leaf in of_point):
            return
        if len({tuple((leaf.shape, leaf.dtype) for leaf in of_point) for of_point in leaves}) > 1:
            return
        batch = pytree.tree_map(lambda *parts: torch.stack(parts), *self.program.points)
        for called in (self.ours(), derivative):
            self.is_same("vmap", called, batch, torch.func.vmap)

    def derived(self, derivative):
        """Derive the Jacobian once more: by `torch.func.grad`, and by autograd."""
        argnums, point = self.program.options.get("argnums", 0), self.program.points[0]
        has_aux = self.program.options.get("has_aux", False)
        total = lambda call: lambda *args: _total(call(*args)[0] if has_aux else call(*args))  # noqa: E731
        for called in (self.ours(), derivative):
            self.is_same("grad", called, point, lambda call: torch.func.grad(total(call), argnums))
        self.is_same("backward", derivative, point, lambda call: lambda *args: _backward(total(call), args))


def _total(tree):
    parts = [torch.view_as_real(leaf) if leaf.is_complex() else leaf for leaf in pytree.tree_leaves(tree)]
    return sum(torch.sin(part).sum() for part in parts if part.is_floating_point())


def _backward(total, args):
    """Return the gradients by all arguments that have one; zeros where the total is constant."""
    given = pytree.tree_map_only(torch.Tensor, lambda leaf: leaf.clone().requires_grad_(leaf.is_floating_point()), args)
    leaves = [leaf for leaf in pytree.tree_leaves(given) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    value = total(*given)
    if not isinstance(value, torch.Tensor) or not value.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)


def assert_same(how, found, wanted, tolerance=None):
    """Hold trees, shapes, dtypes and values against each other."""
    assert pytree.tree_structure(found) == pytree.tree_structure(wanted), f"{how}: another tree"
    for mine, theirs in zip(pytree.tree_leaves(found), pytree.tree_leaves(wanted), strict=True):
        if not isinstance(theirs, torch.Tensor):
            assert mine == theirs, how
            continue
        assert (mine.shape, mine.dtype, mine.layout) == (theirs.shape, theirs.dtype, theirs.layout), how
        if not theirs.numel():
            continue
        mine, theirs = mine.detach(), theirs.detach()  # noqa: PLW2901 -- the same numbers
        finite = torch.isfinite(theirs)
        assert torch.equal(torch.isfinite(mine), finite), f"{how}: not finite elsewhere"
        scale = max(float(theirs[finite].abs().max()), 1e-3) if finite.any() else 1.0
        bound = (tolerance or TOLERANCES.get(theirs.dtype, 0)) * scale
        off = float((mine - theirs)[finite].abs().max()) if finite.any() else 0.0
        assert off <= bound, f"{how}: off by {off:.3g} of {scale:.3g}"

"""What a PyTorch function reads and changes besides its arguments: the Jacobian is that of torch.func at every call."""

import copy
import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest

from chainopt import ChainError


def squares(z):
    return z**2 + z.sin()


@pytest.fixture(scope="module")
def jacobian(torch):  # noqa: ARG001 -- chainopt.torch needs it
    from chainopt.torch import jacobian

    return jacobian


@pytest.fixture
def x(torch):
    return torch.linspace(-1, 1, 6, dtype=torch.float64)


def layers(torch, *sizes):
    torch.manual_seed(0)
    parts = []
    for columns, rows in pairwise(sizes):
        parts += [torch.nn.Linear(columns, rows), torch.nn.Tanh()]
    return torch.nn.Sequential(*parts[:-1]).double()


def assert_as_torch(torch, derivative, function, *points, argnums=0):
    expected = torch.func.jacrev(function, argnums)(*points)
    torch.testing.assert_close(derivative(*points), expected)


def test_one_tensor_in_two_places(torch, jacobian, x):
    y = x.flip(0)
    held = jacobian(lambda z: z * x)
    for point in (x, y, x):
        torch.testing.assert_close(held(point), torch.diag(x))

    def product(a, b):
        return a * b.cos()

    for points in ([(x, x), (x, y), (x, x)], [(x, y), (x, x)], [(x, x[:]), (x, x.view(6))]):
        for argnums in (0, 1, (0, 1)):
            derivative = jacobian(product, argnums)
            for pair in points:
                assert_as_torch(torch, derivative, product, *pair, argnums=argnums)

    def of_dict(inputs):
        return {"c": inputs["a"].sin() * inputs["b"]}

    derivative = jacobian(of_dict)
    for inputs in ({"a": x, "b": x}, {"a": x, "b": y}):
        assert_as_torch(torch, derivative, of_dict, inputs)


def test_by_a_parameter_that_the_module_holds(torch, jacobian):
    net = layers(torch, 3, 3)

    def function(weight):
        return weight @ net[0].weight.sum(0)

    derivative = jacobian(function)
    for weight in (net[0].weight, net[0].weight.detach(), net[0].weight):
        assert_as_torch(torch, derivative, function, weight)


@pytest.mark.parametrize("mode", ["auto", "planned"])
def test_parameters_that_are_replaced(torch, jacobian, x, mode):
    net = layers(torch, 6, 2, 8)

    def in_a_function(z):
        return net(z)

    derivatives = [(jacobian(function, mode=mode), function) for function in (net, in_a_function)]

    def replace():
        net[0].weight = torch.nn.Parameter(torch.ones(2, 6, dtype=torch.float64))

    def load():
        net.load_state_dict({name: 2 * value for name, value in net.state_dict().items()}, assign=True)

    def multiply():
        with torch.no_grad():
            net[2].weight.mul_(3)

    def swap():
        net[1] = torch.nn.Sigmoid()

    for change in (lambda: None, replace, load, multiply, swap):
        change()
        for derivative, function in derivatives:
            assert_as_torch(torch, derivative, function, x)


def test_a_module_that_gets_another_precision(torch, jacobian, x):
    net = layers(torch, 6, 2, 8)
    derivative = jacobian(lambda z: net(z.to(net[0].weight.dtype)), mode="planned")
    for dtype in (torch.float64, torch.float32, torch.float64):
        net.to(dtype)
        point = x.to(dtype)
        assert_as_torch(torch, derivative, net, point)


def test_training_of_a_module_inside(torch, jacobian, x):
    net = torch.nn.Sequential(layers(torch, 6, 2), torch.nn.Sequential(torch.nn.Dropout(0.5)), layers(torch, 2, 8))
    net.eval()

    def function(z):
        return net(z)

    derivative = jacobian(function)
    assert_as_torch(torch, derivative, function, x)
    net[1].train()  # the outer module's own flag stays what it was
    for _ in range(2):
        torch.manual_seed(3)
        expected = torch.func.jacrev(function)(x)
        torch.manual_seed(3)
        torch.testing.assert_close(derivative(x), expected)
    net[1].eval()
    assert_as_torch(torch, derivative, function, x)


@pytest.mark.parametrize("is_first", [True, False])
def test_autocast(torch, jacobian, is_first):
    into, out = torch.ones(6, 2) / 6, torch.ones(2, 8)

    def function(z):
        return torch.tanh(z @ into) @ out

    derivative, x = jacobian(function), torch.linspace(-1, 1, 6)
    if not is_first:
        derivative(x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(derivative(x), torch.func.jacrev(function)(x))
        with pytest.raises(ChainError, match="autocast is on"):
            derivative.plan(x)
    torch.testing.assert_close(derivative(x), torch.func.jacrev(function)(x))


def test_the_default_dtype(torch, jacobian):
    def function(z):
        return torch.tanh(z.sum() * torch.ones(2)) @ torch.ones(2, 8)

    derivative, x = jacobian(function), torch.linspace(-1, 1, 6)
    before = torch.get_default_dtype()
    try:
        for dtype in (torch.float32, torch.float64, torch.float32):
            torch.set_default_dtype(dtype)
            expected = torch.func.jacrev(function)(x)
            torch.testing.assert_close(derivative(x), expected)
    finally:
        torch.set_default_dtype(before)


def test_whether_gradients_are_recorded(torch, jacobian, x):
    net = layers(torch, 6, 2, 8)
    derivative = jacobian(net, mode="planned")
    with torch.no_grad():
        assert not derivative(x).requires_grad
    assert derivative(x).requires_grad
    with torch.inference_mode():
        found = derivative(x)
    assert_as_torch(torch, lambda _: found.clone(), net, x)


def test_strides_of_the_argument(torch, jacobian):
    weights = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(6, 2)

    def function(z):
        return torch.tanh(z.reshape(-1) @ weights) @ weights.mT

    derivative, z = jacobian(function, mode="planned"), torch.linspace(0, 1, 6, dtype=torch.float64).reshape(2, 3)
    for point in (z, z.mT.contiguous().mT, torch.linspace(0, 1, 2, dtype=torch.float64)[:, None].expand(2, 3)):
        assert_as_torch(torch, derivative, function, point)


@pytest.mark.parametrize("rows", [4, 1])
def test_statistics_and_random_numbers_are_as_after_torch_itself(torch, jacobian, rows):
    net = torch.nn.Sequential(torch.nn.Linear(6, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5)).double().train()
    start = {name: value.clone() for name, value in net.state_dict().items()}
    point = torch.linspace(-1, 1, 6 * rows, dtype=torch.float64).reshape(rows, 6)

    def after(door):
        net.load_state_dict(start)
        torch.manual_seed(5)
        try:
            result = door(net)(point)
        except (RuntimeError, ValueError) as error:
            result = type(error)
        return result, [value.clone() for value in net.state_dict().values()], torch.get_rng_state()

    expected, found = after(torch.func.jacrev), after(jacobian)
    assert expected[0] is found[0]
    torch.testing.assert_close(found[1:], expected[1:])


def test_dropout_as_torch_draws_it(torch, jacobian, x):
    def function(z):
        return torch.nn.functional.dropout(torch.outer(z, z).ravel(), 0.5)

    derivative = jacobian(function)
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        expected, state = torch.func.jacrev(function)(x), torch.get_rng_state()
        torch.manual_seed(seed)
        torch.testing.assert_close(derivative(x), expected)
        assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_planned_is_traced_once(torch, jacobian, x, monkeypatch):
    from chainopt.functions import strategies

    traced, prepare = [], strategies.prepare
    monkeypatch.setattr(strategies, "prepare", lambda *given: traced.append(given) or prepare(*given))

    def function(z):
        return z * z.tolist()[0]

    derivative = jacobian(function)
    for point in (x, 2 * x, -x):
        assert_as_torch(torch, derivative, function, point)
    with pytest.raises(ChainError, match="cannot be planned, for what it computes depends on the numbers that it is given"):
        derivative.plan(x)
    assert len(traced) == 1


@pytest.mark.parametrize("name", ["requires_grad", "is_leaf", "grad_fn"])
def test_who_differentiates_is_no_matter_of_recordings(torch, jacobian, x, name):
    def function(z):
        y = z * z.sum()
        return y * 2 if getattr(y, name) else y * 3

    derivative = jacobian(function)
    for point in (x, 2 * x, -x):
        torch.testing.assert_close(derivative(point), torch.func.jacrev(function)(point))
    with pytest.raises(ChainError, match=f"for it asks for {name} of a tensor"):
        derivative.plan(x)


@pytest.mark.parametrize("options", [{}, {"sparse": True}])
def test_what_a_function_raises_is_not_logged_besides(torch, jacobian, x, caplog, options):
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        jacobian(lambda z: z @ torch.ones(7, dtype=z.dtype), **options)(x)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # which torch.func.jacrev itself says
def test_the_mode_that_there_is(torch, jacobian):
    def attention(z):
        return torch.nn.functional.scaled_dot_product_attention(z[None, None], 2 * z[None, None], z[None, None])

    z = torch.linspace(-1, 1, 12).reshape(3, 4)
    derivative = jacobian(attention)
    for point in (z, -z):
        assert_as_torch(torch, derivative, attention, point)

    def wrong(z):  # noqa: ARG001 -- the argument of the function
        msg = "mine"
        raise KeyError(msg)

    with pytest.raises(KeyError, match="mine"):
        jacobian(wrong)(z)


def test_positions_of_arguments(torch, jacobian, x):
    def function(a, b):
        return a * b.sin()

    assert_as_torch(torch, jacobian(function, np.int64(1)), function, x, x + 1, argnums=1)
    assert len(jacobian(function, (np.int64(0), 1))(x, x)) == 2
    with pytest.raises(ChainError, match=r"argnums is \(0, 0\), which names argument 0 twice"):
        jacobian(function, (0, 0))
    with pytest.raises(ChainError, match=r"argnums is \(1, -1\), which names argument 1 twice"):
        jacobian(function, (1, -1))(x, x)
    with pytest.raises(ChainError, match=r"argnums is an array: .*`jacobian\(f\)\(x\)`"):
        jacobian(function, x)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "planned"])
def test_the_value_beside_the_jacobian(torch, x, mode):
    from chainopt.torch import value_and_jacobian

    net = layers(torch, 6, 2, 8)

    def with_aux(z):
        return net(z), {"norm": (z**2).sum()}

    value, derivative = value_and_jacobian(net, mode=mode)(x)
    torch.testing.assert_close((value, derivative), (net(x), torch.func.jacrev(net)(x)))
    (value, aux), derivative = value_and_jacobian(with_aux, has_aux=True, mode=mode)(x)
    torch.testing.assert_close((derivative, aux), torch.func.jacrev(with_aux, has_aux=True)(x))
    torch.testing.assert_close(value, net(x))
    if mode != "planned":
        with pytest.raises(RuntimeError, match="should be a tuple"):
            value_and_jacobian(net, has_aux=True, mode="reverse")(x)


def test_stages_of_a_module_are_its_own(torch, jacobian):
    class Staged(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stages = torch.nn.ModuleList([torch.nn.Linear(6, 2), torch.nn.Linear(6, 3)])

        def forward(self, z):
            return torch.cat([stage(z) for stage in self.stages])

    net, z = Staged(), torch.linspace(-1, 1, 6)
    for mode in ("auto", "planned"):
        assert_as_torch(torch, jacobian(net, mode=mode), net, z)


def test_functions_that_ask_whether_gradients_are_recorded(torch, jacobian):
    def asks(x):
        return x**2 if torch.is_grad_enabled() else x**3

    for function in (jacobian(asks), jacobian(asks, mode="planned"), jacobian(asks, sparse=True)):
        for begin in (1.0, 2.0, 3.0):
            x = torch.arange(begin, begin + 3)
            torch.testing.assert_close(function(x).to_dense(), torch.func.jacrev(asks)(x))


@pytest.mark.parametrize("options", [{}, {"mode": "planned"}, {"sparse": True}])
def test_tensors_in_the_memory_of_numpy_arrays(torch, jacobian, options):
    x = torch.linspace(-1, 1, 6, dtype=torch.float64)
    for _ in range(2):  # the second array begins with the numbers of the first one, which has others by then
        weights = np.arange(6.0)

        def scaled(z, weights=weights):
            return z**2 * torch.as_tensor(weights)

        function = jacobian(scaled, **options)
        for _ in range(3):
            torch.testing.assert_close(function(x).to_dense(), torch.func.jacrev(scaled)(x))
            torch.testing.assert_close(function(x).to_dense(), torch.func.jacrev(scaled)(x))
            weights += 1


@pytest.mark.parametrize("kind", ["dict", "list", "variable", "attribute", "module", "cache"])
def test_what_a_function_keeps_at_its_first_call(torch, jacobian, kind):
    @functools.cache
    def cached():
        return torch.full((6,), 3.0, dtype=torch.float64)

    class Keeping(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.held, self.listed, self.kept = {}, [], None

        def forward(self, z):
            nonlocal variable
            made = torch.full((6,), 3.0, dtype=torch.float64)
            if kind == "cache":
                return z * cached()
            if kind == "dict":
                return z * self.held.setdefault("weights", made)
            if kind == "list":
                self.listed = self.listed or [made]
                return z * self.listed[0]
            if kind == "variable":
                variable = made if variable is None else variable
                return z * variable
            if kind == "attribute":
                self.kept = made if self.kept is None else self.kept
                return z * self.kept
            if not hasattr(self, "buffer"):
                self.register_buffer("buffer", made)
            return z * self.buffer

    # With tensors without numbers in the places of those that were made, all this ended in PyTorch's own errors.
    x, expected = torch.linspace(-1, 1, 6, dtype=torch.float64), 3 * torch.eye(6, dtype=torch.float64)
    for options in ({}, {"sparse": True}, {"mode": "planned"}):
        cached.cache_clear()
        variable, net = None, Keeping()
        function = jacobian(net, **options)
        for _ in range(3):
            if (
                "mode" in options and kind != "cache"
            ):  # with tensors without numbers in the places of those that were made, this ended in PyTorch's own error
                with pytest.raises(ChainError, match="changes what it reads"):
                    function(x)
            else:
                torch.testing.assert_close(function(x).to_dense(), expected)
        torch.testing.assert_close(net(x), 3 * x)


def test_hooks_of_all_modules(torch, jacobian, x):
    net = torch.nn.Linear(6, 6).double()
    function = jacobian(net)
    for _ in range(3):
        function(x)
    hook = torch.nn.modules.module.register_module_forward_hook(lambda _module, _args, result: 5 * result)
    try:
        torch.testing.assert_close(function(x), torch.func.jacrev(net)(x))
    finally:
        hook.remove()
    torch.testing.assert_close(function(x), torch.func.jacrev(net)(x))


@pytest.mark.parametrize("kind", ["attribute", "gradient", "list"])
def test_what_a_tensor_holds_besides(torch, jacobian, x, kind):
    held = torch.nn.Parameter(torch.full((6,), 2.0, dtype=torch.float64))
    held.mask = torch.ones(6, dtype=torch.float64)
    held.sum().backward()

    def function(z):
        return (
            z.sin() * {"attribute": lambda: held.mask, "gradient": lambda: held.grad, "list": lambda: max(held.tolist())}[kind]()
        )

    def change():
        held.mask = held.mask + 1
        held.grad = None
        with torch.no_grad():
            held.add_(1)
        (held**2).sum().backward()

    for options in ({}, {"sparse": True})[: 1 if kind == "list" else 2]:
        derivative = jacobian(function, **options)
        for _ in range(3):
            for _ in range(3):
                torch.testing.assert_close(derivative(x).to_dense(), torch.func.jacrev(function)(x).detach(), check_layout=False)
            change()


@pytest.mark.parametrize("kind", ["function", "dispatch"])
@pytest.mark.parametrize("is_first", [True, False])
def test_modes_that_change_what_operators_do(torch, jacobian, x, kind, is_first):
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class OfFunctions(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return 3 * result if func is torch.Tensor.sin else result

    class OfOperators(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return 3 * result if func is torch.ops.aten.sin.default else result

    def function(z):
        return z.sin() ** 2

    expected = torch.func.jacrev(function)(x)
    for options in ({}, {"sparse": True}):
        derivative = jacobian(function, **options)
        for _ in range(0 if is_first else 3):
            torch.testing.assert_close(derivative(x).to_dense(), expected)
        with {"function": OfFunctions, "dispatch": OfOperators}[kind]():
            for _ in range(3):
                within = derivative(x)
            torch.testing.assert_close(within.to_dense(), torch.func.jacrev(function)(x))
        for _ in range(3):
            torch.testing.assert_close(derivative(x).to_dense(), expected)


def test_the_default_device(torch, jacobian):
    def function(z):
        return z.sin() * torch.ones(6)

    derivative, x = jacobian(function), torch.linspace(-1, 1, 6)
    for _ in range(3):
        derivative(x)
    with torch.device("meta"), pytest.raises(RuntimeError, match="meta"):
        derivative(x)
    torch.testing.assert_close(derivative(x), torch.func.jacrev(function)(x))


def test_a_buffer_that_is_replaced_at_each_call(torch, jacobian, x):
    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, z):
            self.calls = self.calls.detach() + 1
            return z.sin()

    net = Counting()
    derivative = jacobian(net)
    for number in range(5):
        net.calls = torch.tensor(float(number))
        derivative(x)
        assert int(net.calls) == number + 1


@pytest.mark.parametrize("kind", ["class", "slot"])
def test_attributes_of_classes_and_slots_that_a_function_fills(torch, jacobian, x, kind):
    class Lazy:
        __slots__ = ("kept",)
        shared = None

        def __call__(self, z):
            owner, name = (Lazy, "shared") if kind == "class" else (self, "kept")
            if getattr(owner, name, None) is None:
                setattr(owner, name, torch.full((6,), 3.0, dtype=torch.float64))
            return z * getattr(owner, name)

    for options in ({}, {"sparse": True}):
        Lazy.shared, function = None, Lazy()
        derivative = jacobian(function, **options)
        for _ in range(3):
            torch.testing.assert_close(derivative(x).to_dense(), 3 * torch.eye(6, dtype=torch.float64))
        torch.testing.assert_close(function(x), 3 * x)


@pytest.mark.parametrize("options", [{}, {"sparse": True}])
@pytest.mark.parametrize("calls", [0, 4])
@pytest.mark.parametrize("remade", [copy.deepcopy, lambda derivative: pickle.loads(pickle.dumps(derivative))])  # noqa: S301 -- our own
def test_a_derivative_is_copied_and_pickled(torch, jacobian, x, options, calls, remade):
    derivative = jacobian(squares, **options)
    for _ in range(calls):
        derivative(x)
    again = remade(derivative)
    for _ in range(3):
        torch.testing.assert_close(again(x).to_dense(), torch.func.jacrev(squares)(x))


def test_a_copy_has_a_module_of_its_own(torch, jacobian, x):
    net = layers(torch, 6, 2, 8)
    derivative = jacobian(net)
    for _ in range(4):
        derivative(x)
    again = copy.deepcopy(derivative)
    with torch.no_grad():
        again.function[0].weight.mul_(2)
    for _ in range(4):
        assert_as_torch(torch, again, again.function, x)
        assert_as_torch(torch, derivative, net, x)


def test_hessians_in_several_threads(torch, x):
    from chainopt.torch import hessian

    expected = torch.func.hessian(lambda z: squares(z).sum())(x)
    found = []

    def work(factor):
        for _ in range(20):
            found.append(hessian(lambda z: factor * squares(z).sum())(x) / factor)  # noqa: PERF401 -- what was found stays

    threads = [threading.Thread(target=work, args=(factor,)) for factor in (1.0, 2.0, 4.0, 8.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    for each in found:
        torch.testing.assert_close(each, expected)


FORKED = """
import os, signal, threading, time
import torch
from chainopt.torch import jacobian
from chainopt.torch.quiet import ALONE

is_held = threading.Event()

def hold():
    with ALONE:
        is_held.set()
        time.sleep(0.2)

threading.Thread(target=hold).start()
is_held.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)  # which ends it if it waits
    x = torch.linspace(0, 1, 5)
    os._exit(int(not torch.equal(jacobian(lambda x: x**2, mode="planned")(x).diagonal(), 2 * x)))
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_is_forked_while_something_is_recorded(torch):  # noqa: ARG001 -- in a process of its own, without JAX
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]


def test_the_first_interrupt_waits_for_a_recording_and_the_second_does_not(torch):  # noqa: ARG001 -- chainopt.torch needs it
    from chainopt.torch.quiet import undisturbed

    reached = []

    def record(presses):
        with undisturbed():
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)
                reached.append(presses)

    for presses in (1, 2):  # where the first was raised at once, in the middle of what PyTorch does, it ended the process
        with pytest.raises(KeyboardInterrupt):
            record(presses)
    assert reached == [1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

"""What planning a Jacobian tells the logger "chainopt"."""

import logging

import pytest

import chainopt


@pytest.fixture
def told(caplog):
    """Return a function that makes a call, and gives the records that it made."""

    def listen(call):
        caplog.clear()
        with caplog.at_level(logging.INFO, "chainopt"):
            call()
        return [record.getMessage() for record in caplog.records if record.name == "chainopt"]

    return listen


def test_jax(jax, told):
    jnp = jax.numpy
    weights = [jnp.ones(shape) / 9 for shape in [(200, 2), (2, 200)]]

    def network(x):
        for weight in weights:
            x = jnp.tanh(x @ weight)
        return x

    x = jnp.ones(200)
    jacobian = chainopt.jax.jacobian(network)
    (text,) = told(lambda: jacobian.plan(x))
    assert text.startswith("planned the Jacobian of network in ")
    assert " stages, mode planned, hybrid order, cost " in text
    assert told(lambda: jacobian.plan(x)) == []  # it is planned once
    (text,) = told(lambda: chainopt.jax.jacobian(lambda x: x[1:] - x[:-1] ** 2, sparse=True)(x))
    assert text.endswith(": 398 places, Coloring(2 JVPs of 200 columns)")
    (text,) = told(lambda: chainopt.jax.jacobian(lambda x: x - jnp.mean(x), sparse="low-rank")(x))
    assert text.endswith(": 200 places, Coloring(1 JVP of 200 columns)")

    def refused():
        with pytest.raises(chainopt.ChainError):
            chainopt.jax.jacobian(lambda x: x.astype(complex)).plan(x)

    (text,) = told(refused)
    assert "left to the library's reverse mode, for a result is of complex64" in text
    (text,) = told(lambda: chainopt.jax.jacobian(lambda x: jnp.sin(x[:1] * x[1:2]), mode="elimination")(x))
    assert text.endswith(": straight-line code, mode elimination")

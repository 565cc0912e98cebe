"""Scans of all versions of JAX."""

from chainopt.jax.jaxprs import loop_parts


class Packed(tuple):
    """As JAX 0.11 packs operands: in parts."""

    __slots__ = ()

    def unpack(self):
        return self


def test_a_scan_as_it_is_traced_here(jax):
    jnp = jax.numpy
    weights = jnp.ones((3, 3))

    def function(x):
        return jax.lax.scan(lambda c, y: ((weights @ c[0], c[1] + 1), y), (x, 0), jnp.arange(4.0))

    (scan,) = [equation for equation in jax.make_jaxpr(function)(jnp.ones(3)).eqns if str(equation.primitive) == "scan"]
    assert loop_parts(scan.params) == (1, 2)


def test_the_parameters_of_other_versions():
    assert loop_parts({"num_consts": 2, "num_carry": 1}) == (2, 1)
    assert loop_parts({"ft_in": Packed((("a", "b"), ("c",), ()))}) == (2, 1)

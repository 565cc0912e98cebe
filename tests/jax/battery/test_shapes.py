import jax.numpy as jnp
import pytest
from jax import lax
from jax_judge import case, complaints

PROGRAMS = {
    "reshaped": case(lambda x: jnp.tanh(x).reshape(2, 2), (4,)),
    "flattened in another order": case(lambda x: x.reshape(-1, order="F"), (3, 3)),
    "transposed": case(lambda x: x.T * x, (3, 3)),
    "axes moved": case(lambda x: jnp.moveaxis(x, 0, 2), (1, 2, 3)),
    "axes swapped and squeezed": case(lambda x: jnp.swapaxes(x, 1, 2).squeeze(0), (1, 2, 3)),
    "broadcast": case(lambda x: jnp.broadcast_to(x, (2, 4)), (4,)),
    "repeated and tiled": case(lambda x: jnp.concatenate([jnp.repeat(x, 2), jnp.tile(x, 2)]), (4,)),
    "stacked": case(lambda x: jnp.stack([x, x**2], axis=1), (4,)),
    "split and put together": case(lambda x: jnp.concatenate(jnp.split(x, 2)[::-1]), (4,)),
    "rolled": case(lambda x: jnp.roll(x, 1) * x, (4,)),
    "rolled on both axes": case(lambda x: jnp.roll(x, (1, 2), (0, 1)), (3, 3)),
    "flipped": case(lambda x: jnp.flip(x, 0) + jnp.flip(x), (3, 3)),
    "rotated by a quarter": case(jnp.rot90, (3, 3)),
    "padded with zeros": case(lambda x: jnp.pad(x, 1), (3, 3)),
    "padded at edges": case(lambda x: jnp.pad(x, (1, 2), mode="edge"), (4,)),
    "padded by reflection": case(lambda x: jnp.pad(x, 2, mode="reflect"), (4,)),
    "padded by a negative width": case(lambda x: lax.pad(x, 0.0, ((-1, 2, 1),)), (4,)),
    "blocks": case(lambda x: jnp.block([[x, x.T], [x * 2, jnp.eye(3)]]), (3, 3)),
    "a grid": case(lambda x: jnp.meshgrid(x, x[:2]), (4,)),
    "a tensor of three axes": case(lambda x: jnp.einsum("ijk->kji", x) * 2, (2, 2, 3)),
    "vander": case(lambda x: jnp.vander(x, 3), (4,)),
    "an empty slice beside": case(lambda x: {"empty": x[:0], "full": jnp.sin(x)}, (4,)),
    "an empty result": case(lambda x: x[:0], (4,)),
    "an empty argument": case(lambda x, e: jnp.tanh(x) + e.sum(), (4,), (0,), argnums=(0, 1)),
    "an axis of one entry": case(lambda x: x[:, :1] * x, (3, 3)),
    "a triangle of values": case(lambda x: jnp.zeros((3, 3)).at[jnp.triu_indices(3)].set(x), (6,)),
    "a barrier": case(lambda x: lax.optimization_barrier(jnp.sin(x)) * 2, (4,)),
    "cut and glued, as by a neck of one": case(lambda x: jnp.tanh(jnp.sum(x)) * jnp.arange(5.0), (4,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax_has_it(name):
    assert complaints(PROGRAMS, name) == []

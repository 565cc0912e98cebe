"""Patterns of what only moves entries, and of indices, known or not."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax_patterns import battery

PLACES = np.array([3, 3, 0, 11, 7, 5])
GRID = np.array([[0, 1], [2, 0], [1, 1]])


def grid(x):
    return x.reshape(3, 4)


def gathered(x, mode):
    return grid(x).at[PLACES[:3] - 1, PLACES[3:] - 4].get(mode=mode, fill_value=0)


def scattered(x, mode):
    return jnp.zeros((3, 4)).at[PLACES[:3] - 1, PLACES[3:] - 4].add(x[:3], mode=mode)


test_patterns = battery(
    {
        "reversed": lambda x: x[::-1],
        "every third": lambda x: x[1::3],
        "another order of axes": lambda x: x.reshape(2, 3, 2).transpose(2, 0, 1),
        "reshaped in another order": lambda x: lax.reshape(grid(x), (2, 6), (1, 0)),
        "repeated": lambda x: jnp.broadcast_to(x[:4, None], (4, 3)) + x[4:7],
        "without an axis": lambda x: jnp.squeeze(x[None, :, None]),
        "with another one": lambda x: lax.expand_dims(x, (0, 2)),
        "tiled": lambda x: jnp.tile(grid(x), (2, 2)),
        "side by side": lambda x: jnp.concatenate([grid(x), jnp.zeros((3, 2)), grid(x)[:, :1]], 1),
        "one after the other": lambda x: jnp.concatenate([x[:3], jnp.ones(2), x[10:] * x[9]]),
        "stacked": lambda x: jnp.stack([x, x[::-1] * x[0]], 1),
        "stacked with zeros": lambda x: jnp.stack([x, jnp.zeros(12)]),
        "taken apart": lambda x: sum(jnp.split(x, (5, 10))[:2]),
        "taken apart along an axis": lambda x: jnp.split(grid(x), (1,), 1)[1],
        "rows one by one": lambda x: [row * row[0] for row in grid(x)],
        "columns one by one": lambda x: [column * column[0] for column in jnp.unstack(grid(x), axis=1)],
        "a constant order": lambda x: x[jnp.argsort(PLACES * 0.5)] + x[jnp.argmax(PLACES)],
        "padded": lambda x: lax.pad(grid(x), 0.0, ((1, 0, 1), (-1, 2, 0))),
        "padded with an entry": lambda x: lax.pad(x[1:], x[0], ((2, 1, 0),)),
        "padded by its edges": lambda x: jnp.pad(grid(x), 1, "edge"),
        "rolled in two dimensions": lambda x: jnp.roll(grid(x), (1, 2), (0, 1)) * grid(x),
        "entries by number": lambda x: x[PLACES] ** 2,
        "entries by two numbers": lambda x: grid(x)[GRID[:, 0], GRID[:, 1]],
        "rows by number": lambda x: grid(x)[GRID],
        "columns by number": lambda x: jnp.take(grid(x), GRID, 1),
        "a diagonal": lambda x: jnp.diagonal(grid(x)) * jnp.trace(grid(x)[:2, :2]),
        "numbers outside are clipped": lambda x: gathered(x, "clip"),
        "numbers outside are dropped": lambda x: gathered(x, "fill"),
        "along an axis": lambda x: jnp.take_along_axis(grid(x), np.arange(12).reshape(3, 4) % 4, 1),
        "numbers by value": (lambda x: x[jnp.argsort(x)[:3]], False),
        "numbers by value along an axis": (lambda x: jnp.take_along_axis(grid(x), jnp.argsort(grid(x), 1)[:, :2], 1), False),
        "rows by number, columns by value": (lambda x: grid(x)[jnp.arange(3), jnp.argmax(grid(x), 1)], False),
        "sorted rows": (lambda x: jnp.sort(grid(x), 1), False),
        "a block at a known place": lambda x: lax.dynamic_slice(grid(x), (jnp.array(1), jnp.array(7)), (2, 2)),
        "a block by value": (lambda x: lax.dynamic_slice(grid(x), (1, jnp.argmax(x[:2])), (2, 3)), False),
        "an updated block": lambda x: lax.dynamic_update_slice(grid(x), grid(x)[:2, :2] * x[11], (1, 1)),
        "a block updated by value": (lambda x: lax.dynamic_update_slice(grid(x), x[:2, None], (0, jnp.argmax(x[:4]))), False),
        "sums at places": lambda x: jnp.zeros(9).at[PLACES % 9].add(x[PLACES] ** 2),
        "entries set": lambda x: x.at[PLACES[2:]].set(x[:4] * x[4:8]),
        "rows set": lambda x: grid(x).at[GRID[1]].set(x[:4]),
        "entries put away": lambda x: x.at[PLACES[2:]].set(0.0),
        "entries multiplied": lambda x: x.at[PLACES[2:]].multiply(2.0),
        "places outside are dropped": lambda x: scattered(x, "drop"),
        "places outside are clipped": lambda x: scattered(x, "clip"),
        "sums of segments": lambda x: jax.ops.segment_sum(x**2, jnp.arange(12) // 5, 3),
        "sums at places by value": (lambda x: jnp.zeros((3, 4)).at[jnp.argsort(x[:3])].add(grid(x)), False),
        "sums within rows by value": (
            lambda x: jax.vmap(lambda z: jnp.zeros(5).at[jnp.argsort(z)].add(z**2))(grid(x)),
            False,
        ),
        "set by value": (lambda x: x.at[jnp.argmax(x)].set(x[0] * x[1]), False),
        "columns set by value": (lambda x: grid(x).at[:2, jnp.argmax(x[:4])].set(x[:2]), False),
    }
)

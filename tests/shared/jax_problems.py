"""Functions whose Jacobians the tests and the benchmarks compute, each split at its narrowest place where it has one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

RNG = np.random.default_rng(5)
POINTS, SEEN = RNG.standard_normal((1000, 3)) + np.array([0, 0, 5]), RNG.standard_normal((1000, 2))
FLOW = np.array([1, 0.1, 2.5, 0.9, 0.2, 2.2])  # density, momentum and energy on both sides


@dataclass(frozen=True)
class Problem:
    """A function, as what comes before its narrowest place and what comes after it, or as a whole."""

    before: Callable
    after: Callable | None
    size: int
    is_added: bool = False  # whether the argument is added to the result

    @property
    def function(self):
        inner = self.before if self.after is None else composed(self.before, self.after)
        return (lambda x: x + inner(x)) if self.is_added else inner

    def by_hand(self, x):
        """Go back to the argument and on to the result from the narrowest place: what a person would write who knows it."""
        product = jax.jacfwd(self.after)(self.before(x)) @ jax.jacrev(self.before)(x)
        return product + jnp.eye(x.size, dtype=x.dtype) if self.is_added else product

    def point(self, dtype):
        values = FLOW if self.size == FLOW.size else np.random.default_rng(9).standard_normal(self.size)
        return jnp.asarray(values, dtype)


def composed(*functions):
    def function(x):
        for part in functions:
            x = part(x)
        return x

    return function


def layers(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(shape) / math.sqrt(shape[0]) for shape in pairwise(sizes)]

    def function(x):
        for weight in weights:
            x = jnp.tanh(x @ jnp.asarray(weight, x.dtype))
        return x

    return function


def burgers(steps, *, scan):
    def step(u):
        left, right = jnp.roll(u, 1), jnp.roll(u, -1)
        return u - 0.05 * u * (right - left) + 0.1 * (left - 2 * u + right)

    def by_scan(u):
        return jax.lax.scan(lambda u, _: (step(u), None), u, None, length=steps)[0]

    return by_scan if scan else composed(*[step] * steps)


def burgers_around(scan):
    steps = burgers(32, scan=scan)
    return Problem(composed(steps, layers(256, 4)), composed(layers(4, 64, 256), steps), 256)


def resnet(*, is_added):
    parts = [layers(256, 256, 256, seed=seed) for seed in range(3)]
    blocks = [lambda x, part=part: x + part(x) for part in parts]
    return Problem(composed(*blocks, layers(256, 8, seed=50)), composed(layers(8, 256, seed=51), *blocks), 256, is_added)


def two_branches():
    (one, two), (out_one, out_two) = [[layers(*sizes, seed=seed) for seed in (1, 2)] for sizes in ((300, 200, 4), (4, 200, 300))]
    return Problem(lambda x: jnp.concatenate([one(x), two(x)]), lambda z: jnp.concatenate([out_one(z[:4]), out_two(z[4:])]), 300)


def latent_ode():
    rate = layers(16, 64, 16)

    def solve(z):
        return jax.lax.scan(lambda z, _: (z + 0.05 * rate(z), None), z, None, length=40)[0]

    return Problem(layers(400, 200, 16), composed(solve, layers(16, 200, 400, seed=3)), 400)


def camera(c):
    """Project points by a turn, a shift, a focal length, two distortions and an offset; less where they were seen."""
    turn, shift, (focal, first, second, offset) = c[:3], c[3:6], c[6:10]
    points, seen = jnp.asarray(POINTS, c.dtype), jnp.asarray(SEEN, c.dtype)
    angle = jnp.sqrt(turn @ turn + 1e-9)
    axis = turn / angle
    across, along = jnp.cross(jnp.broadcast_to(axis, points.shape), points), axis * (points @ axis)[:, None]
    moved = points * jnp.cos(angle) + across * jnp.sin(angle) + along * (1 - jnp.cos(angle)) + shift
    flat = -moved[:, :2] / moved[:, 2:]
    radius = (flat * flat).sum(1, keepdims=True)
    return (focal * flat * (1 + first * radius + second * radius**2) + offset - seen).reshape(-1)


def robot_arm(angles):
    """Return where the hand of an arm with seven joints is, and how it is turned."""
    pose = jnp.eye(4, dtype=angles.dtype)
    for angle, twist in zip(angles, [1.57, -1.57, 1.57, -1.57, 1.57, -1.57, 0.0], strict=True):
        c, s, a, b = jnp.cos(angle), jnp.sin(angle), math.cos(twist), math.sin(twist)
        joint = [[c, -s * a, s * b, 0.3 * c], [s, c * a, -c * b, 0.3 * s], [0 * c, b + 0 * c, a + 0 * c, 0.1 + 0 * c]]
        last = jnp.array([0, 0, 0, 1], angles.dtype)
        pose = pose @ jnp.stack([*[jnp.stack(row) for row in joint], last])
    return pose[:3].reshape(-1)


def roe_flux(states, gamma=1.4):
    """Return Roe's numerical flux of the Euler equations in one dimension between two states."""

    def primitive(state):
        density, momentum, energy = state
        speed = momentum / density
        pressure = (gamma - 1) * (energy - momentum * speed / 2)
        flux = jnp.stack([momentum, momentum * speed + pressure, speed * (energy + pressure)])
        return density, speed, pressure, (energy + pressure) / density, flux

    (r1, u1, p1, h1, f1), (r2, u2, p2, h2, f2) = primitive(states[:3]), primitive(states[3:])
    w1, w2 = jnp.sqrt(r1), jnp.sqrt(r2)
    u, h, r = (w1 * u1 + w2 * u2) / (w1 + w2), (w1 * h1 + w2 * h2) / (w1 + w2), w1 * w2
    c = jnp.sqrt((gamma - 1) * (h - u * u / 2))
    pressure, speed = (p2 - p1) / c**2, r * (u2 - u1) / c  # jumps, as densities
    jumps = [(pressure - speed) / 2, r2 - r1 - pressure, (pressure + speed) / 2]
    waves = [jnp.stack([c / c, u - c, h - u * c]), jnp.stack([c / c, u, u * u / 2]), jnp.stack([c / c, u + c, h + u * c])]
    speeds = [jnp.abs(u - c), jnp.abs(u), jnp.abs(u + c)]
    return (f1 + f2) / 2 - sum(a * s * v for a, s, v in zip(jumps, speeds, waves, strict=True)) / 2


def roe_flux_3d(states, gamma=1.4):
    """Return Roe's numerical flux of the Euler equations in three dimensions between two states, along the first axis."""

    def primitive(state):
        density, *momenta, energy = state
        speeds = [momentum / density for momentum in momenta]
        pressure = (gamma - 1) * (energy - density * sum(speed * speed for speed in speeds) / 2)
        return density, speeds, pressure, (energy + pressure) / density

    (r1, v1, p1, h1), (r2, v2, p2, h2) = primitive(states[:5]), primitive(states[5:])
    w1, w2 = jnp.sqrt(r1), jnp.sqrt(r2)
    u, v, w, h = ((w1 * one + w2 * other) / (w1 + w2) for one, other in zip((*v1, h1), (*v2, h2), strict=True))
    square, density = u * u + v * v + w * w, w1 * w2
    c = jnp.sqrt((gamma - 1) * (h - square / 2))
    pressure, across = p2 - p1, [other - one for one, other in zip(v1, v2, strict=True)]
    slow = (pressure - density * c * across[0]) / (2 * c**2) * jnp.abs(u - c)
    fast = (pressure + density * c * across[0]) / (2 * c**2) * jnp.abs(u + c)
    middle, shear = (r2 - r1 - pressure / c**2) * jnp.abs(u), density * jnp.abs(u)
    jumps = [
        slow + middle + fast,
        slow * (u - c) + middle * u + fast * (u + c),
        (slow + middle + fast) * v + shear * across[1],
        (slow + middle + fast) * w + shear * across[2],
        slow * (h - u * c) + middle * square / 2 + fast * (h + u * c) + shear * (v * across[1] + w * across[2]),
    ]
    one, other = (
        [r * v[0], r * v[0] ** 2 + p, r * v[0] * v[1], r * v[0] * v[2], r * v[0] * h]
        for r, v, p, h in ((r1, v1, p1, h1), (r2, v2, p2, h2))
    )
    return jnp.stack([(a + b - jump) / 2 for a, b, jump in zip(one, other, jumps, strict=True)])


def heart_dipole(x):
    """Return the residuals of the dipole model of the human heart, MINPACK-2's test of eight equations."""
    a, b, c, d, t, u, v, w = x
    sums = [a + b + 0.69, c + d + 0.044, t * a + u * b - v * c - w * d + 1.57, v * a + w * b + t * c + u * d + 1.31]
    second = [
        a * (t**2 - v**2) - 2 * c * t * v + b * (u**2 - w**2) - 2 * d * u * w + 2.65,
        c * (t**2 - v**2) + 2 * a * t * v + d * (u**2 - w**2) + 2 * b * u * w - 2.0,
    ]
    third = [
        a * t * (t**2 - 3 * v**2) + c * v * (v**2 - 3 * t**2) + b * u * (u**2 - 3 * w**2) + d * w * (w**2 - 3 * u**2) + 12.6,
        c * t * (t**2 - 3 * v**2) - a * v * (v**2 - 3 * t**2) + d * u * (u**2 - 3 * w**2) - b * w * (w**2 - 3 * u**2) - 9.48,
    ]
    return jnp.stack(sums + second + third)


def propane(x, pressure=40.0, ratio=10.0):
    """Return the residuals of the combustion of propane, MINPACK-2's full formulation."""
    k5, k6, k7, k8, k9, k10 = 1.930e-1, 2.597e-3, 3.448e-3, 1.799e-5, 2.155e-4, 3.846e-5
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11 = x
    share = pressure / x11
    return jnp.stack([
        x1 + x4 - 3,
        2 * x1 + x2 + x4 + x7 + x8 + x9 + 2 * x10 - ratio,
        2 * x2 + 2 * x5 + x6 + x7 - 8,
        2 * x3 + x9 - 4 * ratio,
        k5 * x2 * x4 - x1 * x5,
        k6 * jnp.sqrt(x2 * x4) - jnp.sqrt(x1) * x6 * jnp.sqrt(share),
        k7 * jnp.sqrt(x1 * x2) - jnp.sqrt(x4) * x7 * jnp.sqrt(share),
        k8 * x1 - x4 * x8 * share,
        k9 * x1 * jnp.sqrt(x3) - x4 * x9 * jnp.sqrt(share),
        k10 * x1**2 - x4**2 * x10 * share,
        x11 - (x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + x10),
    ])  # fmt: skip


SUBSTRATE = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
VELOCITY = np.array([0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])


def enzyme_reaction(x):
    """Return the residuals of the kinetics of an enzyme, fitted by Kowalik and Osborne (1968), MINPACK-2's with 4 parameters."""
    a, b, c, d = x
    return jnp.stack([a * (u**2 + b * u) / (u**2 + c * u + d) - v for u, v in zip(SUBSTRATE, VELOCITY, strict=True)])


def coating_thickness(x):
    """Return the residuals of MINPACK-2's standardization of coatings: two responses, and the errors of both coordinates.

    Evenly spaced coordinates, and no measured thicknesses, stand for the table of the report: the graph does not depend on them.
    """
    (a, b, c, d, e, f, g, h), errors = x[:8], x[8:]
    places = len(errors) // 2
    first, second = [], []
    for place in range(places):
        u, v = errors[place] + (0.5 + 0.003 * place), errors[places + place] + (4 + 0.05 * place)
        first.append(a + b * u + c * v + d * u * v)
        second.append(e + f * u + g * v + h * u * v)
    scaled = [4.08 * error for error in errors[:places]] + [0.417 * error for error in errors[places:]]
    return jnp.stack(first + second + scaled)


def chebyshev_quadrature(x):
    """Return by how much equal weights at these places of [0, 1] miss the integrals of Chebyshev's polynomials, MINPACK-2's."""
    columns = []
    for place in x:
        z = 2 * place - 1
        values = [jnp.ones_like(z), z]
        while len(values) <= len(x):
            values.append(2 * z * values[-1] - values[-2])
        columns.append(values[1:])
    integrals = [0 if degree % 2 else -1 / (degree**2 - 1) for degree in range(1, len(x) + 1)]
    return jnp.stack([sum(values) / len(x) - known for values, known in zip(zip(*columns, strict=True), integrals, strict=True)])


def planar_arm(angles):
    """Return where the hand of an arm in the plane is, and its direction."""
    direction = x = y = jnp.zeros((), angles.dtype)
    for number, angle in enumerate(angles):
        direction = direction + angle
        x, y = x + (1 + 0.1 * number) * jnp.cos(direction), y + (1 + 0.1 * number) * jnp.sin(direction)
    return jnp.stack([x, y, direction])


def stress(displacement):
    """Return the first Piola-Kirchhoff stress of an elastic solid of Saint Venant and Kirchhoff, row by row."""
    unit = jnp.eye(3, dtype=displacement.dtype)
    deformation = displacement.reshape(3, 3) + unit
    strain = (deformation.T @ deformation - unit) / 2
    return (deformation @ (2 * strain + jnp.trace(strain) * unit)).reshape(-1)


def rotated(x):
    """Return a vector, the last three numbers, turned by the three Euler angles before it."""
    (a, b, c), one = x[:3], jnp.ones((), x.dtype)

    def around(axis, angle):
        cosine, sine, zero = jnp.cos(angle), jnp.sin(angle), 0 * one
        rows = {
            "x": [[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]],
            "y": [[cosine, zero, sine], [zero, one, zero], [-sine, zero, cosine]],
            "z": [[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]],
        }
        return jnp.stack([jnp.stack(row) for row in rows[axis]])

    return around("z", c) @ around("y", b) @ around("x", a) @ x[3:6]


NARROW = {
    "hourglass 512-512-8-512-512": Problem(layers(512, 512, 8), layers(8, 512, 512), 512),
    "hourglass 1200-1200-8-1200-1200": Problem(layers(1200, 1200, 8), layers(8, 1200, 1200), 1200),
    "2000-256-1-256-2000": Problem(layers(2000, 256, 1), layers(1, 256, 2000), 2000),
    "Burgers 256 x 32 -> 4 -> 64 -> 256 x 32, scan": burgers_around(scan=True),
    "Burgers 256 x 32 -> 4 -> 64 -> 256 x 32, calls": burgers_around(scan=False),
    "camera 200-64-10, 1,000 points": Problem(layers(200, 64, 10), camera, 200),
    "ResNet of three blocks, cut of 8": resnet(is_added=False),
    "two branches, cut of 4 + 4": two_branches(),
    "latent ODE, 400 -> 16 -> 400": latent_ode(),
    "x + resnet(x)": resnet(is_added=True),
}
NOTHING_TO_GAIN = {
    "RNN 2-64 x 100": Problem(layers(2, *[64] * 100), None, 2),
    "Burgers 8 -> 256 x 64 -> 4": Problem(composed(layers(8, 256), burgers(64, scan=True), layers(256, 4)), None, 8),
    "flow map 256 -> 256": Problem(burgers(64, scan=True), None, 256),
    "expanding 4-64-1024-64-4": Problem(layers(4, 64, 1024, 64, 4), None, 4),
    "Roe flux 6 -> 3": Problem(roe_flux, None, 6),
    "robot arm 7 -> 12": Problem(robot_arm, None, 7),
}

"""Chains of sparse matrices as they are met in practice, each with the order in which an expert would multiply it."""

import numpy as np
from scipy import sparse


def regular(rows, columns, each, seed=0):
    """Make a matrix with about so many nonzeros in each row, anywhere."""
    rng = np.random.default_rng(seed)
    places = np.repeat(np.arange(rows), each), rng.integers(0, columns, rows * each)
    matrix = sparse.csr_array((rng.random(rows * each) + 0.1, places), shape=(rows, columns))
    matrix.sum_duplicates()
    return matrix / each


def words(rows, columns, each, seed=1):
    """Make a bag of words, with columns as frequent as Zipf's law says."""
    rng = np.random.default_rng(seed)
    places = np.repeat(np.arange(rows), each), (rng.zipf(1.5, rows * each) - 1) % columns
    matrix = sparse.csr_array((np.ones(rows * each), places), shape=(rows, columns))
    matrix.sum_duplicates()
    return matrix / each


def grid(n):
    """Make the five-point stencil on about n points."""
    side = int(np.sqrt(n))
    line = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(side, side))
    return ((sparse.kron(sparse.eye_array(side), line) + sparse.kron(line, sparse.eye_array(side))) / 8).tocsr()


def aggregates(n, size=4):
    """Make the interpolation from groups of neighbors to their members."""
    return sparse.csr_array((np.ones(n), (np.arange(n), np.arange(n) // size)), shape=(n, -(-n // size)))


def permutation(n, seed=8):
    """Make the matrix of a permutation."""
    return sparse.csr_array((np.ones(n), (np.arange(n), np.random.default_rng(seed).permutation(n))), shape=(n, n))


def diagonal(n, seed=7):
    """Make a diagonal matrix, stored by rows."""
    return sparse.diags_array(np.random.default_rng(seed).random(n), format="csr")


def block_diagonal(n, size=5):
    """Make equal blocks along the diagonal."""
    return sparse.kron(sparse.eye_array(n // size), dense(size, size), format="csr")


def arrowhead(n):
    """Make a diagonal, a full first row and a full first column."""
    rest = np.arange(1, n)
    rows, columns = np.concatenate([np.arange(n), rest, 0 * rest]), np.concatenate([np.arange(n), 0 * rest, rest])
    return sparse.csr_array((np.full(rows.size, 0.5), (rows, columns)), shape=(n, n))


def incidence(n, each=3):
    """Make the matrix of the edges of a graph with n nodes."""
    rng = np.random.default_rng(6)
    edges = np.repeat(np.arange(n * each), 2)
    ends = np.stack([rng.integers(0, n, n * each), rng.integers(0, n, n * each)], axis=1).ravel()
    return sparse.csr_array((np.tile([1.0, -1.0], n * each), (edges, ends)), shape=(n * each, n))


def selection(n, few=20):
    """Make the matrix that picks a few of n entries."""
    return sparse.csr_array((np.ones(few), (np.arange(few), np.linspace(0, n - 1, few).astype(int))), shape=(few, n))


def dense(*shape):
    """Make a matrix without zeros."""
    return np.random.default_rng(9).random(shape)


def transposed(matrix):
    """Transpose a matrix, by rows as well."""
    return matrix.T.tocsr()


def rightwards(last, first=0):
    """Give the order from right to left, as nested positions."""
    return first if first == last else (first, rightwards(last, first + 1))


def leftwards(last):
    """Give the order from left to right, as nested positions."""
    return 0 if last == 0 else (leftwards(last - 1), last)


def swept(*factors):
    """Give factors that are multiplied from right to left."""
    return [*factors], rightwards(len(factors) - 1)


def collected(*factors):
    """Give factors that are multiplied from left to right."""
    return [*factors], leftwards(len(factors) - 1)


# Of each, given about how many rows the largest matrices have: the factors, and the order by hand.
CHAINS = {
    "power, random, A^5 v": lambda n: swept(*[regular(n, n, 5)] * 5, dense(n, 1)),
    "power, stencil, A^20 v": lambda n: swept(*[grid(n)] * 20, dense(grid(n).shape[0], 1)),
    "power, bidiagonal, A^6 with 30 columns": lambda n: swept(
        *[sparse.diags_array([1.0, 0.5], offsets=[0, 1], shape=(n, n), format="csr")] * 6, dense(n, 30)
    ),
    "Gram, words, X X.T v": lambda n: swept(words(n, n // 10, 10), transposed(words(n, n // 10, 10)), dense(n, 1)),
    "Gram, words, X.T X v": lambda n: swept(transposed(words(n, n // 10, 10)), words(n, n // 10, 10), dense(n // 10, 1)),
    "Gram, random, X X.T v": lambda n: swept(regular(n, n // 2, 8), transposed(regular(n, n // 2, 8)), dense(n, 1)),
    "Gram, weighted words, D X W X.T v": lambda n: swept(
        diagonal(n), words(n, n // 10, 10), diagonal(n // 10), transposed(words(n, n // 10, 10)), dense(n, 1)
    ),
    "Galerkin, aggregates, R A P": lambda n: swept(
        transposed(aggregates(grid(n).shape[0])), grid(n), aggregates(grid(n).shape[0])
    ),
    "Galerkin, two levels, R2 R1 A P1 P2": lambda n: (
        [
            transposed(aggregates(-(-grid(n).shape[0] // 4))),
            transposed(aggregates(grid(n).shape[0])),
            grid(n),
            aggregates(grid(n).shape[0]),
            aggregates(-(-grid(n).shape[0] // 4)),
        ],
        ((0, 1), (2, (3, 4))),
    ),
    "Galerkin, R A P v": lambda n: swept(
        transposed(aggregates(grid(n).shape[0])), grid(n), aggregates(grid(n).shape[0]), dense(-(-grid(n).shape[0] // 4), 1)
    ),
    "permutations, P A P.T with 3 columns": lambda n: swept(
        permutation(grid(n).shape[0]), grid(n), transposed(permutation(grid(n).shape[0])), dense(grid(n).shape[0], 3)
    ),
    "permutations, four of them and A": lambda n: (
        [*[permutation(n, seed) for seed in range(4)], regular(n, n, 5)],
        ((0, (1, (2, 3))), 4),
    ),
    "blocks of 5 between dense ends": lambda n: (
        [dense(10, n // 5 * 5), block_diagonal(n), block_diagonal(n), dense(n // 5 * 5, 20)],
        (((0, 1), 2), 3),
    ),
    "blocks of 5, K^4": lambda n: swept(*[block_diagonal(n)] * 4),
    "hub, column, row, column": lambda n: swept(
        sparse.csr_array(dense(n, 1)), sparse.csr_array(dense(1, n)), sparse.csr_array(dense(n, 1))
    ),
    "hub, arrowhead, A A A v": lambda n: swept(*[arrowhead(n)] * 3, dense(n, 1)),
    "hub, arrowhead and its row": lambda n: collected(dense(1, n), *[arrowhead(n)] * 3),
    "thin dense ends around three sparse": lambda n: swept(
        dense(5, n), regular(n, n, 6, 11), regular(n, n, 6, 12), regular(n, n, 6, 13), dense(n, 3)
    ),
    "row, diagonal, diagonal": lambda n: collected(regular(1, n, n // 100), diagonal(n), diagonal(n)),
    "three diagonals and A": lambda n: ([diagonal(n, 1), diagonal(n, 2), diagonal(n, 3), regular(n, n, 8)], ((0, (1, 2)), 3)),
    "a few rows, S A A A": lambda n: collected(selection(n), *[regular(n, n, 5)] * 3),
    "a few columns, A A A S.T": lambda n: swept(*[regular(n, n, 5)] * 3, transposed(selection(n))),
    "Laplacian of a graph, B.T W B v": lambda n: swept(transposed(incidence(n)), diagonal(3 * n), incidence(n), dense(n, 1)),
    "Laplacian of a graph, B.T W B": lambda n: swept(transposed(incidence(n)), diagonal(3 * n), incidence(n)),
    "funnel, wide, narrow, wide": lambda n: (
        [regular(n, n, 5, 2), regular(n, n // 50, 3, 3), regular(n // 50, n, 6, 4), regular(n, n, 5, 5)],
        ((0, 1), (2, 3)),
    ),
}


def by_hand(tree, factors):
    """Multiply in the order of nested positions."""
    if isinstance(tree, int):
        return factors[tree]
    return by_hand(tree[0], factors) @ by_hand(tree[1], factors)

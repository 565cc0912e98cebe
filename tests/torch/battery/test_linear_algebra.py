"""Products, solvers, decompositions and determinants."""

import torch
from torch_judge import as_torch_does, at, numbers, positive

x, y = numbers(4), numbers(4)
a, b = numbers(4, 4), numbers(4, 4)
tall = numbers(6, 4)
vectors = numbers(3, 4)
linalg = torch.linalg
into, out = numbers(30, 3, scale=0.3), numbers(3, 40)
wide, other = numbers(30), numbers(30)


def through_a_solver(z):
    narrow = torch.tanh(z @ into)
    return linalg.solve(positive(narrow), narrow) @ out


PROGRAMS = {
    "matrix products": at(lambda z: z @ z.T @ z, a, b),
    "bmm and matmul of stacks": at(lambda z: torch.bmm(z.view(4, 2, 2), z.view(4, 2, 2)) + z.view(4, 2, 2) @ z[:2, :2], a, b),
    "addmm, addmv, addr, baddbmm": at(
        lambda z: (
            torch.addmm(z, z, z)
            + torch.addmv(z[0], z, z[1])
            + torch.addr(z, z[0], z[1])
            + torch.baddbmm(z[None], z[None], z[None])[0]
        ),
        a,
        b,
    ),
    "outer, inner, dot, vdot": at(lambda z: torch.outer(z, z) * torch.inner(z, z) + torch.dot(z, z) + torch.vdot(z, z), x, y),
    "einsum": at(lambda z: torch.einsum("ij,jk,ik->i", z, z, z), a, b),
    "tensordot and chain_matmul": at(lambda z: torch.tensordot(z, z, dims=2) + linalg.multi_dot([z[:1], z, z[:, :1]]), a, b),
    "cross": at(lambda z: linalg.cross(z[:3], z[1:] ** 2), x, y),
    "inv": at(lambda z: linalg.inv(positive(z)), x, y),
    "pinv": at(lambda z: linalg.pinv(tall * z), x, y),
    "solve": at(lambda z: linalg.solve(positive(z), z), x, y),
    "solve with several right sides": at(lambda z: linalg.solve(positive(z), vectors.T * z[:, None]), x, y),
    "solve around a narrow place": at(through_a_solver, wide, other),
    "solve_triangular": at(lambda z: linalg.solve_triangular(torch.triu(positive(z)), z[:, None], upper=True), x, y),
    "cholesky": at(lambda z: linalg.cholesky(positive(z)), x, y),
    "cholesky_solve": at(lambda z: torch.cholesky_solve(z[:, None], linalg.cholesky(positive(z))), x, y),
    "qr": at(lambda z: linalg.qr(positive(z)), x, y),
    "svd": at(lambda z: linalg.svd(positive(z))[1], x, y),
    "svdvals": at(lambda z: linalg.svdvals(tall * z), x, y),
    "eigh": at(lambda z: linalg.eigh(positive(z)).eigenvalues, x, y),
    "projections on eigenvectors": at(lambda z: linalg.eigh(positive(z)).eigenvectors ** 2, x, y),
    "eigvalsh": at(lambda z: linalg.eigvalsh(positive(z)), x, y),
    "det": at(lambda z: linalg.det(positive(z)), x, y),
    "det of a stack": at(lambda z: linalg.det(torch.stack([positive(z), positive(2 * z)])), x, y),
    "slogdet": at(lambda z: linalg.slogdet(positive(z)), x, y),
    "logdet": at(lambda z: torch.logdet(positive(z)), x, y),
    "lstsq": at(lambda z: linalg.lstsq(tall * (2 + z.sin()), numbers_of_right_side).solution, x, y),
    "lu": at(lambda z: linalg.lu(positive(z))[2], x, y),
    "lu_factor and lu_solve": at(lambda z: linalg.lu_solve(*linalg.lu_factor(positive(z)), z[:, None]), x, y),
    "matrix_exp": at(lambda z: linalg.matrix_exp(positive(z) / 20), x, y),
    "matrix_power": at(lambda z: linalg.matrix_power(z, 3), a, b),
    "householder_product": at(lambda z: linalg.householder_product(positive(z).tril(), z[:3] / 5), x, y),
    "vander and trace": at(lambda z: linalg.vander(z, N=3) * torch.trace(positive(z)), x, y),
}
numbers_of_right_side = numbers(6, 2)

test_as_torch_does = as_torch_does(PROGRAMS)

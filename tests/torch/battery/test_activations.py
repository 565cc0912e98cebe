"""Special functions, activations, and losses."""

import torch
from torch_judge import as_torch_does, at, numbers

functional, special = torch.nn.functional, torch.special
x, y = numbers(6), numbers(6)
p, q = x.abs() + 0.5, y.abs() + 0.5
u, v = torch.sigmoid(x), torch.sigmoid(y)
a, b = numbers(3, 4), numbers(3, 4)
into, out = numbers(6, 2), numbers(2, 6)
classes = torch.tensor([0, 3, 1])
targets = numbers(3, 4)

ACTIVATIONS = [
    "relu",
    "relu6",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "tanhshrink",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "logsigmoid",
    "softshrink",
    "hardshrink",
]

PROGRAMS = {name: at(getattr(functional, name), x, y) for name in ACTIVATIONS}
PROGRAMS |= {
    "gelu by tanh in an hourglass": at(lambda z: functional.gelu(z @ into, approximate="tanh") @ out, x, y),
    "mish in an hourglass": at(lambda z: functional.mish(z @ into) @ out, x, y),
    "threshold and prelu": at(lambda z: functional.threshold(z, 0.1, 2.0) + functional.prelu(z, z.new_tensor([0.3])), x, y),
    "softmax, log_softmax, softmin": at(lambda z: z.softmax(1) * z.log_softmax(0) + functional.softmin(z, 1), a, b),
    "glu": at(lambda z: functional.glu(z, 1), a, b),
    "rrelu that is not trained": at(lambda z: functional.rrelu(z, training=False), x, y),
    "gamma functions": at(lambda z: torch.lgamma(z) + torch.digamma(z) + special.multigammaln(z + 2, 2), p, q),
    "polygamma": at(lambda z: special.polygamma(2, z), p, q),
    "error functions": at(lambda z: special.erf(z) + special.erfc(z) * special.erfinv(torch.tanh(z) / 2), x, y),
    "Bessel functions": at(lambda z: special.i0(z) + special.i1(z) * special.i0e(z) + special.i1e(z), x, y),
    "entropies and logits": at(lambda z: special.entr(z) + special.logit(z) + special.xlog1py(z, z), u, v),
    "ndtr and ndtri": at(lambda z: special.ndtr(z) + special.ndtri(z) + special.log_ndtr(z), u, v),
    "zeta": at(lambda z: special.zeta(z.detach() + 2, z.new_tensor(1.5)) * z, p, q),
    "sinc and expit": at(lambda z: torch.sinc(z) + special.expit(z) + special.exp2(z), x, y),
    "gammainc by its second argument": at(lambda z: special.gammainc(z.new_tensor(2.0), z), p, q),
    "mse_loss and l1_loss": at(lambda z: functional.mse_loss(z, targets) + functional.l1_loss(z, targets), a, b),
    "losses without reduction": at(lambda z: functional.smooth_l1_loss(z, targets, reduction="none"), a, b),
    "huber_loss": at(lambda z: functional.huber_loss(z, targets, delta=0.5), a, b),
    "cross_entropy": at(lambda z: functional.cross_entropy(z, classes, label_smoothing=0.1), a, b),
    "nll_loss": at(lambda z: functional.nll_loss(z.log_softmax(1), classes, reduction="none"), a, b),
    "binary cross entropies": at(
        lambda z: (
            functional.binary_cross_entropy(z.sigmoid(), targets.sigmoid())
            + functional.binary_cross_entropy_with_logits(z, targets.sigmoid())
        ),
        a,
        b,
    ),
    "kl_div": at(lambda z: functional.kl_div(z.log_softmax(1), targets.softmax(1), reduction="batchmean"), a, b),
    "cosine_similarity": at(lambda z: functional.cosine_similarity(z, targets), a, b),
    "pairwise_distance": at(lambda z: functional.pairwise_distance(z, targets), a, b),
    "margins": at(lambda z: functional.multi_margin_loss(z, classes) + functional.hinge_embedding_loss(z, targets.sign()), a, b),
    "poisson and gaussian": at(
        lambda z: functional.poisson_nll_loss(z, targets.abs()) + functional.gaussian_nll_loss(z, targets, z**2 + 1), a, b
    ),
    "ctc_loss": at(
        lambda z: functional.ctc_loss(z.log_softmax(1)[:, None], torch.tensor([[1, 2]]), torch.tensor([3]), torch.tensor([2])),
        a,
        b,
    ),
}

test_as_torch_does = as_torch_does(PROGRAMS)

"""Hessians of losses are planned, with the diagonal that they have, and are torch.func.hessian's, at their kinks, too."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402
from torch.testing import assert_close  # noqa: E402

from chainopt.torch import hessian  # noqa: E402 -- it needs PyTorch

F64 = torch.float64
AT_KINKS = torch.tensor([1.0, 0.0, 2.0, -2.0, 0.5, -0.5, 5.0, 0.0, 0.0], dtype=F64)
TARGETS = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5, 0.0, 0.0, 0.0, 3.0], dtype=F64)
CLASSES, SHARES = torch.tensor([0, 2, -100]), torch.tensor([0.5, 2.0, 1.0], dtype=F64)
LABELS = TARGETS.clamp(0, 1)
DESIGN = torch.as_tensor(np.random.default_rng(0).standard_normal((9, 4)))


def logarithms(z, reduction):
    logarithm = functional.logsigmoid(z)
    return logarithm if reduction == "none" else getattr(logarithm, reduction)()


LOSSES = {
    "squares": lambda z, how: functional.mse_loss(z, TARGETS, reduction=how),
    "squares of what is predicted": lambda z, how: functional.mse_loss(TARGETS, z, reduction=how),
    "squares of functions": lambda z, how: functional.mse_loss(z.sin(), z.flip(0) ** 2, reduction=how),
    "Huber": lambda z, how: functional.huber_loss(z, TARGETS, reduction=how),
    "Huber, narrow": lambda z, how: functional.huber_loss(z, TARGETS, reduction=how, delta=0.5),
    "smooth L1": lambda z, how: functional.smooth_l1_loss(z, TARGETS, reduction=how),
    "logarithms of sigmoids": logarithms,
    "several labels": lambda z, how: functional.multilabel_soft_margin_loss(z.view(3, 3), LABELS.view(3, 3), reduction=how),
    "logistic": lambda z, how: functional.binary_cross_entropy_with_logits(z, LABELS, reduction=how),
    "logistic, weighted": lambda z, how: functional.binary_cross_entropy_with_logits(
        z, LABELS, weight=LABELS + 1, pos_weight=TARGETS + 2, reduction=how
    ),
    "binary entropy": lambda z, how: functional.binary_cross_entropy(z.sigmoid(), LABELS, reduction=how),
    "entropy": lambda z, how: functional.cross_entropy(z.view(3, 3), CLASSES, reduction=how),
    "entropy, weighted": lambda z, how: functional.cross_entropy(z.view(3, 3), CLASSES, weight=SHARES, reduction=how),
    "entropy, smoothed": lambda z, how: functional.cross_entropy(z.view(3, 3), CLASSES, label_smoothing=0.1, reduction=how),
    "entropy of an image": lambda z, how: functional.cross_entropy(z.view(1, 3, 3, 1), CLASSES.view(1, 3, 1), reduction=how),
    "Poisson": lambda z, how: functional.poisson_nll_loss(z, LABELS, reduction=how),
}


def weighted(loss, how):
    """Return a loss as a number, each entry of it with another weight."""

    def number(z):
        entries = loss(z, how)
        return (entries * torch.linspace(0.5, 2, entries.numel(), dtype=z.dtype).view(entries.shape)).sum()

    return number


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")  # PyTorch's own, of logsigmoid under vmap
@pytest.mark.parametrize("how", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_as_torch_func_hessian(name, how):
    loss = weighted(LOSSES[name], how)
    for function, points in (
        (loss, [AT_KINKS, AT_KINKS.flip(0) / 2]),
        (lambda w: loss(DESIGN @ w), [AT_KINKS[:4], AT_KINKS[4:8]]),
        (lambda w: loss(torch.tanh(DESIGN @ w)), [AT_KINKS[:4], AT_KINKS[4:8]]),
    ):
        planned, reference = hessian(function, mode="planned"), torch.func.hessian(function)
        for point in points:
            assert_close(planned(point), reference(point), rtol=1e-10, atol=1e-12)
        batch = torch.stack(points)
        assert_close(torch.vmap(hessian(function))(batch), torch.vmap(reference)(batch), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["squares", "Huber", "logarithms of sigmoids", "logistic", "entropy, weighted"])
def test_third_derivatives(name):
    loss = weighted(LOSSES[name], "mean")
    auto = hessian(lambda w: loss(DESIGN @ w))
    point = torch.tensor([0.3, -0.2, 0.7, 0.1], dtype=F64)
    auto(point)
    third = torch.func.jacrev(auto)(point)
    assert_close(third, torch.func.jacrev(torch.func.hessian(lambda w: loss(DESIGN @ w)))(point), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["mse_loss", "huber_loss", "smooth_l1_loss", "binary_cross_entropy"])
def test_a_diagonal_is_seen(name):
    design = torch.as_tensor(np.random.default_rng(1).standard_normal((200, 30)))
    labels = (design[:, 0] > 0).double()
    plan = hessian(lambda w: getattr(functional, name)(torch.sigmoid(design @ w), labels), mode="planned").plan(design[0])
    assert "[200x200 diagonal]" in str(plan)


def test_classes_as_an_argument():
    planned = hessian(lambda w, classes: functional.cross_entropy((DESIGN @ w).view(3, 3), classes))
    reference = torch.func.hessian(lambda w, classes: functional.cross_entropy((DESIGN @ w).view(3, 3), classes))
    for classes in (CLASSES, torch.tensor([1, 1, 2]), torch.tensor([-100, 0, 0])):
        for _ in range(3):
            assert_close(planned(AT_KINKS[:4], classes), reference(AT_KINKS[:4], classes), rtol=1e-10, atol=1e-12)
    with pytest.raises(IndexError, match="out of bounds"):
        planned(AT_KINKS[:4], torch.tensor([0, 5, 1]))

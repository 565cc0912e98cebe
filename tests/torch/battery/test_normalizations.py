"""Normalizations, whose statistics are the batch's or kept ones, and the buffers that they change."""

import torch
from torch_judge import as_torch_does, at, numbers, seeded

functional, nn = torch.nn.functional, torch.nn
batch, other = numbers(4, 6), numbers(4, 6)
images, others = numbers(2, 4, 3, 3), numbers(2, 4, 3, 3)
weight = numbers(6)


def norm_1d(*, training, **options):
    made = seeded(lambda: nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3, **options), nn.Tanh(), nn.Linear(3, 5)))
    return made.train(training)


evaluated, trained, untracked = norm_1d(training=False), norm_1d(training=True), norm_1d(training=True, track_running_stats=False)
cumulative = norm_1d(training=True, momentum=None)
images_evaluated = seeded(lambda: nn.BatchNorm2d(4)).eval()
with torch.no_grad():
    images_evaluated.running_mean += 0.3
    images_evaluated.running_var *= 2
instances = seeded(lambda: nn.InstanceNorm1d(4, affine=True, track_running_stats=True)).eval()

PROGRAMS = {
    "BatchNorm in eval mode": at(evaluated, batch, other, module=evaluated),
    "BatchNorm in train mode": at(trained, batch, other, module=trained),
    "BatchNorm in train mode, one row": at(trained, batch[:1], other[:1], module=trained),
    "BatchNorm without statistics": at(untracked, batch, other, module=untracked),
    "BatchNorm with cumulative statistics": at(cumulative, batch, other, module=cumulative),
    "BatchNorm2d in eval mode": at(images_evaluated, images, others, module=images_evaluated),
    "batch_norm of the batch itself": at(lambda z: functional.batch_norm(z, None, None, training=True), batch, other),
    "layer_norm": at(lambda z: functional.layer_norm(z, (6,), weight, weight), batch, other),
    "layer_norm by its weight": at(lambda z, w: functional.layer_norm(z, (6,), w), (batch, weight), (other, -weight), argnums=1),
    "rms_norm": at(lambda z: functional.rms_norm(z, (6,), weight), batch, other),
    "group_norm": at(lambda z: functional.group_norm(z, 2), images, others),
    "instance_norm": at(lambda z: functional.instance_norm(z), images, others),
    "InstanceNorm with kept statistics": at(instances, images[..., 0], others[..., 0], module=instances),
    "local_response_norm": at(lambda z: functional.local_response_norm(z, 2), images, others),
    "normalize": at(lambda z: functional.normalize(z, dim=1), batch, other),
    "weight_norm": at(nn.utils.parametrizations.weight_norm(seeded(lambda: nn.Linear(6, 3))), batch, other),
    "spectral_norm in eval mode": at(
        nn.utils.parametrizations.spectral_norm(seeded(lambda: nn.Linear(6, 3))).eval(), batch, other
    ),
}

test_as_torch_does = as_torch_does(PROGRAMS)

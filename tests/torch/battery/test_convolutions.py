"""Convolutions, pooling, and interpolation."""

import torch
from torch_judge import as_torch_does, at, numbers, seeded

functional, nn = torch.nn.functional, torch.nn
line, other_line = numbers(1, 2, 8), numbers(1, 2, 8)
image, other_image = numbers(1, 2, 6, 6), numbers(1, 2, 6, 6)
kernel, narrow_kernel = numbers(3, 2, 3), numbers(4, 2, 3, 3)
network = seeded(lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3), nn.Tanh()))
autoencoder = seeded(lambda: nn.Sequential(nn.Conv1d(2, 1, 3, stride=2), nn.Tanh(), nn.ConvTranspose1d(1, 2, 4, stride=2)))

PROGRAMS = {
    "conv1d": at(lambda z: functional.conv1d(z, kernel, padding=1), line, other_line),
    "conv1d by the kernel": at(lambda z, k: functional.conv1d(z, k), (line, kernel), (other_line, -kernel), argnums=1),
    "conv1d by itself": at(lambda z: functional.conv1d(z, z[:, :, :3] ** 2), line, other_line),
    "conv2d with stride and dilation": at(
        lambda z: functional.conv2d(z, narrow_kernel, stride=2, dilation=2), image, other_image
    ),
    "conv2d in groups": at(lambda z: functional.conv2d(z, narrow_kernel[:2, :1], groups=2), image, other_image),
    "conv_transpose2d": at(
        lambda z: functional.conv_transpose2d(z, narrow_kernel.transpose(0, 1), stride=2),
        image[..., :3, :3],
        other_image[..., :3, :3],
    ),
    "max_pool1d": at(lambda z: functional.max_pool1d(z, 2), line, other_line),
    "max_pool2d with its indices": at(lambda z: functional.max_pool2d(z, 2, return_indices=True)[0] ** 2, image, other_image),
    "avg_pool": at(lambda z: functional.avg_pool2d(z, 3, stride=2) ** 2, image, other_image),
    "adaptive pools": at(
        lambda z: functional.adaptive_avg_pool2d(z, 2) * functional.adaptive_max_pool2d(z, 2), image, other_image
    ),
    "lp_pool": at(lambda z: functional.lp_pool1d(z.abs() + 0.1, 2, 2), line, other_line),
    "interpolation": at(
        lambda z: functional.interpolate(z, scale_factor=2, mode="bilinear", align_corners=False),
        image[..., :2, :2],
        other_image[..., :2, :2],
    ),
    "nearest neighbors": at(lambda z: functional.interpolate(z, size=5) ** 2, line, other_line),
    "unfold and fold": at(lambda z: functional.fold(functional.unfold(z, 3) ** 2, (6, 6), 3), image, other_image),
    "grid_sample": at(
        lambda z: functional.grid_sample(z, torch.tanh(z[:, :, :2, :2].permute(0, 2, 3, 1)), align_corners=False),
        image,
        other_image,
    ),
    "a network of convolutions": at(network, image, other_image),
    "an autoencoder": at(autoencoder, line, other_line),
}

test_as_torch_does = as_torch_does(PROGRAMS)

"""Fourier transforms, and complex numbers inside of functions of real ones."""

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(8), numbers(8)
a, b = numbers(4, 6), numbers(4, 6)
fft = torch.fft
into, out = numbers(8, 2), numbers(2, 8)

PROGRAMS = {
    "fft as pairs of reals": at(lambda z: torch.view_as_real(fft.fft(z)), x, y),
    "the power of rfft": at(lambda z: fft.rfft(z).abs() ** 2, x, y),
    "there and back": at(lambda z: fft.irfft(fft.rfft(z) * 2, n=8), x, y),
    "a filter": at(lambda z: fft.ifft(fft.fft(z) * torch.arange(8)).real, x, y),
    "fft2 and shifts": at(lambda z: fft.fftshift(fft.fft2(z)).imag, a, b),
    "rfftn and ihfft": at(lambda z: fft.rfftn(z).real.sum(1) + fft.ihfft(z).imag.sum(1), a, b),
    "hfft": at(lambda z: fft.hfft(fft.ihfft(z), n=8) ** 2, x, y),
    "a filter around an hourglass": at(lambda z: fft.irfft(fft.rfft(torch.tanh(z @ into) @ out), n=8) + z, x, y),
    "polar numbers": at(lambda z: torch.polar(z[:4].abs() + 1, z[4:]).real, x, y),
    "complex of two reals": at(lambda z: torch.complex(z, z**2).abs(), x, y),
    "angles": at(lambda z: torch.angle(torch.complex(z, 1 + z**2)), x, y),
    "complex products": at(lambda z: (torch.complex(z, -z) * torch.complex(z, z).conj()).real, x, y),
    "exp of an imaginary number": at(lambda z: torch.exp(1j * z).imag, x, y),
    "eigenvalues by magnitude": at(lambda z: torch.linalg.eigvals(z[:, :4]).abs().sum(), a, b),
    "a complex result": at(fft.rfft, x, y),
    "stft": at(lambda z: torch.stft(z, 4, window=torch.ones(4, dtype=z.dtype), return_complex=True, center=False).abs(), x, y),
}

test_as_torch_does = as_torch_does(PROGRAMS)

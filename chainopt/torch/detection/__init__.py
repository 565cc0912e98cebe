"""Patterns of the Jacobians of PyTorch functions, found in their recorded operators."""

from chainopt.torch.detection.detect import Found as Found
from chainopt.torch.detection.detect import dense as dense
from chainopt.torch.detection.detect import detect as detect
from chainopt.torch.detection.recording import Recording as Recording
from chainopt.torch.detection.recording import called_at as called_at
from chainopt.torch.detection.recording import recorded as recorded
from chainopt.torch.detection.values import Watched as Watched

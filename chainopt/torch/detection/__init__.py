"""Patterns of the Jacobians of PyTorch functions, found in their recorded operators."""

from chainopt.torch.detection.detect import Found as Found
from chainopt.torch.detection.detect import dense as dense
from chainopt.torch.detection.detect import detect as detect
from chainopt.torch.detection.recording import Recording as Recording
from chainopt.torch.detection.recording import called_at as called_at
from chainopt.torch.detection.recording import like as like
from chainopt.torch.detection.recording import recorded as recorded
from chainopt.torch.detection.recording import unseen as unseen
from chainopt.torch.detection.recording import without_writing as without_writing
from chainopt.torch.detection.values import Operand as Operand
from chainopt.torch.detection.values import Watched as Watched
from chainopt.torch.detection.walk import Walk as Walk
